"""A copy of every event in Valkey: for readers in other processes, and for whoever goes on when this process dies.

One connection for each event loop, written to directly, once in a turn of the loop for all answers that have something
to say then: waking Valkey costs more than a token. Readers hear of an event only when its copy is in the kernel's
hands, so even a process that is killed the moment after has told Valkey. Replies are not waited for; they are looked
through ten times a second, and a Valkey that stopped answering is left alone for some seconds. Losing it costs resuming
elsewhere, never the answer.
"""

from __future__ import annotations

import asyncio
import logging
import select
import socket
import time
from collections.abc import Callable, Iterable
from functools import cache
from typing import Any, cast
from uuid import UUID
from weakref import WeakKeyDictionary

import hiredis
import orjson
import redis.asyncio
import redis.exceptions
from django.conf import settings

from app.web.valkey import quick_client
from chat.streaming.events import Event

log = logging.getLogger(__name__)

KEEP_SECONDS = 3600
PATIENCE_SECONDS = 0.5
DOWN_SECONDS = 5.0
LOOK_SECONDS = 0.1
Tell = Callable[[Event], None]
FULL_MILLISECONDS = 20  # how long a full connection may hold up the event loop, once before it is given up


class Copier:
    """The way to Valkey of one event loop, see ``copier``."""

    def __init__(self) -> None:
        self._connection: redis.Connection | None = None  # keeps the socket open
        self._socket: socket.socket | None = None
        self._opening: asyncio.Task[None] | None = None
        self._down_until = 0.0
        self._unanswered = 0
        self._heard_at = self._looked_at = 0.0
        self._replies = hiredis.Reader()
        self._held: list[tuple[Event, Tell]] = []  # what this turn of the event loop has said so far

    @property
    def is_open(self) -> bool:
        return self._socket is not None

    async def open(self) -> None:
        """Connect, unless that is done or failed a moment ago. Waits half a second at most, raises nothing."""
        if self._socket is not None:
            self._look(time.monotonic())  # the server may have closed it while nothing was written
        if self._socket is None:
            self._begin_opening(time.monotonic())
        if self._opening:
            await asyncio.shield(self._opening)

    def copy(self, event: Event, tell: Tell) -> None:
        """Hand an event to Valkey, if it is there, with all others of this turn of the event loop; then ``tell`` it."""
        if not self._held:
            asyncio.get_running_loop().call_soon(self.flush)
        self._held.append((event, tell))

    def flush(self) -> None:
        """The same for what is still held, now."""
        held, self._held = self._held, []
        if held:
            self._write([command for event, _ in held for command in _commands(event)])
        for event, tell in held:
            tell(event)

    def _write(self, commands: list[bytes]) -> None:
        now = time.monotonic()
        if self._socket and now - self._looked_at > LOOK_SECONDS:
            self._look(now)
        if self._socket is None:
            self._begin_opening(now)
            return
        if self._unanswered == 0:
            self._heard_at = now
        self._unanswered += len(commands)
        try:
            _send(self._socket, b"".join(commands))
        except OSError as error:
            self._give_up(error)

    def close(self) -> None:
        if self._connection:
            self._connection.disconnect()  # type: ignore[no-untyped-call]
        self._connection = self._socket = None
        self._unanswered = 0

    def _look(self, now: float) -> None:
        """Count the replies that have come. What they say is not needed: a number written twice is refused, rightly."""
        self._looked_at = now
        try:
            while self._socket:
                data = self._socket.recv(65_536)
                if not data:
                    raise ConnectionError("closed by the server")
                self._heard_at = now
                self._replies.feed(data)
                while self._replies.gets() is not False:
                    self._unanswered -= 1
        except BlockingIOError:
            if self._unanswered > 0 and now - self._heard_at > PATIENCE_SECONDS:
                self._give_up(TimeoutError("no reply"))
        except (OSError, hiredis.ProtocolError) as error:
            self._give_up(error)

    def _begin_opening(self, now: float) -> None:
        if self._opening is None and now >= self._down_until:
            self._opening = asyncio.get_running_loop().create_task(self._connect())
            self._opening.add_done_callback(self._note_opened)

    async def _connect(self) -> None:
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                connection = await asyncio.to_thread(_open_connection)
        except (redis.exceptions.RedisError, OSError) as error:
            self._give_up(error)
            return
        self._connection, self._socket, self._replies = connection, _socket_of(connection), hiredis.Reader()
        self._looked_at = time.monotonic()

    def _note_opened(self, _task: asyncio.Task[None]) -> None:
        self._opening = None

    def _give_up(self, error: Exception) -> None:
        self.close()
        self._down_until = time.monotonic() + DOWN_SECONDS
        log.warning("Valkey does not take events, going on without it for %.0f s: %r", DOWN_SECONDS, error)


