"""Which model server answers: one pool per process and event loop, over every worker of the registry.

A conversation keeps meeting the worker that has its beginning in the prefix cache, unless that one is much busier than
the rest (``lanes``). A worker's capacity is one for all processes (``places``), and so is the line of those who wait
(``waiting``). Another worker, or a fallback model's, is tried only while nothing has been shown (``finding``).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
import uuid
from collections.abc import AsyncGenerator, Awaitable
from dataclasses import dataclass, field, replace
from types import TracebackType
from weakref import WeakKeyDictionary

from django.conf import settings

from app.inference.calling.client import new_session, stream_completion
from app.inference.calling.connections import Session
from app.inference.errors import BusyError, NoWorkerError, PoolFullError, StalledError, UpstreamError
from app.inference.routing import pool_metrics
from app.inference.routing.directory import Directory
from app.inference.routing.finding import Finder, Place, Search
from app.inference.routing.lanes import failure_pause, pause_after
from app.inference.routing.news import Listener
from app.inference.routing.places import Places
from app.inference.routing.progress import Progress, Running
from app.inference.routing.waiting import OnWait
from app.inference.types import CompletionRequest, Deadlines, TextChunk, Usage

logger = logging.getLogger(__name__)

MOST_TRIES = 3
TRIES_BEFORE_FALLBACK = 2
BREATH_SECONDS = 0.2
STANDSTILL_PART = 0.4  # of the stall deadline: 8 s

Pieces = AsyncGenerator[TextChunk | Usage, None]


class Stream:
    """An answer under way: iterate it, or leave it with ``aclose`` (or ``async with``) to stop the model
    server.
    """

    def __init__(self, place: Place, first: TextChunk | Usage, rest: Pieces) -> None:
        self.worker_id: uuid.UUID = place.target.id
        self.model: str = place.target.model
        self._first: TextChunk | Usage | None = first
        self._rest = rest

    def __aiter__(self) -> Stream:
        return self

    def __anext__(self) -> Awaitable[TextChunk | Usage]:
        return self._rest.__anext__() if self._first is None else self._take_first()

    async def _take_first(self) -> TextChunk | Usage:
        first, self._first = self._first, None
        assert first is not None
        return first

    async def aclose(self) -> None:
        """Close the connection to the model server at once. Safe to call twice and after the end."""
        self._first = None
        await self._rest.aclose()

    async def __aenter__(self) -> Stream:
        return self

    async def __aexit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        await self.aclose()


@dataclass
class _Tries:
    """What has been tried for one request, and the seconds that went by in line and with workers asked."""

    request: CompletionRequest
    on_wait: OnWait | None
    count: int = 0
    failed: set[uuid.UUID] = field(default_factory=set)
    by_model: dict[str, int] = field(default_factory=dict)
    waited: float = 0.0
    asked: float = 0.0

    def note(self, place: Place, error: UpstreamError) -> None:
        """A worker that is only busy may be asked again after its pause."""
        self.count += 1
        self.by_model[place.target.model] = self.by_model.get(place.target.model, 0) + 1
        if not isinstance(error, BusyError):
            self.failed.add(place.target.id)

    def models(self) -> tuple[str, ...]:
        """Those to ask, in order. A model that failed twice makes room for its fallbacks."""
        chain = tuple(dict.fromkeys((self.request.model, *self.request.fallbacks)))
        left = tuple(model for model in chain if self.by_model.get(model, 0) < TRIES_BEFORE_FALLBACK)
        return left or chain[-1:]

    def may_go_on(self) -> bool:
        return self.count < MOST_TRIES + bool(self.request.fallbacks)


class Pool:
    def __init__(
        self, directory: Directory | None = None, deadlines: Deadlines | None = None, places: Places | None = None
    ) -> None:
        self._directory = directory or Directory()
        self._deadlines = deadlines or Deadlines()
        self._places = places or Places(settings.VALKEY_URL)
        self._finder = Finder(self._directory, self._places)
        self._progress = Progress()
        self._session: Session | None = None
        self._registry_changed = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    async def stream(self, request: CompletionRequest, on_wait: OnWait | None = None) -> Stream:
        """Ask a worker of ``request.model``, or of its fallbacks; returns when the first text is there.

        ``on_wait`` is called, on the event loop and at most once a second, while the request waits for a place.
        Raises NoWorkerError, PoolFullError, or the last worker's UpstreamError when none gave a first token.
        """
        self._start()
        tries = _Tries(request, on_wait)
        place = await self._find(tries)
        while True:
            began_at = time.monotonic()
            try:
                return await self._begin(place, tries)
            except UpstreamError as error:
                tries.asked += time.monotonic() - began_at
                tries.note(place, error)
                place = await self._find_other(tries, error)

    async def warm_up(self) -> None:
        """Do now what the first request would wait for: read the registry, and meet the other processes."""
        self._start()
        await self._places.renew([])
        await self.refresh()

    async def refresh(self) -> None:
        """Read the registry now, instead of within some seconds."""
        await self._directory.refresh()
        self._finder.kick()

    async def close(self) -> None:
        """Close every connection, streams under way too."""
        _pools.pop(asyncio.get_running_loop(), None)
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        await self._finder.close()
        if self._session:
            await self._session.close()
        await self._directory.close()
        await self._places.close()

    async def _find(self, tries: _Tries) -> Place:
        began_at = time.monotonic()
        left = self._deadlines.place - tries.waited
        try:
            return await self._finder.find(Search(tries.request, tries.models(), tries.failed, left, tries.on_wait))
        finally:
            seconds = time.monotonic() - began_at
            tries.waited += seconds
            pool_metrics.WAITED.labels(tries.request.model).observe(seconds)

    async def _find_other(self, tries: _Tries, error: UpstreamError) -> Place:
        """A place to try again after ``error``, which is raised where there is none."""
        is_over = tries.asked >= self._deadlines.first_token
        if not error.elsewhere or is_over or not tries.may_go_on():
            raise error
        try:
            return await self._find(tries)
        except (NoWorkerError, PoolFullError):
            raise error from None

    async def _begin(self, place: Place, tries: _Tries) -> Stream:
        """Wait for the first piece. A worker that is not the last hope gets half of the time that is left."""
        deadlines = self._deadlines
        without = {*tries.failed, place.target.id}
        if tries.count + 1 < MOST_TRIES and self._finder.has_other(tries.models(), without):
            deadlines = replace(deadlines, first_token=(tries.asked + deadlines.first_token) / 2)
        asked_at = asyncio.get_running_loop().time() - tries.asked
        rest = self._attempt(place, tries.request, deadlines, asked_at)
        try:
            first = await rest.__anext__()
        except BaseException:
            await rest.aclose()
            raise
        return Stream(place, first, rest)

    async def _attempt(self, place: Place, request: CompletionRequest, deadlines: Deadlines, asked_at: float) -> Pieces:
        """One worker's stream; its place is given back however this ends."""
        if self._session is None:
            self._session = new_session(self._deadlines)
        running, lane = self._progress.begin(place.target.id), self._places.local.lane(place.target.id)
        pieces = stream_completion(self._session, place.target, request, deadlines, asked_at=asked_at)
        try:
            async with contextlib.aclosing(pieces):
                async for piece in pieces:
                    running.note_piece()
                    if isinstance(piece, Usage):
                        pool_metrics.note_usage(piece)
                    if lane.failures and lane.is_healed_by(place.taken_at):
                        self._places.heal(place.target.id)
                    yield piece
                    running.note_wait()
        except UpstreamError as error:
            self._note_failure(place, running, error)
            raise
        finally:
            self._progress.end(running)
            self._finder.release(place, was_answer=running.has_text)

    def _note_failure(self, place: Place, running: Running, error: UpstreamError) -> None:
        target = place.target
        logger.warning("worker %s of %s failed: %s", target.id, target.model, error)
        pool_metrics.FAILURES.labels(str(target.id), error.code).inc()
        pause = pause_after(error)
        if pause and not (isinstance(error, StalledError) and self._progress.is_slow(running)):
            self._places.fail(target.id, pause)

    def _start(self) -> None:
        """Begin what goes on beside the streams, with the first of them."""
        if not self._tasks:
            loop = asyncio.get_running_loop()
            listener = Listener(settings.VALKEY_URL, self._places.root)
            self._tasks = [
                loop.create_task(self._keep()),
                loop.create_task(listener.listen(self._finder.kick, self._registry_changed.set)),
                loop.create_task(self._follow_registry()),
            ]

    async def _keep(self) -> None:
        """Every two seconds: say what is held, and leave workers alone whose streams stand still."""
        while True:
            await asyncio.sleep(self._places.timing.renew)
            for worker in self._progress.standing(STANDSTILL_PART * self._deadlines.stall):
                self._places.fail(worker, failure_pause(was_silent=True))
            workers = self._directory.workers()
            await self._places.renew(workers)
            pool_metrics.note_state(self._places, self._progress.count(), self._finder.waiting())

    async def _follow_registry(self) -> None:
        """Read the registry whenever it changes; many changes at once are read once."""
        while True:
            await self._registry_changed.wait()
            self._registry_changed.clear()
            try:
                await self.refresh()
            except Exception as error:  # noqa: BLE001 - the database may be away; the registry is read again anyway
                logger.warning("the model registry cannot be read: %r", error)
            await asyncio.sleep(BREATH_SECONDS)


_pools: WeakKeyDictionary[asyncio.AbstractEventLoop, Pool] = WeakKeyDictionary()


def get_pool() -> Pool:
    """The pool of the running event loop, made on first use."""
    loop = asyncio.get_running_loop()
    pool = _pools.get(loop)
    if pool is None:
        pool = _pools[loop] = Pool()
    return pool
