"""The path of an answer's events from the process that makes them to everyone who reads.

A reader in the same process is called directly; a copy of each event goes to a Valkey stream for readers elsewhere and
for those who come back. Valkey is written first, so that nobody has seen an event that a later process cannot find. It
is a hint all the same: when it is gone, events still reach readers here, and the row ends the story.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from uuid import UUID
from weakref import WeakKeyDictionary

import orjson
import redis.asyncio
import redis.exceptions
from django.conf import settings

from chat.events import Event

log = logging.getLogger(__name__)

KEEP_SECONDS = 3600
WRITE_TIMEOUT_SECONDS = 0.5
DOWN_SECONDS = 5.0
READER_BACKLOG = 2000


@dataclass
class Stream:
    """The events of one answer while this process makes them. Belongs to the process's event loop."""

    message_id: UUID
    events: list[Event] = field(default_factory=list)
    readers: set[asyncio.Queue[Event | None]] = field(default_factory=set)
    is_closed: bool = False

    async def publish(self, event: Event) -> None:
        """Keep, copy to Valkey, and hand to the readers here. One that fell far behind is cut off, to resume later."""
        await append(event)
        self.events.append(event)
        for reader in list(self.readers):
            if reader.qsize() >= READER_BACKLOG:
                self.readers.discard(reader)
                reader.put_nowait(None)
            else:
                reader.put_nowait(event)

    def close(self) -> None:
        self.is_closed = True
        for reader in self.readers:
            reader.put_nowait(None)
        self.readers.clear()

    async def read(self, after: int) -> AsyncIterator[list[Event]]:
        """Batches of events with a higher number than ``after``: first all there are, then as they come.

        A new owner tells again what earlier ones said, to readers who may have it from Valkey already.
        """
        queue: asyncio.Queue[Event | None] = asyncio.Queue()
        self.readers.add(queue)
        try:
            events = [event for event in self.events if event.seq > after]
            last = events[-1].seq if events else after
            yield events
            if self.is_closed:
                return
            is_over = False
            while not is_over:
                batch = [await queue.get()]
                while not queue.empty():
                    batch.append(queue.get_nowait())
                is_over = batch[-1] is None
                if events := [event for event in batch if event is not None and event.seq > last]:
                    last = events[-1].seq
                    yield events
        finally:
            self.readers.discard(queue)


_here: dict[UUID, Stream] = {}


def open_stream(message_id: UUID) -> Stream:
    stream = _here[message_id] = Stream(message_id)
    return stream


def close_stream(stream: Stream) -> None:
    """End the readers' wait; from now on the row and Valkey answer."""
    if _here.get(stream.message_id) is stream:
        del _here[stream.message_id]
    stream.close()


def find_stream(message_id: UUID) -> Stream | None:
    return _here.get(message_id)


# --- Valkey --------------------------------------------------------------------------------------------------------

_clients: dict[int, redis.asyncio.Redis] = {}
_down_until = 0.0


def _client() -> redis.asyncio.Redis:
    """One client per event loop: connections belong to the loop that opened them."""
    loop = id(asyncio.get_running_loop())
    if loop not in _clients:
        _clients[loop] = redis.asyncio.from_url(settings.VALKEY_URL, max_connections=512)
    return _clients[loop]


@cache
def _sync_client() -> redis.Redis:
    return redis.from_url(settings.VALKEY_URL, socket_timeout=WRITE_TIMEOUT_SECONDS)


def _key(message_id: UUID) -> str:
    return f"parley:stream:{message_id}"


def _pack(event: Event) -> dict[Any, Any]:
    """Only deltas and states travel; what stands in the row is read from the row."""
    data = event.data if event.type in ("delta", "status") else {}
    return {"event": orjson.dumps([event.seq, event.type, data])}


def _unpack(message_id: UUID, fields: dict[bytes, bytes]) -> Event:
    seq, kind, data = orjson.loads(fields[b"event"])
    return Event(message_id, seq, kind, data)


class _Copier:
    """Copies the events of every answer of one event loop: while one batch is under way the next one gathers."""

    def __init__(self) -> None:
        self._waiting: list[Event] = []
        self._next: asyncio.Future[None] | None = None
        self._task: asyncio.Task[None] | None = None

    async def append(self, event: Event) -> None:
        loop = asyncio.get_running_loop()
        self._waiting.append(event)
        if self._next is None:
            self._next = loop.create_future()
        batch = self._next
        if self._task is None:
            self._task = loop.create_task(self._copy())
        await asyncio.shield(batch)

    async def _copy(self) -> None:
        try:
            while self._next is not None:
                events, done = self._waiting, self._next
                self._waiting, self._next = [], None
                try:
                    await _copy(events)
                finally:  # whatever happened, nobody's answer waits for a copy
                    if not done.done():
                        done.set_result(None)
        finally:
            self._task = None


_copiers: WeakKeyDictionary[asyncio.AbstractEventLoop, _Copier] = WeakKeyDictionary()


async def append(event: Event) -> None:
    """Copy an event to Valkey. Losing Valkey costs resuming elsewhere, never the answer."""
    if time.monotonic() < _down_until:
        return
    await _copiers.setdefault(asyncio.get_running_loop(), _Copier()).append(event)


async def _copy(events: list[Event]) -> None:
    global _down_until
    pipe = _client().pipeline(transaction=False)
    for event in events:
        key = _key(event.message_id)
        pipe.xadd(key, _pack(event), id=f"{event.seq}-1")
        if event.seq == 1 or event.type in ("done", "status"):
            pipe.expire(key, KEEP_SECONDS)
    try:
        await asyncio.wait_for(pipe.execute(raise_on_error=False), WRITE_TIMEOUT_SECONDS)
    except (redis.exceptions.RedisError, OSError, TimeoutError) as error:
        _down_until = time.monotonic() + DOWN_SECONDS
        log.warning("Valkey does not take events, going on without it for %.0f s: %r", DOWN_SECONDS, error)


def append_from_thread(events: list[Event]) -> None:
    """The same for code outside the event loop, such as a moderator's decision."""
    try:
        pipe = _sync_client().pipeline(transaction=False)
        for event in events:
            pipe.xadd(_key(event.message_id), _pack(event), id=f"{event.seq}-1")
            pipe.expire(_key(event.message_id), KEEP_SECONDS)
        pipe.execute(raise_on_error=False)
    except (redis.exceptions.RedisError, OSError) as error:
        log.warning("Valkey does not take events: %r", error)


async def read_tail(message_id: UUID, after: int) -> list[Event]:
    """What Valkey has after ``after``, without waiting; empty when it is gone."""
    try:
        entries: Any = await asyncio.wait_for(
            _client().xrange(_key(message_id), min=f"({after}-1", max="+"), WRITE_TIMEOUT_SECONDS
        )
    except (redis.exceptions.RedisError, OSError, TimeoutError):
        return []
    return [_unpack(message_id, fields) for _, fields in entries]
