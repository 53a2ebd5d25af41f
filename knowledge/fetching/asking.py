"""HTTP for addresses that a person gave us, or that a page led to.

No cookies, no proxies of the environment, no credentials in addresses. Every hop of a redirect is checked like the
first; credentials go to the origin they were meant for, over TLS. What comes back is counted as it is unpacked,
whatever its headers promise, and nothing lasts longer than its limits.
"""

from __future__ import annotations

import contextlib
import time
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from types import TracebackType

import httpcore
import httpx
from django.conf import settings

from knowledge.fetching.connecting import CheckedBackend, Deadline
from knowledge.fetching.errors import FetchError, RefusedError, TooMuchError, UnansweredError
from knowledge.fetching.reach import Reach

VERSION = "0.1.0"
_REDIRECTS = (301, 302, 303, 307, 308)
_PORTS = {"http": 80, "https": 443}
_PIECE = 1 << 16
_BOTH_GZIP_AND_ZLIB = 47


@dataclass(frozen=True)
class Limits:
    """What one request may cost. ``bytes`` counts the body unpacked; headers end at 100 KB."""

    bytes: int = 50_000_000
    connect_seconds: float = 10.0
    silence_seconds: float = 30.0
    total_seconds: float = 120.0
    redirects: int = 5


@dataclass(frozen=True)
class Ask:
    """One request: a GET, or with a body a POST. ``authorization`` is the header's value, for this origin alone."""

    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    authorization: str = ""


def user_agent() -> str:
    """What Parley calls itself, with the address of this installation where it has a public one."""
    return f"Parley/{VERSION} (+{settings.PUBLIC_URL})" if settings.BEHIND_TLS else f"Parley/{VERSION}"


def parse(url: str) -> httpx.URL:
    """An address that can be asked. Raises RefusedError that says what is wrong with it."""
    try:
        parsed = httpx.URL(url)
    except (httpx.InvalidURL, ValueError, TypeError) as error:
        raise RefusedError(f"{url[:200]} is not a web address.") from error
    if parsed.scheme not in _PORTS or not parsed.host:
        raise RefusedError(f"{url[:200]} does not begin with https:// or http://.")
    if parsed.userinfo:
        raise RefusedError("A web address must not hold a name or password.")
    return parsed


def origin_of(url: httpx.URL) -> tuple[str, str, int]:
    return url.scheme, url.host, url.port or _PORTS[url.scheme]


class Answer:
    """What came back: status and headers now, the body piece by piece. Close it, or use it as a context."""

    def __init__(self, url: httpx.URL, response: httpcore.Response, fetcher: Fetcher, limits: Limits) -> None:
        self.url = str(url)
        self.status = response.status
        self.headers = httpx.Headers(response.headers)
        self._response, self._fetcher, self._limits = response, fetcher, limits
        self._until = fetcher.deadline.at

    @property
    def media_type(self) -> str:
        return str(self.headers.get("content-type", "")).partition(";")[0].strip().lower()

    def pieces(self) -> Iterator[bytes]:
        """The body, unpacked. Raises TooMuchError, UnansweredError, RefusedError."""
        count = 0
        for piece in _unpacked(self._raw(), self.headers.get("content-encoding", "")):
            count += len(piece)
            if count > self._limits.bytes:
                raise TooMuchError(f"It is larger than {self._limits.bytes / 1_000_000:,.0f} MB.")
            yield piece

    def read(self) -> bytes:
        return b"".join(self.pieces())

    def close(self) -> None:
        with contextlib.suppress(httpcore.NetworkError, httpcore.TimeoutException):
            self._response.close()

    def _raw(self) -> Iterator[bytes]:
        with _in_words(self.url):
            self._fetcher.deadline.at = self._until
            for piece in self._response.iter_stream():
                yield piece
                self._fetcher.deadline.at = self._until  # another answer may have been read in between
                self._fetcher.deadline.within(None)

    def __enter__(self) -> Answer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Fetcher:
    """Asks, one request after another, keeping connections open in between. Used by one thread."""

    def __init__(self, reach: Reach | None = None, limits: Limits | None = None) -> None:
        self.reach = reach or Reach.from_settings()
        self.limits = limits or Limits()
        self.deadline = Deadline()
        self._pool = httpcore.ConnectionPool(
            ssl_context=httpx.create_ssl_context(),  # the certificates of SSL_CERT_FILE, where that is set
            max_connections=8,
            max_keepalive_connections=4,
            keepalive_expiry=15.0,
            network_backend=CheckedBackend(self.reach, self.deadline),
        )

    def open(self, ask: Ask | str, limits: Limits | None = None) -> Answer:
        """Ask, and follow redirects; with ``limits.redirects`` 0 the redirect itself is the answer.

        Raises RefusedError for what may not be asked, UnansweredError when nothing usable comes back.
        """
        ask = Ask(ask) if isinstance(ask, str) else ask
        limits = limits or self.limits
        self.deadline.at = time.monotonic() + limits.total_seconds
        url = parse(ask.url)
        for _ in range(limits.redirects + 1):
            answer = Answer(url, self._send(url, ask, limits), self, limits)
            location = answer.headers.get("location", "")
            if limits.redirects == 0 or answer.status not in _REDIRECTS or not location:
                return answer
            answer.close()
            url, ask = _next_hop(url, location, ask)
        raise UnansweredError(f"{httpx.URL(ask.url).host} redirects again and again.")

    def close(self) -> None:
        with contextlib.suppress(httpcore.NetworkError):
            self._pool.close()

    def _send(self, url: httpx.URL, ask: Ask, limits: Limits) -> httpcore.Response:
        headers = {"User-Agent": user_agent(), "Accept": "*/*", "Accept-Encoding": "gzip"} | dict(ask.headers)
        headers["Host"] = url.netloc.decode("ascii")
        if ask.authorization:
            self._check_secrecy(url)
            headers["Authorization"] = ask.authorization
        if ask.body is not None:
            headers["Content-Length"] = str(len(ask.body))
        waits = {"connect": limits.connect_seconds, "read": limits.silence_seconds}
        waits |= {"write": limits.silence_seconds, "pool": limits.connect_seconds}
        with _in_words(str(url)):
            return self._pool.handle_request(
                httpcore.Request(
                    "GET" if ask.body is None else "POST",
                    httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path),
                    headers=list(headers.items()),
                    content=ask.body,
                    extensions={"timeout": waits},
                )
            )

    def _check_secrecy(self, url: httpx.URL) -> None:
        _, host, port = origin_of(url)
        if url.scheme != "https" and not self.reach.is_named(host, port):
            raise RefusedError("A password or token is sent over https:// only.")


