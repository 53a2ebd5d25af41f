"""Which worker a request may have: of the model that was asked for, of one of its fallbacks, or after a wait in line.

One waits in one line only: that of the first model for which waiting makes sense. A fallback is taken only where it has
a place at once, and only when the wait would be long or the model's workers are all left alone: not where the model is
merely busy for some seconds.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection
from dataclasses import dataclass, replace
from uuid import UUID

from app.errors import ParleyError
from app.inference.errors import NoWorkerError, PoolFullError
from app.inference.routing.directory import Directory
from app.inference.routing.lanes import in_order_of_preference
from app.inference.routing.local_places import Answer, Ask, Candidate
from app.inference.routing.places import Places
from app.inference.routing.waiting import Line, OnWait
from app.inference.types import CompletionRequest, Target

SHORT_WAIT = 5.0
UNKNOWN_PAUSE = 5.0


@dataclass(frozen=True)
class Place:
    """A place that is held on a worker until it is released. ``taken_at`` is of ``time.monotonic``."""

    id: str
    target: Target
    taken_at: float


@dataclass(frozen=True)
class Search:
    """What to find a place for: the request, the models that may serve it in order, the workers that may not, and for
    how many seconds whoever asks can wait.
    """

    request: CompletionRequest
    models: tuple[str, ...]
    without: Collection[UUID]
    seconds: float
    on_wait: OnWait | None = None

    def allows(self, answer: Answer) -> bool:
        """Whether to go on waiting after this answer."""
        seconds = answer.seconds_until(answer.place)
        return answer.place > 0 and (seconds is None or seconds <= self.seconds)


class Finder:
    def __init__(self, directory: Directory, places: Places) -> None:
        self._directory = directory
        self._places = places
        self._lines: dict[str, Line] = {}

    async def find(self, search: Search) -> Place:
        """A place, held from now on. Raises NoWorkerError or PoolFullError, at once where waiting makes no sense."""
        waiting: tuple[Ask, Answer] | None = None
        refusals: list[Answer] = []
        try:
            for model in search.models:
                ask = await self._ask(search, model, may_wait=waiting is None)
                if ask is None:
                    continue
                answer = await self._places.take(ask)
                if answer.worker:
                    return self._hold(ask, answer)
                if search.allows(answer):
                    waiting = ask, answer
                    if _is_short(answer):
                        break
                elif waiting is None:
                    refusals.append(answer)
                    self._places.leave(ask)
            if waiting is None:
                raise _refusal(refusals, search)
            (ask, answer), waiting = waiting, None
            return await self._wait(search, ask, answer)
        finally:
            if waiting is not None:
                self._places.leave(waiting[0])

    def release(self, place: Place, *, was_answer: bool) -> None:
        """Give the place back; only one that was an answer tells how long answers take."""
        worker, model = place.target.id, place.target.model
        others = [other for other in self._directory.models_on(worker) if other != model]
        self._places.release(worker, place.id, [model, *others], was_answer=was_answer)
        self.kick()

    def has_other(self, models: Collection[str], without: Collection[UUID]) -> bool:
        """Whether these models have a worker besides that is not left alone, as far as this process knows."""
        now, lanes = time.monotonic(), self._places.local.lanes
        others = {target.id for model in models for target in self._directory.known(model)} - set(without)
        return any(worker not in lanes or lanes[worker].closed_until <= now for worker in others)

    def waiting(self) -> dict[str, int]:
        """How many of this process wait, by model."""
        return {model: len(line) for model, line in self._lines.items()}

    def kick(self) -> None:
        """A place may be free somewhere."""
        for line in self._lines.values():
            line.kick()

    async def close(self) -> None:
        for line in self._lines.values():
            await line.close()

    async def _ask(self, search: Search, model: str, *, may_wait: bool) -> Ask | None:
        """None when the model has no worker for this search."""
        request = search.request
        candidates = await self._candidates(search, model)
        if not candidates:
            return None
        ticket, number = self._places.next_ticket()
        return Ask(model, ticket, number, candidates, request.priority, bool(request.affinity), may_wait)

    async def _candidates(self, search: Search, model: str) -> tuple[Candidate, ...]:
        targets = await self._directory.targets(model)
        workers = [(target.id, target.capacity, target) for target in targets if target.id not in search.without]
        in_order = in_order_of_preference(workers, search.request.affinity)
        return tuple(Candidate(worker, capacity) for worker, capacity, _ in in_order)

    def _hold(self, ask: Ask, answer: Answer) -> Place:
        assert answer.worker is not None
        for target in self._directory.known(ask.model):
            if target.id == answer.worker:
                return Place(ask.ticket, target, time.monotonic())
        self._places.release(answer.worker, ask.ticket, [ask.model], was_answer=False)
        raise NoWorkerError  # taken out of the registry in this very moment

    async def _wait(self, search: Search, ask: Ask, answer: Answer) -> Place:
        """Stand in line, looking at the fallbacks now and then."""

        async def look(ask: Ask) -> Ask:
            candidates = await self._candidates(search, ask.model)
            if not candidates:
                raise NoWorkerError
            return replace(ask, candidates=candidates)

        line = self._lines.setdefault(ask.model, Line(self._places))
        ticket = line.join(ask, answer, look, search.on_wait)
        fallbacks = search.models[search.models.index(ask.model) + 1 :]
        until = time.monotonic() + search.seconds
        is_used = False
        try:
            while (left := until - time.monotonic()) > 0:
                await asyncio.wait({ticket.given}, timeout=min(left, SHORT_WAIT) if fallbacks else left)
                if ticket.given.done():
                    answer = ticket.given.result()
                    is_used = True
                    return self._hold(ticket.ask, answer)
                for model in fallbacks:
                    if place := await self._take_now(search, model):
                        return place
            raise PoolFullError(retry_after=UNKNOWN_PAUSE)
        finally:
            if not is_used:
                line.leave(ticket)

    async def _take_now(self, search: Search, model: str) -> Place | None:
        ask = await self._ask(search, model, may_wait=False)
        if ask is None:
            return None
        answer = await self._places.take(ask)
        return self._hold(ask, answer) if answer.worker else None


def _is_short(answer: Answer) -> bool:
    """Whether a fallback need not be looked at. An unknown wait may be short: it shows soon."""
    seconds = answer.seconds_until(answer.place)
    return answer.opens_in is None and (seconds is None or seconds <= SHORT_WAIT)


def _refusal(answers: list[Answer], search: Search) -> ParleyError:
    """Why nobody may wait, with when to try again where that is known: when those who wait now are fewer."""
    full = [answer for answer in answers if answer.opens_in is None]
    if full:
        seconds = full[0].seconds_until(max(1, full[0].place))
        return PoolFullError(retry_after=UNKNOWN_PAUSE if seconds is None else max(1.0, seconds - search.seconds))
    error = NoWorkerError()
    pauses = [answer.opens_in for answer in answers if answer.opens_in is not None]
    if pauses:
        error.retry_after = max(1.0, min(pauses))
    return error
