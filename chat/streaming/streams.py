"""The path of an answer's events from the process that makes them to everyone who reads.

A stream is a list that grows, and a reader is a place in it: one who is slow falls behind in the list and costs nothing
else, neither memory nor the others' time. A copy of each event is in Valkey's hands (``copies``) before any reader
here learns of it, so that nobody has seen an event that a later process cannot find. That copy is a hint all the same:
when Valkey is gone, events still reach readers here, and the row ends the story.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from uuid import UUID

from chat.streaming.copies import Copier, copier
from chat.streaming.events import Event


@dataclass(eq=False)
class Stream:
    """The events of one answer while this process makes them. Belongs to the process's event loop."""

    message_id: UUID
    events: list[Event] = field(default_factory=list)
    is_closed: bool = False
    _waiting: list[asyncio.Future[None]] = field(default_factory=list)
    _copier: Copier = field(default_factory=copier)
    _loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.get_running_loop)

    async def prepare(self) -> None:
        """Before the first event: see that copies can be made."""
        await self._copier.open()

    def publish(self, event: Event) -> None:
        """Copy to Valkey, and then tell the readers here."""
        self._copier.copy(event, self._tell)

    def close(self) -> None:
        self._copier.flush()
        self.is_closed = True
        self._wake()

    async def read(self, after: int) -> AsyncIterator[list[Event]]:
        """Batches of events with a higher number than ``after``: first all there are, then as they come.

        A new owner tells again what earlier ones said, to readers who may have it from Valkey already.
        """
        place, last = 0, after
        while True:
            while place < len(self.events):
                batch = [event for event in self.events[place:] if event.seq > last]
                place = len(self.events)
                if batch:
                    last = batch[-1].seq
                    yield batch
            if self.is_closed:
                return
            await self._news()

    def _tell(self, event: Event) -> None:
        self.events.append(event)
        self._wake()

    async def _news(self) -> None:
        waiter = self._loop.create_future()
        self._waiting.append(waiter)
        try:
            await waiter
        finally:
            if not waiter.done() or waiter.cancelled():
                self._waiting = [other for other in self._waiting if other is not waiter]

    def _wake(self) -> None:
        waiting, self._waiting = self._waiting, []
        for waiter in waiting:
            if not waiter.done():
                waiter.set_result(None)


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
