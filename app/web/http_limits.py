"""Uvicorn's reading of HTTP, with an end to how much head a request may have and how long it may take to send it.

Uvicorn keeps every header it is sent until the head is whole, however large and however slow, so one connection could
fill the memory and a few hundred could hold every place. Bodies are bounded by app.web.bodies.
"""

from __future__ import annotations

import asyncio

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_BYTES = 32_768
HEAD_FIELDS = 100
HEAD_SECONDS = 15.0

_REASONS = {408: b"Request Timeout", 431: b"Request Header Fields Too Large"}


class HeadTooLargeError(ValueError):
    """Ends the parsing where it is noticed."""


class BoundedHttp(HttpToolsProtocol):
    """Answers 431 to a head that is too large, and 408 to one that does not come."""

    _deadline: asyncio.TimerHandle | None = None
    _is_in_head = True
    _head_bytes = 0  # what came since the head began, with the piece of body that came along
    _told_bytes = 0  # of the address and the headers that the parser has told so far

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._expect_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._is_in_head:
            self._head_bytes += len(data)
            if self._deadline is None:
                self._expect_head()
        super().data_received(data)
        # One header that never ends is kept by the parser and told to nobody; a piece may hold much of the body, too.
        if self._is_in_head and self._head_bytes > 2 * HEAD_BYTES and not self.transport.is_closing():
            self._refuse(431)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._told_bytes = 0

    def on_url(self, url: bytes) -> None:
        super().on_url(url)
        self._count(len(url))

    def on_header(self, name: bytes, value: bytes) -> None:
        super().on_header(name, value)
        self._count(len(name) + len(value) + 4)

    def on_headers_complete(self) -> None:
        self._is_in_head, self._head_bytes = False, 0
        self._stop_waiting()
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        super().on_message_complete()
        self._is_in_head, self._head_bytes = True, 0

    def send_400_response(self, msg: str) -> None:
        if self._told_bytes > HEAD_BYTES or len(self.headers or ()) > HEAD_FIELDS:
            self._refuse(431)
        else:
            super().send_400_response(msg)

    def _count(self, more: int) -> None:
        self._told_bytes += more
        if self._told_bytes > HEAD_BYTES or len(self.headers) > HEAD_FIELDS:
            raise HeadTooLargeError

    def _expect_head(self) -> None:
        self._deadline = self.loop.call_later(HEAD_SECONDS, self._refuse, 408)

    def _stop_waiting(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _refuse(self, status: int) -> None:
        self._stop_waiting()
        if self.transport.is_closing():
            return
        reason = _REASONS[status]
        head = b"HTTP/1.1 %d %s\r\ncontent-type: text/plain\r\nconnection: close\r\ncontent-length: %d\r\n\r\n"
        self.transport.write(head % (status, reason, len(reason)) + reason)
        self.transport.close()
