"""One connection to Valkey on which commands keep their order, for small commands that must not wait for each other.

Many can be under way at once; what was sent first is done first. Whoever asks gets the reply or, within a tenth of a
second, the news that Valkey is gone: nothing here makes a reader wait for a hint. The library's own connection does
the rest: addresses, TLS, passwords.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from functools import cache
from typing import Any

import hiredis
import redis
from redis.asyncio.connection import AbstractConnection, ConnectionPool
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError, ResponseError
from redis.retry import Retry as SyncRetry

PATIENCE_SECONDS = 0.1
THREAD_SECONDS = 0.5
MOST_UNSENT = 4_194_304  # bytes

Part = str | bytes | int | float


class ValkeyGoneError(Exception):
    """No reply in time, no connection, or a server that is starting or full."""


@cache
def quick_client(url: str) -> redis.Redis:
    """The library's own client, for threads: it gives up after half a second and tries nothing twice."""
    timeouts: dict[str, Any] = {"socket_timeout": THREAD_SECONDS, "socket_connect_timeout": THREAD_SECONDS}
    return redis.from_url(url, retry=SyncRetry(NoBackoff(), 0), **timeouts)


class OrderedConnection:
    """Belongs to one event loop. Closed at first, and again whenever Valkey fails; ``open`` opens it anew."""

    def __init__(self, url: str, patience_seconds: float = PATIENCE_SECONDS) -> None:
        self._url = url
        self._patience_seconds = patience_seconds
        self._connection: AbstractConnection | None = None
        self._replies: deque[asyncio.Future[Any]] = deque()
        self._reading: asyncio.Task[None] | None = None

    @property
    def is_open(self) -> bool:
        return self._connection is not None

    async def open(self) -> None:
        """Connect, if that has not been done. Raises ValkeyGoneError."""
        if self._connection:
            return
        options: dict[str, Any] = {"socket_timeout": None, "socket_connect_timeout": self._patience_seconds}
        options |= {"retry": Retry(NoBackoff(), 0), "protocol": 2, "driver_info": None}
        pool: Any = ConnectionPool.from_url(self._url, **options)
        connection = pool.make_connection()
        try:
            async with asyncio.timeout(self._patience_seconds):
                await connection.connect()
        except (RedisError, OSError, TimeoutError) as error:
            await connection.disconnect(nowait=True)
            raise ValkeyGoneError(repr(error)) from error
        self._connection = connection
        self._reading = asyncio.get_running_loop().create_task(self._read(connection))

    def send(self, *command: Part) -> asyncio.Future[Any]:
        """Hand the command to the kernel now; the reply comes later, or ValkeyGoneError or ResponseError does."""
        reply: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        # Past the connection's own way to send: that one may wait, and then what comes later goes first.
        writer = self._connection._writer if self._connection else None
        if writer is None or writer.transport.get_write_buffer_size() > MOST_UNSENT:
            self._lose(ValkeyGoneError("not connected"))
            reply.set_exception(ValkeyGoneError("not connected"))
            return reply
        self._replies.append(reply)
        writer.write(hiredis.pack_command(command))  # type: ignore[arg-type]  # its own types know commands of one part
        return reply

    async def ask(self, *command: Part) -> Any:
        """The reply. Raises ValkeyGoneError, also for what Valkey refuses to do, and then the connection is closed."""
        reply = self.send(*command)
        await asyncio.wait({reply}, timeout=self._patience_seconds)
        if not reply.done():
            # This process itself may have been the slow one: see first what has arrived meanwhile.
            for _ in range(3):
                await asyncio.sleep(0)
        if not reply.done():
            self._lose(ValkeyGoneError("no reply in time"))
        try:
            return await reply
        except ResponseError as error:
            self._lose(ValkeyGoneError(repr(error)))
            raise ValkeyGoneError(repr(error)) from error

    def post(self, *command: Part) -> None:
        """Send without waiting for the reply; nobody hears whether it was done."""
        self.send(*command).add_done_callback(_look_away)

    async def close(self) -> None:
        """Wait for what was posted, within the usual patience, and close."""
        if self._replies:
            await asyncio.wait({self._replies[-1]}, timeout=self._patience_seconds)
        reading = self._reading
        self._lose(ValkeyGoneError("closed"))
        if reading:
            await asyncio.wait([reading])

    async def _read(self, connection: AbstractConnection) -> None:
        error: Exception = ValkeyGoneError("closed")
        try:
            while True:
                reply: Any
                try:
                    reply = await connection.read_response()
                except ResponseError as refusal:
                    reply = refusal
                waiting = self._replies.popleft()
                if waiting.done():
                    continue
                if isinstance(reply, ResponseError):
                    waiting.set_exception(reply)
                else:
                    waiting.set_result(reply)
        except (RedisError, OSError) as lost:
            error = ValkeyGoneError(repr(lost))
        finally:
            if self._connection is connection:
                self._lose(error)
            with contextlib.suppress(RedisError, OSError):
                await connection.disconnect(nowait=True)

    def _lose(self, error: Exception) -> None:
        self._connection = None
        if self._reading and self._reading is not asyncio.current_task():
            self._reading.cancel()
        self._reading = None
        while self._replies:
            reply = self._replies.popleft()
            if not reply.done():
                reply.set_exception(error)
                reply.exception()  # one that nobody waits for is no news


def _look_away(reply: asyncio.Future[Any]) -> None:
    if not reply.cancelled():
        reply.exception()
