"""HTTP/1.1 to model servers, no more of it than their streams need.

Every token of every answer passes here, so bytes go from the socket through the parser to the reader in one call,
without a task, a queue or a copy between. A connection is used again for a few seconds after an answer; no redirect is
followed, no proxy used, no cookie kept, no compression asked for.
"""

import asyncio
import ssl
from dataclasses import dataclass, field
from types import TracebackType
from typing import Protocol, cast
from urllib.parse import urlsplit

import httptools

IDLE_SECONDS = 3.0  # uvicorn and llama.cpp close idle connections after 5
LAST_CHUNK_SECONDS = 0.1
MOST_HEADER_BYTES = 65_536
Headers = dict[bytes, bytes]


class LostConnectionError(OSError):
    """The exchange broke: the connection was closed, or what came was no HTTP."""


class Receiver(Protocol):
    """Who takes what comes back. Called from the event loop; must not raise, and may close the connection."""

    def take_head(self, status: int, headers: Headers) -> None:
        """Status and headers (names in lower case) of the response."""

    def take_body(self, data: bytes) -> None:
        """More of the body: all of it that came in one read."""

    def take_end(self, error: LostConnectionError | None) -> None:
        """The response is whole, or will never be."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a connection leads; connections of one origin are interchangeable."""

    is_secure: bool
    host: str
    port: int


@dataclass
class Session:
    """The connections of one event loop. ``connect_seconds`` is how long opening one may take."""

    connect_seconds: float
    _idle: dict[Origin, list["Connection"]] = field(default_factory=dict)
    _open: set["Connection"] = field(default_factory=set)
    _tls: ssl.SSLContext | None = None

    async def post(self, url: str, headers: dict[str, str], body: bytes, receiver: Receiver) -> "Connection":
        """Send a request. Raises OSError (TimeoutError too) when no connection can be had; what goes wrong after
        that, the receiver is told.

        Raises ValueError for an address or header that cannot be sent.
        """
        parts = urlsplit(url)
        is_secure = parts.scheme == "https"
        origin = Origin(is_secure, parts.hostname or "", parts.port or (443 if is_secure else 80))
        head = _request_head(parts.path, parts.netloc, headers, len(body))
        connection = self._take_idle(origin) or await self._connect(origin)
        connection.exchange(head + body, receiver)
        return connection

    async def close(self) -> None:
        """Cut every connection, those in use too."""
        for connection in list(self._open):
            connection.fail("closed by Parley")
        self._idle.clear()

    async def __aenter__(self) -> "Session":
        return self

    async def __aexit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        await self.close()

    def _take_idle(self, origin: Origin) -> "Connection | None":
        waiting = self._idle.get(origin)
        return waiting.pop() if waiting else None  # the youngest, so that the others can grow too old

    async def _connect(self, origin: Origin) -> "Connection":
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(self.connect_seconds):
            _, connection = await loop.create_connection(
                lambda: Connection(self, origin, loop), origin.host, origin.port, ssl=self._context(origin)
            )
        return connection

    def _context(self, origin: Origin) -> ssl.SSLContext | None:
        if origin.is_secure and self._tls is None:
            self._tls = ssl.create_default_context()
        return self._tls if origin.is_secure else None

    def note_open(self, connection: "Connection") -> None:
        self._open.add(connection)

    def note_idle(self, connection: "Connection") -> None:
        self._idle.setdefault(connection.origin, []).append(connection)

    def note_gone(self, connection: "Connection") -> None:
        """It takes no more requests."""
        self._open.discard(connection)
        waiting = self._idle.get(connection.origin, [])
        if connection in waiting:
            waiting.remove(connection)


