"""The connections below our HTTP: only to addresses that were checked, and never past a deadline.

httpcore asks a network backend for a connection to a name. Ours resolves the name, checks, and connects to one of the
very addresses it checked; TLS above it still verifies the certificate for the name.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from ssl import SSLContext
from typing import Any

import httpcore

from knowledge.fetching.errors import RefusedError
from knowledge.fetching.reach import Reach


class Deadline:
    """When the request at hand must be over. A server that drips meets it between two bytes."""

    def __init__(self) -> None:
        self.at = 0.0

    def within(self, seconds: float | None) -> float:
        """At most this many seconds, or what is left. Raises httpcore.ReadTimeout when nothing is."""
        left = self.at - time.monotonic()
        if left <= 0:
            raise httpcore.ReadTimeout("The time for this request is over.")
        return left if seconds is None else min(seconds, left)


class CheckedBackend(httpcore.NetworkBackend):
    """Connects to what ``reach`` allows, and to nothing else."""

    def __init__(self, reach: Reach, deadline: Deadline) -> None:
        self._reach, self._deadline = reach, deadline
        self._plain = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        failure: Exception | None = None
        for address in self._reach.addresses(host, port):
            try:
                stream = self._plain.connect_tcp(address, port, self._deadline.within(timeout), None, socket_options)
                return TimedStream(stream, self._deadline)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
        raise failure or httpcore.ConnectError("It has no address.")

    def connect_unix_socket(
        self, path: str, timeout: float | None = None, socket_options: Iterable[Any] | None = None
    ) -> httpcore.NetworkStream:
        raise RefusedError("Parley asks no sockets of its own machine.")


class TimedStream(httpcore.NetworkStream):
    """A connection whose every step ends by the deadline."""

    def __init__(self, stream: httpcore.NetworkStream, deadline: Deadline) -> None:
        self._stream, self._deadline = stream, deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, self._deadline.within(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, self._deadline.within(timeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        stream = self._stream.start_tls(ssl_context, server_hostname, self._deadline.within(timeout))
        return TimedStream(stream, self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)
