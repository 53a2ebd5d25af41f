"""Which model server answers: one pool per process and event loop, over every worker of the registry.

A conversation keeps meeting the worker that has its beginning in the prefix cache, unless that one is much
busier than the rest. Another worker is tried only while nothing has been shown. Waiting is in order of
priority and arrival, and bounded.
"""

import asyncio
import bisect
import contextlib
import itertools
import logging
import uuid
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, field, replace
from types import TracebackType
from weakref import WeakKeyDictionary

import aiohttp

from app.inference.client import new_session, stream_completion
from app.inference.directory import Directory
from app.inference.errors import NoWorkerError, PoolFullError, UpstreamError
from app.inference.lanes import Lane, choose
from app.inference.types import CompletionRequest, Deadlines, TextChunk, Usage, Waiting

logger = logging.getLogger(__name__)

MOST_TRIES = 3
LONGEST_QUEUE = 256
PLACE_SECONDS = 12.0

OnWait = Callable[[Waiting], None]


class Stream:
    """An answer under way: iterate it, or leave it with ``aclose`` (or ``async with``) to stop the model
    server.
    """

    def __init__(self, lane: Lane, first: TextChunk | Usage, rest: AsyncGenerator[TextChunk | Usage, None]) -> None:
        self.worker_id: uuid.UUID = lane.target.id
        self._first: TextChunk | Usage | None = first
        self._rest = rest

    def __aiter__(self) -> "Stream":
        return self

    async def __anext__(self) -> TextChunk | Usage:
        if self._first is not None:
            first, self._first = self._first, None
            return first
        return await self._rest.__anext__()

    async def aclose(self) -> None:
        """Close the connection to the model server at once. Safe to call twice and after the end."""
        self._first = None
        await self._rest.aclose()

    async def __aenter__(self) -> "Stream":
        return self

    async def __aexit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        await self.aclose()


@dataclass(order=True)
class _Ticket:
    """A request that waits for a place; the smallest goes first."""

    priority: int
    number: int
    turn: asyncio.Event = field(default_factory=asyncio.Event, compare=False)