class Connection(asyncio.Protocol):
    """One connection: in an exchange, lingering for the last bytes of one, idle, or gone."""

    def __init__(self, session: Session, origin: Origin, loop: asyncio.AbstractEventLoop) -> None:
        self.origin = origin
        self.was_reused = False
        self.has_response = False  # whether any byte of one has come
        self._session, self._loop = session, loop
        self._transport: asyncio.Transport | None = None
        self._receiver: Receiver | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._headers: Headers = {}
        self._header_bytes = 0
        self._body: list[bytes] = []
        self._in_exchange = self._has_head = self._is_whole = self._is_reading = self._stays_open = False
        self._timer: asyncio.TimerHandle | None = None

    # --- for the session and the receiver ---

    def exchange(self, request: bytes, receiver: Receiver) -> None:
        self._stop_timer()
        self._receiver, self._headers, self._body, self._header_bytes = receiver, {}, [], 0
        self._has_head = self._is_whole = self.has_response = False
        self._in_exchange = True
        if self._transport is None:
            self._end(LostConnectionError("closed before the request was sent"))
            return
        self._transport.write(request)
        self.resume_reading()

    def pause_reading(self) -> None:
        """Leave what comes to the kernel, which makes the server wait when that is full."""
        if self._is_reading and self._transport and not self._transport.is_closing():
            self._is_reading = False
            self._transport.pause_reading()

    def resume_reading(self) -> None:
        if not self._is_reading and self._transport and not self._transport.is_closing():
            self._is_reading = True
            self._transport.resume_reading()

    def leave(self) -> None:
        """The receiver has all it wants: wait shortly for the last chunk, so that the connection can be used again."""
        self._receiver = None
        if self._in_exchange and not self._is_whole:
            self._stop_timer()
            self._timer = self._loop.call_later(LAST_CHUNK_SECONDS, self.abort)
            self.resume_reading()

    def abort(self) -> None:
        """Close at once, which is how a model server learns to stop computing. Safe at any time."""
        self._receiver, self._in_exchange = None, False
        self._forget()
        if self._transport:
            self._transport.abort()

    def fail(self, why: str) -> None:
        """Close at once, and tell the receiver."""
        receiver = self._receiver
        self.abort()
        if receiver:
            receiver.take_end(LostConnectionError(why))

    # --- for the event loop ---

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport, self._is_reading = cast(asyncio.Transport, transport), True
        self._session.note_open(self)

    def data_received(self, data: bytes) -> None:
        if not self._in_exchange:
            self.abort()  # nobody asked
            return
        self.has_response = True
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            self._pass_body()
            self.fail(f"no HTTP: {error!r}")
            return
        if not self._has_head:
            self._header_bytes += len(data)
            if self._header_bytes > MOST_HEADER_BYTES:
                self.fail("endless headers")
            return
        self._pass_body()
        if self._is_whole and self._in_exchange:
            self._end(None)

    def eof_received(self) -> None:
        self._lose("closed by the server")

    def connection_lost(self, exc: Exception | None) -> None:
        self._lose(repr(exc) if exc else "closed")
        self._transport = None

    # --- for the parser ---

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers[name.lower()] = value

    def on_headers_complete(self) -> None:
        status = self._parser.get_status_code()
        if status < 200:  # "continue" and the like: the response is still to come
            self._headers = {}
            return
        if self._has_head:  # a second response, to nothing
            self._stays_open = False
            return
        self._has_head = True
        if self._receiver:
            self._receiver.take_head(status, self._headers)

    def on_body(self, data: bytes) -> None:
        if not self._is_whole:
            self._body.append(data)

    def on_message_complete(self) -> None:
        if self._has_head and not self._is_whole:
            self._is_whole, self._stays_open = True, self._parser.should_keep_alive()

    # --- ends ---

    def _pass_body(self) -> None:
        body, self._body = self._body, []
        if self._receiver and body:
            self._receiver.take_body(body[0] if len(body) == 1 else b"".join(body))

    def _lose(self, why: str) -> None:
        """The other side is gone: the end of a body that had no length, otherwise a break."""
        self._forget()
        has_length = b"content-length" in self._headers or b"chunked" in self._headers.get(b"transfer-encoding", b"")
        if self._has_head and not self._is_whole and not has_length:
            self._is_whole = True
            self._end(None)
        elif not self._is_whole:
            self._end(LostConnectionError(why))

    def _end(self, error: LostConnectionError | None) -> None:
        receiver, self._receiver = self._receiver, None
        if receiver:
            receiver.take_end(error)
        if error is None:
            self._rest()

    def _rest(self) -> None:
        """Become idle, if the server keeps the connection open; else close."""
        self._stop_timer()
        if self._transport is None or self._transport.is_closing() or not self._stays_open:
            self.abort()
            return
        self._in_exchange = False
        self._parser = httptools.HttpResponseParser(self)
        self.was_reused = True
        self._timer = self._loop.call_later(IDLE_SECONDS, self.abort)
        self.resume_reading()  # to hear when the server closes it
        self._session.note_idle(self)

    def _forget(self) -> None:
        self._stop_timer()
        self._session.note_gone(self)

    def _stop_timer(self) -> None:
        if self._timer:
            self._timer.cancel()
            self._timer = None


def _request_head(path: str, host: str, headers: dict[str, str], length: int) -> bytes:
    lines = [f"POST {path} HTTP/1.1", f"Host: {host}", f"Content-Length: {length}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    if not all(line.isascii() and line.isprintable() for line in lines):
        raise ValueError("a header holds a character that HTTP cannot carry")
    return "\r\n".join([*lines, "", ""]).encode("ascii")
