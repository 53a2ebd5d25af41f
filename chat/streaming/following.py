"""Following an answer as a reader: every event after a number, exactly once, from wherever it is now.

While this process writes the answer the events come straight from it; otherwise from Valkey, and at last from the row.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace
from uuid import UUID

from app.web.threads import in_thread
from chat.models import Message
from chat.streaming import telling
from chat.streaming.copies import read_copies
from chat.streaming.events import Event
from chat.streaming.streams import find_stream

ELSEWHERE_SECONDS = 0.1
HELD_SECONDS = 3.0
FROM_ROW = frozenset({"accepted", "evidence", "citations", "error", "done"})


async def follow(message_id: UUID, after: int = 0, wake: asyncio.Event | None = None) -> AsyncIterator[list[Event]]:
    """Batches of events of an answer with a number above ``after``, until it is done.

    ``wake`` shortens the wait for a held answer: set it when there may be news. The caller has checked the right.
    """
    last = after
    while True:
        if stream := find_stream(message_id):
            async for batch in stream.read(last):
                last = batch[-1].seq
                yield batch
                if batch[-1].type == "done":
                    return
        batch, state = await _catch_up(message_id, last)
        if batch:
            last = batch[-1].seq
            yield batch
            if batch[-1].type == "done":
                return
        elif state in Message.SETTLED:
            return
        elif not find_stream(message_id):
            await _pause(HELD_SECONDS if state == Message.State.HELD else ELSEWHERE_SECONDS, wake)


async def _pause(seconds: float, wake: asyncio.Event | None) -> None:
    if wake is None:
        await asyncio.sleep(seconds)
        return
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(wake.wait(), seconds)
    wake.clear()


async def _catch_up(message_id: UUID, last: int) -> tuple[list[Event], str]:
    """What Valkey has, made whole from the row; or what the row has when Valkey has nothing."""
    tail = await read_copies(message_id, last)
    if tail and not any(event.type in FROM_ROW for event in tail):
        return tail, Message.State.RUNNING
    message = await in_thread(telling.load, message_id)
    told = telling.retell(message, after=last)
    if tail:
        known = {event.seq: event for event in told}
        return [_whole(message, event, known.get(event.seq)) for event in tail], message.state
    return told, message.state


def _whole(message: Message, event: Event, told: Event | None) -> Event:
    if event.type not in FROM_ROW:
        return event
    return told or replace(event, data=telling.facts(message, event.type))