def _next_hop(url: httpx.URL, location: str, ask: Ask) -> tuple[httpx.URL, Ask]:
    """Where a redirect leads, and what to ask there. Raises RefusedError where it must not be followed."""
    try:
        target = parse(str(url.join(location)))
    except (httpx.InvalidURL, ValueError) as error:
        raise RefusedError(f"{url.host} redirects to what is not a web address.") from error
    if ask.body is not None:
        raise RefusedError(f"{url.host} redirects what was sent to it elsewhere.")
    if ask.authorization and (url.scheme, target.scheme) == ("https", "http"):
        raise RefusedError(f"{url.host} redirects from https:// to http://.")
    if origin_of(target) != origin_of(url):
        ask = replace(ask, authorization="")
    return target, ask


def _unpacked(raw: Iterator[bytes], encoding: str) -> Iterator[bytes]:
    """The body without its content encoding, never more than a small piece in memory at a time."""
    encoding = encoding.strip().lower()
    if encoding in ("", "identity"):
        yield from raw
        return
    if encoding not in ("gzip", "x-gzip", "deflate"):
        raise UnansweredError("It is packed in a way that was not asked for.")
    yield from gunzipped(raw)


def gunzipped(raw: Iterator[bytes]) -> Iterator[bytes]:
    """Unpack gzip, piece by piece. Raises UnansweredError when it is broken or ends early."""
    unpacker, has_ended = zlib.decompressobj(_BOTH_GZIP_AND_ZLIB), True
    try:
        for piece in raw:
            rest = piece
            while rest:
                if unpacker.eof:  # another member follows
                    unpacker = zlib.decompressobj(_BOTH_GZIP_AND_ZLIB)
                yield unpacker.decompress(rest, _PIECE)
                rest = unpacker.unused_data.lstrip(b"\0") if unpacker.eof else unpacker.unconsumed_tail
            has_ended = unpacker.eof
        while not has_ended and (tail := unpacker.decompress(b"", _PIECE)):
            yield tail
            has_ended = unpacker.eof
    except zlib.error as error:
        raise UnansweredError("It is packed in a way that cannot be unpacked.") from error
    if not has_ended:
        raise UnansweredError("It ends before it is complete.")


@contextlib.contextmanager
def _in_words(url: str) -> Iterator[None]:
    """Say what went wrong between here and there as a FetchError."""
    host = httpx.URL(url).host
    try:
        yield
    except FetchError:
        raise
    except httpcore.TimeoutException as error:
        raise UnansweredError(f"{host} does not answer in time.") from error
    except httpcore.ConnectError as error:
        words = str(error)
        if "certificate" in words.lower() or "ssl" in words.lower():
            raise UnansweredError(f"{host} cannot prove that it is {host}: {words}.") from error
        raise UnansweredError(f"{host} does not let Parley connect.") from error
    except (httpcore.ProtocolError, httpcore.UnsupportedProtocol) as error:
        raise UnansweredError(f"{host} answers in a way that cannot be understood.") from error
    except (httpcore.NetworkError, OSError) as error:
        raise UnansweredError(f"{host} broke off.") from error
