"""Those of this process who wait for a place of one model. The line itself is common to all processes (``places``);
here its own are asked for in order, told where they stand, and woken.
"""

from __future__ import annotations

import asyncio
import bisect
import contextlib
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from app.inference.routing.local_places import Answer, Ask
from app.inference.routing.places import Places
from app.inference.types import Waiting

POLL_SECONDS = 0.25
NOTICE_SECONDS = 1.0

OnWait = Callable[[Waiting], None]
Look = Callable[[Ask], Awaitable[Ask]]


@dataclass(order=True)
class Ticket:
    """One who waits; the smallest goes first. ``given`` gets the answer that has a place. ``look`` makes the same ask
    of the workers of the moment, and raises when there are none any more.
    """

    priority: int
    number: int
    ask: Ask = field(compare=False)
    look: Look = field(compare=False)
    on_wait: OnWait | None = field(compare=False)
    given: asyncio.Future[Answer] = field(compare=False)
    told: Waiting | None = field(default=None, compare=False)

    def tell(self, waiting: Waiting) -> None:
        """An error of whoever listens is theirs alone: it must not stop the line."""
        if self.on_wait is None or waiting == self.told or self.given.done():
            return
        self.told = waiting
        try:
            self.on_wait(waiting)
        except Exception as error:  # noqa: BLE001 - see above; the one who waits gets to see it
            self.given.set_exception(error)


class Line:
    """One per model."""

    def __init__(self, places: Places) -> None:
        self._places = places
        self._tickets: list[Ticket] = []
        self._serving: asyncio.Task[None] | None = None
        self._kicked = asyncio.Event()

    def __len__(self) -> int:
        return len(self._tickets)

    def join(self, ask: Ask, answer: Answer, look: Look, on_wait: OnWait | None) -> Ticket:
        """``answer`` is what ``ask`` has been told of its place so far."""
        loop = asyncio.get_running_loop()
        ticket = Ticket(ask.priority, ask.number, ask, look, on_wait, loop.create_future())
        bisect.insort(self._tickets, ticket)
        ticket.tell(Waiting(answer.place, answer.seconds_until(answer.place)))
        if self._serving is None or self._serving.done():
            self._serving = loop.create_task(self._serve())
        return ticket

    def leave(self, ticket: Ticket) -> None:
        """For one who has been given nothing, or who cannot use it."""
        if ticket in self._tickets:
            self._tickets.remove(ticket)
        self._places.leave(ticket.ask)
        if ticket.given.done() and not ticket.given.cancelled() and ticket.given.exception() is None:
            self._give_back(ticket, ticket.given.result())
        self.kick()

    def kick(self) -> None:
        """A place may be free."""
        self._kicked.set()

    async def close(self) -> None:
        if self._serving:
            self._serving.cancel()
            await asyncio.wait([self._serving])

    async def _serve(self) -> None:
        told_at = time.monotonic()
        while self._tickets:
            self._kicked.clear()
            ticket = self._tickets[0]
            answer = await self._ask_for(ticket)
            if answer is None or answer.worker:
                continue
            if time.monotonic() - told_at >= NOTICE_SECONDS:
                told_at = time.monotonic()
                await self._tell(answer)
            soon = POLL_SECONDS if answer.opens_in is None else min(POLL_SECONDS, answer.opens_in + 0.001)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(soon):
                    await self._kicked.wait()

    async def _ask_for(self, ticket: Ticket) -> Answer | None:
        """The answer to the first in line, who leaves it with a place or an error (None)."""
        try:
            ticket.ask = await ticket.look(ticket.ask)
            answer = await self._places.take(ticket.ask)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is for the one who waits to handle
            self._end(ticket)
            if not ticket.given.done():
                ticket.given.set_exception(error)
            return None
        if answer.worker:
            is_wanted = ticket in self._tickets and not ticket.given.done()
            self._end(ticket)
            if is_wanted:
                ticket.given.set_result(answer)
            else:
                self._give_back(ticket, answer)
        return answer

    def _end(self, ticket: Ticket) -> None:
        if ticket in self._tickets:
            self._tickets.remove(ticket)

    def _give_back(self, ticket: Ticket, answer: Answer) -> None:
        assert answer.worker is not None
        self._places.release(answer.worker, ticket.ask.ticket, [ticket.ask.model], was_answer=False)

    async def _tell(self, answer: Answer) -> None:
        tickets = list(self._tickets)
        places = await self._places.stand([ticket.ask for ticket in tickets])
        for ticket, place in zip(tickets, places, strict=True):
            ticket.tell(Waiting(place, answer.seconds_until(place)))
