"""The pages that a site lists itself: sitemaps, in XML or as lines of text, plain or packed."""

from __future__ import annotations

from collections.abc import Iterator

from lxml import etree

from knowledge.connectors.web.addresses import normal
from knowledge.fetching.asking import Ask, Fetcher, Limits, gunzipped
from knowledge.fetching.errors import FetchError, RefusedError, TooMuchError

MOST_SITEMAPS = 50
_LIMITS = Limits(bytes=20_000_000, total_seconds=60)


class SitemapError(Exception):
    """A sitemap cannot be read; ``reason`` is a sentence."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def pages_in(fetcher: Fetcher, sitemap: str, most: int) -> Iterator[str]:
    """The addresses of a sitemap and of those it lists, in order. Raises SitemapError.

    Sitemaps may be XML, a text file with one address a line, and packed with gzip.
    """
    waiting, seen, count = [sitemap], {sitemap}, 0
    while waiting and count < most:
        children, pages = _locations(_body(fetcher, waiting.pop(0)))
        for page in pages:
            try:
                yield normal(page)
            except RefusedError:
                continue
            count += 1
            if count >= most:
                return
        for child in children:
            if child not in seen and len(seen) < MOST_SITEMAPS:
                seen.add(child)
                waiting.append(child)


def _body(fetcher: Fetcher, url: str) -> bytes:
    try:
        with fetcher.open(Ask(url), _LIMITS) as answer:
            if answer.status != 200:
                raise SitemapError(f"The sitemap {url} cannot be read ({answer.status}).")
            body = answer.read()
        return _limited(gunzipped(iter([body]))) if body.startswith(b"\x1f\x8b") else body
    except FetchError as error:
        raise SitemapError(f"The sitemap {url} cannot be read: {error.reason}") from error


def _limited(pieces: Iterator[bytes]) -> bytes:
    read = bytearray()
    for piece in pieces:
        read += piece
        if len(read) > _LIMITS.bytes:
            raise TooMuchError("It is too large.")
    return bytes(read)


def _locations(body: bytes) -> tuple[list[str], list[str]]:
    """The sitemaps and the pages that a sitemap lists."""
    if not body.lstrip().startswith(b"<"):
        return [], [line for line in body.decode("utf-8-sig", "replace").split() if "://" in line]
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, recover=True)
    try:
        root = etree.fromstring(body, parser)
    except etree.XMLSyntaxError:
        root = None
    if root is None:
        raise SitemapError("A sitemap holds no XML that can be read.")
    found: dict[str, list[str]] = {"sitemap": [], "url": []}
    for location in root.iter("{*}loc"):
        parent = location.getparent()
        kind = etree.QName(parent).localname if parent is not None else ""
        if kind in found and location.text:
            found[kind].append(location.text.strip())
    return found["sitemap"], found["url"]