class Pool:
    def __init__(self, directory: Directory | None = None, deadlines: Deadlines | None = None) -> None:
        self._directory = directory or Directory()
        self._deadlines = deadlines or Deadlines()
        self._session: aiohttp.ClientSession | None = None
        self._lanes: dict[uuid.UUID, Lane] = {}
        self._queues: dict[str, list[_Ticket]] = {}
        self._numbers = itertools.count()

    async def stream(self, request: CompletionRequest, on_wait: OnWait | None = None) -> Stream:
        """Ask a worker of ``request.model``; returns when the first text is there.

        ``on_wait`` is called, on the event loop and at most once a second, while the request waits for a place.
        Raises NoWorkerError, PoolFullError, or the last worker's UpstreamError when none gave a first token.
        """
        asked_at = _now()
        tried: set[uuid.UUID] = set()
        lane = await self._wait_for_lane(request, asked_at, on_wait)
        while True:
            tried.add(lane.target.id)
            try:
                return await self._begin(lane, request, asked_at, is_last=not self._others(request, tried))
            except UpstreamError as error:
                others = self._others(request, tried) if error.elsewhere else []
                next_lane = choose(others, request.affinity, _now())
                if next_lane is None or len(tried) >= MOST_TRIES:
                    raise
                next_lane.take()
                lane = next_lane

    async def refresh(self) -> None:
        """Read the registry now, instead of within some seconds."""
        await self._directory.refresh()

    async def close(self) -> None:
        """Close every connection, streams under way too."""
        _pools.pop(asyncio.get_running_loop(), None)
        await self._directory.close()
        if self._session:
            await self._session.close()

    async def _begin(self, lane: Lane, request: CompletionRequest, asked_at: float, *, is_last: bool) -> Stream:
        """Wait for the first piece. A worker that is not the last hope gets half of the time that is left."""
        deadlines = self._deadlines
        if not is_last:
            spent = _now() - asked_at
            deadlines = replace(deadlines, first_token=(spent + deadlines.first_token) / 2)
        rest = self._attempt(lane, request, deadlines, asked_at)
        try:
            first = await rest.__anext__()
        except BaseException:
            await rest.aclose()
            raise
        return Stream(lane, first, rest)

    async def _attempt(
        self, lane: Lane, request: CompletionRequest, deadlines: Deadlines, asked_at: float
    ) -> AsyncGenerator[TextChunk | Usage, None]:
        """One worker's stream; the place taken on its lane is given back however this ends."""
        if self._session is None:
            self._session = new_session(self._deadlines)
        began_at = _now()
        pieces = stream_completion(self._session, lane.target, request, deadlines, asked_at=asked_at)
        try:
            async with contextlib.aclosing(pieces):
                async for piece in pieces:
                    lane.note_progress(_now())
                    yield piece
        except UpstreamError as error:
            lane.note_failure(error, began_at=began_at, now=_now())
            logger.warning("worker %s of %s failed: %s", lane.target.id, lane.target.model, error)
            raise
        finally:
            lane.give_back()
            self._call_next(request.model)

    def _others(self, request: CompletionRequest, tried: set[uuid.UUID]) -> list[Lane]:
        now = _now()
        return [
            lane
            for lane in self._lanes.values()
            if lane.target.model == request.model and lane.target.id not in tried and lane.has_place(now)
        ]

    async def _wait_for_lane(self, request: CompletionRequest, asked_at: float, on_wait: OnWait | None) -> Lane:
        """A lane with a place taken on it, as soon as it is this request's turn."""
        queue = self._queues.setdefault(request.model, [])
        if len(queue) >= LONGEST_QUEUE:
            raise PoolFullError
        ticket = _Ticket(request.priority, next(self._numbers))
        bisect.insort(queue, ticket)
        until = asked_at + min(PLACE_SECONDS, self._deadlines.first_token / 2)
        try:
            while True:
                lanes = await self._current_lanes(request.model)
                now = _now()
                if queue[0] is ticket and (lane := choose(lanes, request.affinity, now)):
                    lane.take()
                    return lane
                wake_at = _next_try(lanes, now, until)
                if on_wait:
                    on_wait(Waiting(queue.index(ticket) + 1, None))
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout_at(wake_at):
                        await ticket.turn.wait()
                ticket.turn.clear()
        finally:
            queue.remove(ticket)
            self._call_next(request.model)

    def _call_next(self, model: str) -> None:
        if queue := self._queues.get(model):
            queue[0].turn.set()

    async def _current_lanes(self, model: str) -> list[Lane]:
        targets = await self._directory.targets(model)
        if not targets:
            raise NoWorkerError
        for target in targets:
            lane = self._lanes.get(target.id)
            if lane is None:
                self._lanes[target.id] = Lane(target)
            elif lane.target != target:
                lane.target = target
        current = {target.id for target in targets}
        for lane in [lane for lane in self._lanes.values() if lane.target.model == model]:
            if lane.target.id not in current:
                del self._lanes[lane.target.id]
        return [self._lanes[target.id] for target in targets]


def _now() -> float:
    return asyncio.get_running_loop().time()


def _next_try(lanes: list[Lane], now: float, until: float) -> float:
    """When to look again. Raises when nothing can come before ``until``."""
    openings = [lane.closed_until for lane in lanes if lane.closed_until > now]
    if len(openings) == len(lanes) and min(openings) > until:
        raise NoWorkerError
    if now >= until:
        raise PoolFullError
    return min([until, *openings])


_pools: "WeakKeyDictionary[asyncio.AbstractEventLoop, Pool]" = WeakKeyDictionary()


def get_pool() -> Pool:
    """The pool of the running event loop, made on first use."""
    loop = asyncio.get_running_loop()
    pool = _pools.get(loop)
    if pool is None:
        pool = _pools[loop] = Pool()
    return pool
