"""What a page says to whoever collects pages: where its links go, whether it may be taken, whose copy it is."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import lxml.html
from lxml import etree

from knowledge.connectors.web.addresses import normal
from knowledge.fetching.errors import RefusedError

MOST_LINKS = 5000
_UNSEEN = frozenset({"script", "style", "noscript", "template", "svg", "iframe", "input", "head", "link", "meta"})
_SIGN_IN = re.compile(
    r"\b(?:sign(?:ed)?[ -]?in|log(?:ged)?[ -]?(?:in|on)|anmeld\w*|einlogg\w*|connexion|accedi)\b", re.I
)
_OURS = ("robots", "parley")


@dataclass(frozen=True)
class Directions:
    """What a page or its headers ask of collectors."""

    is_taken: bool = True
    is_followed: bool = True

    @classmethod
    def read(cls, values: Iterable[str]) -> Directions:
        words = {word.strip().lower() for value in values for word in value.split(",")}
        return cls(
            is_taken=not words & {"noindex", "none"},
            is_followed=not words & {"nofollow", "none"},
        )

    def __and__(self, other: Directions) -> Directions:
        return Directions(self.is_taken and other.is_taken, self.is_followed and other.is_followed)


@dataclass(frozen=True)
class PageRead:
    """A page as a collector sees it. ``words`` is a digest of what people read there, in its structure."""

    title: str = ""
    words: str = ""
    links: list[str] = field(default_factory=list)
    canonical: str = ""
    directions: Directions = field(default_factory=Directions)
    asks_to_sign_in: bool = False


def header_directions(values: Iterable[str]) -> Directions:
    """From X-Robots-Tag headers; those meant for another collector do not count."""
    ours = []
    for value in values:
        agent, colon, rest = value.partition(":")
        if not colon or agent.strip().lower() == "unavailable_after":
            ours.append(value)
        elif agent.strip().lower() in _OURS:
            ours.append(rest)
    return Directions.read(ours)


def read_page(body: bytes, url: str) -> PageRead:
    """Look at the HTML found at ``url`` (UTF-8, or as it says itself). What cannot be read is an empty page."""
    root = _parsed(body)
    if root is None:
        return PageRead(words=hashlib.sha256(body).hexdigest()[:40])
    title = " ".join((root.findtext(".//title") or "").split())
    base = next((element.get("href") or "" for element in root.iter("base")), "")
    directions = Directions.read(
        element.get("content") or ""
        for element in root.iter("meta")
        if (element.get("name") or "").strip().lower() in _OURS
    )
    return PageRead(
        title=title,
        words=_words(root, title),
        links=list(_links(root, _usable(base, url) or url)),
        canonical=next(iter(_canonicals(root, url)), ""),
        directions=directions,
        asks_to_sign_in=_asks_to_sign_in(root, title),
    )


def _parsed(body: bytes) -> etree._Element | None:
    encoding = None
    try:
        body.decode("utf-8")
        encoding = "utf-8"
    except UnicodeDecodeError:
        pass  # lxml then believes what the page says of itself
    parser = lxml.html.HTMLParser(encoding=encoding, no_network=True, huge_tree=False, remove_comments=True)
    try:
        return lxml.html.document_fromstring(body, parser=parser)
    except (etree.ParserError, etree.XMLSyntaxError, ValueError):
        return None


def _links(root: etree._Element, base: str) -> Iterator[str]:
    seen: set[str] = set()
    for element in root.iter("a", "area"):
        href = element.get("href")
        if not href or "nofollow" in (element.get("rel") or "").lower().split() or len(seen) >= MOST_LINKS:
            continue
        target = _usable(href, base)
        if target and target not in seen:
            seen.add(target)
            yield target


def _canonicals(root: etree._Element, url: str) -> Iterator[str]:
    for element in root.iter("link"):
        if "canonical" in (element.get("rel") or "").lower().split() and (
            target := _usable(element.get("href") or "", url)
        ):
            yield target


def _usable(href: str, base: str) -> str:
    """The address a link leads to, or "" when that is none of the web."""
    try:
        return normal(href, base) if href else ""
    except RefusedError:
        return ""


def _words(root: etree._Element, title: str) -> str:
    """A digest that stays when only scripts, tokens and attributes change, as they do with every visit."""
    digest = hashlib.sha256(title.encode("utf-8", "replace"))
    unseen: etree._Element | None = None
    for event, element in etree.iterwalk(root, events=("start", "end")):
        if event == "end":
            if element is unseen:
                unseen = None
            if unseen is None:
                digest.update(" ".join((element.tail or "").split()).encode("utf-8", "replace"))
        elif unseen is None:
            if not isinstance(element.tag, str) or element.tag in _UNSEEN:
                unseen = element
            else:
                shown = f"<{element.tag}>{' '.join((element.text or '').split())}"
                digest.update(shown.encode("utf-8", "replace"))
    return digest.hexdigest()[:40]


def _asks_to_sign_in(root: etree._Element, title: str) -> bool:
    """A password field alone is a corner of many pages; with a title or heading that says so it is the page."""
    if not any((element.get("type") or "").lower() == "password" for element in root.iter("input")):
        return False
    headings = ["".join(map(str, element.itertext())) for element in root.iter("h1", "h2", "legend")]
    return any(_SIGN_IN.search(text) for text in [title, *headings])
