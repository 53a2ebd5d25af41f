"""The way through a site: start pages and sitemaps first, then what they link to, nearest first.

Every page is asked at every run, because its links may have changed; whether the page itself has is told by a digest of
its words, since tokens and dates in the markup change with every visit. Other files (PDF, Word) lead nowhere: those are
asked only whether they changed, by the ETag or date that came with them. A page that fails today is not taken for gone,
and neither is what only it leads to.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from knowledge.connectors.base import Item, LeftOut, Patterns, SourceUnreachableError
from knowledge.connectors.web.addresses import LONGEST, ending_for, host_of, name_for, normal
from knowledge.connectors.web.bodies import Bodies
from knowledge.connectors.web.manners import TiredError, Visitor
from knowledge.connectors.web.pages import Directions, PageRead, header_directions, read_page
from knowledge.fetching.asking import Answer, Ask
from knowledge.fetching.errors import RefusedError, TooMuchError, UnansweredError

Found = Item | LeftOut
HTML = ".html"
MOST_HOPS = 5
LARGEST_PAGE = 10_000_000
_REDIRECTS = (301, 302, 303, 307, 308)
_CLOSED = (401, 403, 407)
_GONE = (404, 410)


@dataclass(frozen=True)
class Bounds:
    """How far to go. With ``may_move`` a start page's redirect to another host lets that host in too."""

    starts: tuple[str, ...]
    hosts: frozenset[str]
    depth: int
    limit: int
    may_move: bool = False


@dataclass(frozen=True)
class Link:
    """A page to visit: how many links from the start, after how many redirects."""

    url: str
    depth: int = 0
    hops: int = 0
    is_start: bool = False


