"""Web addresses as keys: one spelling for what is one page."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from urllib.parse import unquote, urljoin, urlsplit, urlunsplit

from knowledge.extraction.formats import FORMATS
from knowledge.fetching.asking import parse
from knowledge.fetching.errors import RefusedError

LONGEST = 500
_TRACKING = re.compile(r"(?:utm_\w+|gclid|fbclid|msclkid|mc_cid|mc_eid|_ga|igshid|phpsessid)$", re.I)
_SESSION = re.compile(r";jsessionid=[^/?#]*", re.I)
_UNRESERVED = re.compile(r"%([0-9A-Fa-f]{2})")
_PLAIN = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
_DEFAULT_PORTS = {"http": 80, "https": 443}
_ENDINGS = {media.media_type: ending for ending, media in reversed(FORMATS.items())} | {
    "application/xhtml+xml": ".html",
    "text/x-markdown": ".md",
    "application/csv": ".csv",
    "text/rtf": ".rtf",
}
_SAYS_NOTHING = ("", "application/octet-stream", "binary/octet-stream", "text/plain")


def normal(url: str, base: str = "") -> str:
    """The one spelling of an address, without its fragment and what only counts visitors.

    Raises RefusedError for what is not a web address.
    """
    joined = _joined(url.strip(), base)
    parsed = parse(joined)
    parts = urlsplit(joined)
    host = f"[{parsed.host}]" if ":" in parsed.host else parsed.raw_host.decode("ascii")
    port = "" if parsed.port in (None, _DEFAULT_PORTS[parsed.scheme]) else f":{parsed.port}"
    path = _escaped(_SESSION.sub("", _without_dots(parts.path))) or "/"
    query = "&".join(pair for pair in parts.query.split("&") if not _TRACKING.match(pair.partition("=")[0]))
    return urlunsplit((parsed.scheme, host + port, path, _escaped(query), ""))


def host_of(url: str) -> str:
    """The host with its port, where that is not the scheme's own."""
    return urlsplit(url).netloc.lower()


def ending_for(media_type: str, url: str) -> str | None:
    """The ending of a file of this type that Parley reads; None when it reads none."""
    own = PurePosixPath(unquote(urlsplit(url).path)).suffix.lower()
    if media_type in _SAYS_NOTHING and own in FORMATS:
        return own
    return _ENDINGS.get(media_type)


def name_for(url: str, ending: str) -> str:
    """A file name for the page: the last part of its path, or its host, with the ending that says its format."""
    parts = urlsplit(url)
    last = PurePosixPath(unquote(parts.path)).name or parts.hostname or "page"
    if PurePosixPath(last).suffix.lower() == ending:
        return last[-200:]
    return f"{last[:200]}{ending}"


def _joined(url: str, base: str) -> str:
    try:
        return urljoin(base, url) if base else url
    except ValueError as error:
        raise RefusedError(f"{url[:200]} is not a web address.") from error


def _without_dots(path: str) -> str:
    """The path with ``.`` and ``..`` resolved, as a browser would before it asks."""
    if "/." not in path or path.startswith("//"):
        return path
    return urlsplit(urljoin("http://host/", path)).path


def _escaped(text: str) -> str:
    """Percent signs in one spelling: what needs none has none, the others are upper case."""

    def one(match: re.Match[str]) -> str:
        character = chr(int(match[1], 16))
        return character if character in _PLAIN else match[0].upper()

    words = "".join(character if character.isascii() and character > " " else _quoted(character) for character in text)
    return _UNRESERVED.sub(one, words)


def _quoted(character: str) -> str:
    return "".join(f"%{byte:02X}" for byte in character.encode("utf-8", "replace"))
