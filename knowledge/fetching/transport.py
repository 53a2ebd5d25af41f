"""The same checks for libraries that bring their own httpx client."""

from __future__ import annotations

import time
from collections.abc import Iterator

import httpcore
import httpx

from knowledge.fetching.asking import Limits
from knowledge.fetching.connecting import CheckedBackend, Deadline
from knowledge.fetching.errors import TooMuchError, UnansweredError
from knowledge.fetching.reach import Reach


class CheckedTransport(httpx.BaseTransport):
    """Connects only where ``reach`` lets it, and ends every answer at the limits. Used by one thread."""

    def __init__(self, reach: Reach, limits: Limits) -> None:
        self._limits, self._deadline = limits, Deadline()
        self._pool = httpcore.ConnectionPool(
            ssl_context=httpx.create_ssl_context(), network_backend=CheckedBackend(reach, self._deadline)
        )

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self._deadline.at = time.monotonic() + self._limits.total_seconds
        request.headers["Accept-Encoding"] = "identity"
        waits = {"connect": self._limits.connect_seconds, "read": self._limits.silence_seconds}
        waits |= {"write": self._limits.silence_seconds, "pool": self._limits.connect_seconds}
        url = request.url
        answer = self._pool.handle_request(
            httpcore.Request(
                request.method,
                httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path),
                headers=request.headers.raw,
                content=request.stream,
                extensions={"timeout": waits},
            )
        )
        headers = httpx.Headers(answer.headers)
        if headers.get("content-encoding", "identity").lower() != "identity":
            answer.close()
            raise UnansweredError("The server packs its answer in a way that was not asked for.")
        return httpx.Response(answer.status, headers=headers, stream=_Counted(answer, self._limits.bytes))

    def close(self) -> None:
        self._pool.close()


class _Counted(httpx.SyncByteStream):
    def __init__(self, answer: httpcore.Response, most: int) -> None:
        self._answer, self._most = answer, most

    def __iter__(self) -> Iterator[bytes]:
        count = 0
        for piece in self._answer.iter_stream():
            count += len(piece)
            if count > self._most:
                raise TooMuchError("The server sends more than was asked for.")
            yield piece

    def close(self) -> None:
        self._answer.close()