@dataclass
class Crawl:
    """One run over a site. ``failures`` says, by key, why what it found cannot be read."""

    bounds: Bounds
    visitor: Visitor
    patterns: Patterns
    bodies: Bodies
    known: Mapping[str, str]
    is_complete: bool = True
    failures: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._queue: deque[Link] = deque()
        self._met: set[str] = set()
        self._visited: set[str] = set()
        self._keys: set[str] = set()
        self._hosts = set(self.bounds.hosts)
        self._answers = 0
        self.trouble = ""

    def found(self, listed: list[str]) -> Iterator[Found]:
        """Everything wanted, nearest first; ``listed`` is what sitemaps name.

        Raises SourceUnreachableError when no page at all can be read.
        """
        self._queue.extend(Link(url, is_start=True) for url in self.bounds.starts)
        self._queue.extend(Link(url) for url in listed)
        taken = 0
        while self._queue:
            if taken >= self.bounds.limit or len(self._visited) >= 3 * self.bounds.limit + 100:
                self.is_complete = False
                break
            for entry in self._visit(self._queue.popleft()):
                if self.patterns.admits(entry.key):
                    taken += isinstance(entry, Item)
                    yield entry
        if not self._answers:
            raise SourceUnreachableError(self.trouble or "No page of it can be read.")

    def _visit(self, link: Link) -> Iterator[Found]:
        if link.url in self._visited or not self._is_wanted(link):
            return
        self._visited.add(link.url)
        if len(link.url) > LONGEST:
            yield LeftOut(link.url[:LONGEST], f"Its address is longer than {LONGEST} characters.")
            return
        try:
            if not self.visitor.allows(link.url):
                yield self._left_out(link, "The robots.txt of the site asks Parley not to take it.")
                return
            with self.visitor.ask(Ask(link.url, headers=self._conditions(link.url))) as answer:
                yield from self._judge(link, answer)
        except TiredError as error:  # named once, by the page that tired it
            self._note(error.reason)
        except TooMuchError as error:
            yield self._left_out(link, error.reason)
        except RefusedError as error:
            was_open = link.url in self.known
            yield self._failed(link, error.reason) if was_open else self._left_out(link, error.reason)
        except UnansweredError as error:
            yield self._failed(link, error.reason)

    def _is_wanted(self, link: Link) -> bool:
        return link.is_start or (host_of(link.url) in self._hosts and self.patterns.admits(link.url))

    def _conditions(self, url: str) -> dict[str, str]:
        """The headers that ask for a file only if it has changed."""
        ending, _, sign = self.known.get(url, "").partition(" ")
        kind, _, value = sign.partition(":")
        if ending == HTML or not value:
            return {}
        return {"If-None-Match": value} if kind == "etag" else {"If-Modified-Since": value}

    def _judge(self, link: Link, answer: Answer) -> Iterator[Found]:
        status = answer.status
        if status == 200:
            self._answers += 1
            yield from self._take(link, answer)
        elif status == 304 and link.url in self.known:
            self._answers += 1
            yield self._item(link.url, self.known[link.url])
        elif status in _REDIRECTS and "location" in answer.headers:
            yield from self._redirected(link, answer.headers["location"])
        elif status in _GONE:
            yield self._left_out(link, f"The site has no such page ({status}).")
        elif status in _CLOSED and link.url not in self.known:
            yield self._left_out(link, f"It is not open to everybody ({status}), and Parley cannot sign in there.")
        elif status < 500 and status not in (*_CLOSED, 408, 425, 429):
            yield self._left_out(link, f"The site gives no page for it ({status}).")
        else:
            yield self._failed(link, f"The site does not give it now ({status}).")

    def _redirected(self, link: Link, location: str) -> Iterator[Found]:
        target = normal(location, link.url)
        if link.is_start and self.bounds.may_move:
            self._hosts.add(host_of(target))
        if host_of(target) not in self._hosts:
            yield self._left_out(link, f"It leads to another site, {host_of(target)}.")
        elif link.hops >= MOST_HOPS:
            yield self._left_out(link, "It redirects again and again.")
        else:
            self._queue.appendleft(replace(link, url=target, hops=link.hops + 1))

    def _take(self, link: Link, answer: Answer) -> Iterator[Found]:
        ending = ending_for(answer.media_type, link.url)
        directions = header_directions(answer.headers.get_list("x-robots-tag"))
        if ending is None:
            yield self._left_out(link, f"Parley does not read {answer.media_type or 'files of an unknown type'}.")
        elif ending == HTML:
            body = _as_utf8(_all_of(answer), answer)
            yield from self._take_page(link, body, directions)
        elif not directions.is_taken:
            yield self._left_out(link, "The site asks that it is not taken (noindex).")
        else:
            fingerprint = _sign_of(answer, ending)
            if not fingerprint or fingerprint != self.known.get(link.url):
                self.bodies.keep(link.url, answer.pieces())
            yield self._item(link.url, fingerprint, ending)

    def _take_page(self, link: Link, body: bytes, directions: Directions) -> Iterator[Found]:
        page = read_page(body, link.url)
        directions &= page.directions
        if directions.is_followed and link.depth < self.bounds.depth:
            self._follow(page.links, link.depth + 1)
        key = self._key_of(page, link.url)
        if page.asks_to_sign_in:
            yield self._left_out(link, "It is a page to sign in on.")
        elif not directions.is_taken:
            yield self._left_out(link, "The page asks not to be taken (noindex).")
        elif key in self._keys:
            yield self._left_out(link, f"It says that it is a copy of {key}.")
        else:
            self._visited.add(key)
            fingerprint = f"{HTML} {page.words}"
            if fingerprint != self.known.get(key):
                self.bodies.keep(key, [body])
            yield self._item(key, fingerprint, HTML)

    def _key_of(self, page: PageRead, url: str) -> str:
        """The address that the page gives itself, when that is one of the same host."""
        own = page.canonical
        if own and host_of(own) == host_of(url) and len(own) <= LONGEST and self.patterns.admits(own):
            return own
        return url

    def _follow(self, links: list[str], depth: int) -> None:
        most = 20 * self.bounds.limit + 1000
        for url in links:
            if url in self._met or host_of(url) not in self._hosts:
                continue
            if len(self._met) >= most:
                self.is_complete = False
                return
            self._met.add(url)
            self._queue.append(Link(url, depth))

    def _item(self, key: str, fingerprint: str, ending: str = "") -> Item:
        self._keys.add(key)
        return Item(key, name_for(key, ending or fingerprint.partition(" ")[0] or HTML), fingerprint, key)

    def _left_out(self, link: Link, reason: str) -> LeftOut:
        if link.is_start:
            self.trouble = self.trouble or f"{link.url}: {reason}"
        return LeftOut(link.url, reason)

    def _failed(self, link: Link, reason: str) -> Item:
        self._note(reason)
        self.failures[link.url] = reason
        return replace(self._item(link.url, self.known.get(link.url, "")), fingerprint="")

    def _note(self, reason: str) -> None:
        self.is_complete = False
        self.trouble = self.trouble or reason


def body_of(answer: Answer) -> Iterator[bytes]:
    """The body as it is kept: pages in UTF-8, whatever the server sent. Raises FetchError."""
    if ending_for(answer.media_type, answer.url) == HTML:
        yield _as_utf8(_all_of(answer), answer)
    else:
        yield from answer.pieces()


def _all_of(answer: Answer) -> bytes:
    """A page's body. Raises TooMuchError past what a page may have."""
    body = bytearray()
    for piece in answer.pieces():
        body += piece
        if len(body) > LARGEST_PAGE:
            raise TooMuchError(f"The page is larger than {LARGEST_PAGE // 1_000_000} MB.")
    return bytes(body)


def _as_utf8(body: bytes, answer: Answer) -> bytes:
    """The page in UTF-8 when its header names another encoding, which a reader of the file would not know."""
    charset = answer.headers.get("content-type", "").lower().partition("charset=")[2].strip(" \"';")
    if charset in ("", "utf-8", "utf8"):
        return body
    try:
        return body.decode(charset).encode()
    except (LookupError, UnicodeError):
        return body


def _sign_of(answer: Answer, ending: str) -> str:
    """What tells the next run that a file has not changed; "" when the server says nothing of the kind."""
    for kind, name in (("etag", "etag"), ("modified", "last-modified")):
        if value := answer.headers.get(name, ""):
            return f"{ending} {kind}:{value}" if len(value) <= 150 and value.isprintable() else ""
    return ""
