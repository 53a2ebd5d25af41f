"""How sites ask to be treated: which pages robots.txt lets be asked, with what pauses, and when to come back."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from urllib.parse import urljoin, urlsplit

from protego import Protego

from knowledge.connectors.web.addresses import host_of
from knowledge.fetching.asking import Answer, Ask, Fetcher, Limits
from knowledge.fetching.errors import FetchError, RefusedError, TooMuchError, UnansweredError

AGENT = "Parley"
LONGEST_DELAY = 30.0
LONGEST_WAIT = 60.0
ALL_WAITS = 600.0
SILENCES = 3
_ROBOTS = Limits(bytes=500_000, total_seconds=30, silence_seconds=15)


class TiredError(FetchError):
    """This host is not asked any more in this run."""


@dataclass
class Host:
    """One host of the run: its rules, when it was asked last, and why it is left alone now."""

    rules: Protego = field(default_factory=lambda: Protego.parse(""))
    asked_at: float = 0.0
    silences: int = 0
    tired: str = ""


class Visitor:
    """Asks pages as their sites wish: allowed ones, one after another, with pauses.

    A host that does not answer three times in a row, or asks for more patience than there is, is asked no more.
    """

    def __init__(self, fetcher: Fetcher, limits: Limits, delay: float = 0.0) -> None:
        self._fetcher, self._limits, self._delay = fetcher, replace(limits, redirects=0), delay
        self._hosts: dict[str, Host] = {}
        self._waits_left = ALL_WAITS

    def allows(self, url: str) -> bool:
        """Whether the site's robots.txt lets Parley ask this. Raises FetchError when the site cannot say."""
        return bool(self._host(url).rules.can_fetch(url, AGENT))

    def sitemaps(self, url: str) -> list[str]:
        """Those that the robots.txt of a page's site names. Raises FetchError when the site cannot say."""
        return [urljoin(url, address) for address in self._host(url).rules.sitemaps]

    def ask(self, ask: Ask) -> Answer:
        """One page, not its redirect's target. Raises FetchError."""
        host = self._host(ask.url)
        try:
            answer = self._patiently(host, ask)
        except UnansweredError as error:
            host.silences += 1
            if host.silences >= SILENCES:
                host.tired = error.reason
            raise
        host.silences = 0
        return answer

    def _patiently(self, host: Host, ask: Ask) -> Answer:
        while True:
            self._pause(host)
            answer = self._fetcher.open(ask, self._limits)
            wait = _retry_after(answer)
            if wait is None:
                return answer
            if wait > min(LONGEST_WAIT, self._waits_left):
                host.tired = f"{host_of(ask.url)} asks Parley to come back later ({answer.status})."
                return answer
            answer.close()
            self._waits_left -= max(wait, 1.0)
            time.sleep(wait)

    def _pause(self, host: Host) -> None:
        asked = min(float(host.rules.crawl_delay(AGENT) or 0.0), LONGEST_DELAY)
        left = host.asked_at + max(asked, self._delay) - time.monotonic()
        if left > 0:
            time.sleep(left)
        host.asked_at = time.monotonic()

    def _host(self, url: str) -> Host:
        parts = urlsplit(url)
        origin = f"{parts.scheme}://{parts.netloc}"
        if origin not in self._hosts:
            self._hosts[origin] = self._met(origin)
        host = self._hosts[origin]
        if host.tired:
            raise TiredError(host.tired)
        return host

    def _met(self, origin: str) -> Host:
        """A host with its robots.txt: none there means no rules, none to be had means not to ask at all."""
        try:
            with self._fetcher.open(Ask(f"{origin}/robots.txt"), _ROBOTS) as answer:
                if answer.status == 200:
                    return Host(Protego.parse(_beginning(answer).decode("utf-8-sig", "replace")))
                if answer.status == 429 or answer.status >= 500:
                    return Host(tired=f"The robots.txt of {host_of(origin)} cannot be read ({answer.status}).")
                return Host()
        except RefusedError:
            raise
        except FetchError as error:
            return Host(tired=error.reason)


def _beginning(answer: Answer) -> bytes:
    """The body, or as much of it as may be read."""
    read = bytearray()
    try:
        for piece in answer.pieces():
            read += piece
    except TooMuchError:
        pass
    return bytes(read)


def _retry_after(answer: Answer) -> float | None:
    """How many seconds a busy site asks to wait; None when it does not."""
    if answer.status not in (429, 503):
        return None
    try:
        return max(0.0, float(answer.headers.get("retry-after", "")))
    except ValueError:
        return None