_copiers: WeakKeyDictionary[asyncio.AbstractEventLoop, Copier] = WeakKeyDictionary()


def copier() -> Copier:
    """The one of the running event loop, made on first use."""
    loop = asyncio.get_running_loop()
    found = _copiers.get(loop)
    if found is None:
        found = _copiers[loop] = Copier()
    return found


def copy_from_thread(events: list[Event]) -> None:
    """The same for code outside the event loop, such as a moderator's decision."""
    try:
        pipe = _sync_client().pipeline(transaction=False)
        for event in events:
            pipe.xadd(_key(event.message_id), {"event": _pack(event)}, id=f"{event.seq}-1")
            pipe.expire(_key(event.message_id), KEEP_SECONDS)
        pipe.execute(raise_on_error=False)
    except (redis.exceptions.RedisError, OSError) as error:
        log.warning("Valkey does not take events: %r", error)


async def read_copies(message_id: UUID, after: int) -> list[Event]:
    """The events that follow ``after`` without a gap, as far as Valkey has them now; none when it is gone."""
    try:
        entries: Any = await asyncio.wait_for(
            _client().xrange(_key(message_id), min=f"({after}-1", max="+"), PATIENCE_SECONDS
        )
    except (redis.exceptions.RedisError, OSError, TimeoutError):
        return []
    events: list[Event] = []
    for _, fields in entries:
        seq, kind, data = orjson.loads(fields[b"event"])
        if seq != after + len(events) + 1:
            break
        events.append(Event(message_id, seq, kind, data))
    return events


def forget_events(message_ids: Iterable[UUID]) -> None:
    """Drop the copies of messages that are gone. Quiet when Valkey is away: they last an hour."""
    keys = [_key(message_id) for message_id in message_ids]
    try:
        if keys:
            quick_client(settings.VALKEY_URL).delete(*keys)
    except redis.exceptions.RedisError as error:
        log.warning("Valkey keeps what was copied of %d messages for an hour: %r", len(keys), error)


# --- how an event is written ---------------------------------------------------------------------------------------


def _key(message_id: UUID) -> str:
    return f"parley:stream:{message_id}"


def _pack(event: Event) -> bytes:
    """Only deltas and states travel; what stands in the row is read from the row."""
    return orjson.dumps([event.seq, event.type, event.data if event.type in ("delta", "status") else {}])


def _commands(event: Event) -> list[bytes]:
    key = _key(event.message_id)
    commands = [_command("XADD", key, f"{event.seq}-1", "event", _pack(event))]
    if event.seq == 1 or event.type in ("done", "status"):
        commands.append(_command("EXPIRE", key, KEEP_SECONDS))
    return commands


def _command(*words: str | int | bytes) -> bytes:
    packed: bytes = hiredis.pack_command(words)  # type: ignore[arg-type]  # its stub wants exactly one word
    return packed


def _send(to: socket.socket, data: bytes) -> None:
    """All of ``data``, or OSError. Only a server that is behind by everything the kernel can hold is waited for."""
    sent = 0
    while True:
        try:
            sent += to.send(memoryview(data)[sent:])
        except BlockingIOError:
            poll = select.poll()
            poll.register(to, select.POLLOUT)
            if not poll.poll(FULL_MILLISECONDS):
                raise TimeoutError("takes no more") from None
        if sent == len(data):
            return


# --- connections ---------------------------------------------------------------------------------------------------


def _open_connection() -> redis.Connection:
    """Signed in at VALKEY_URL, with whatever that says of sockets, passwords and TLS."""
    pool = redis.ConnectionPool.from_url(
        settings.VALKEY_URL, socket_timeout=PATIENCE_SECONDS, socket_connect_timeout=PATIENCE_SECONDS
    )
    connection: Any = pool.make_connection()
    connection.connect()
    return cast(redis.Connection, connection)


def _socket_of(connection: redis.Connection) -> socket.socket:
    """Its own way of writing would wait when the kernel's buffer is full, with the whole event loop."""
    own: Any = connection
    found: socket.socket = own._sock
    found.setblocking(False)
    return found


@cache
def _sync_client() -> redis.Redis:
    return redis.from_url(settings.VALKEY_URL, socket_timeout=PATIENCE_SECONDS)


_clients: WeakKeyDictionary[asyncio.AbstractEventLoop, redis.asyncio.Redis] = WeakKeyDictionary()


def _client() -> redis.asyncio.Redis:
    """One for each event loop: connections belong to the loop that opened them."""
    loop = asyncio.get_running_loop()
    client = _clients.get(loop)
    if client is None:
        client = _clients[loop] = redis.asyncio.from_url(settings.VALKEY_URL, max_connections=512)
    return client
