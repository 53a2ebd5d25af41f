"""The answers this process is writing, and the sweep for those that nobody writes.

A process becomes a writer when its event loop starts (``attach``); others, such as a command or a Celery worker, only
leave the question in the database, where the next sweep of a writer finds it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any
from uuid import UUID

from django.db import DatabaseError

from app.errors import ParleyError
from app.inference.routing.pool import get_pool
from app.web.threads import in_thread
from chat.composing.briefing import Brief
from chat.streaming.streams import Stream, close_stream, find_stream, open_stream
from chat.writing import leases
from chat.writing.generation import Run
from chat.writing.hearing import hear
from chat.writing.recovery import take_over
from chat.writing.warming import read_ahead
from knowledge.index.generations import warm_up

log = logging.getLogger(__name__)

SWEEP_SECONDS = 1.0
DRAIN_SECONDS = 15.0


class Runner:
    """All runs of one process."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._runs: dict[UUID, Run] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._sweeper: asyncio.Task[None] | None = None
        self._hearer: asyncio.Task[None] | None = None
        self._reading_ahead: asyncio.Task[None] | None = None
        self._is_draining = False

    @property
    def takes_answers(self) -> bool:
        """Whether an answer that is asked for here is written here; from any thread."""
        return self.loop is not None and not self._is_draining

    @property
    def loop(self) -> asyncio.AbstractEventLoop | None:
        """The event loop that writes answers in this process, if there is one."""
        return self._loop if self._loop and self._loop.is_running() else None

    def attach(self) -> bool:
        """Make the running event loop the one that writes; whether it was not. Calling again costs nothing."""
        loop = asyncio.get_running_loop()
        if self._loop is loop:
            return False
        self._loop, self._is_draining = loop, False
        self._runs, self._tasks = {}, set()
        self._sweeper = loop.create_task(self._sweep())
        self._hearer = loop.create_task(hear(self._stop))
        return True

    def warm_up(self) -> None:
        """Load the embedding model and meet the model servers beside the first requests, so that the first question
        does not wait for it.
        """
        self._keep(_load_embedding())
        self._keep(_open_pool())

    def read_ahead(self) -> None:
        """Beside what is asked, make ready what the first questions will need; ends with the process."""
        self._reading_ahead = asyncio.get_running_loop().create_task(read_ahead(lambda: bool(self._runs)))

    def begin_soon(self, brief: Brief) -> None:
        """Write an answer that is this process's already; from any thread. If it ends before, another takes it over."""
        if self._loop and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._begin, brief)

    def stop_soon(self, message_id: UUID, reason: str = "") -> None:
        """Stop an answer if it is written here; elsewhere its writer sees the request in the row."""
        if self._loop and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._stop, message_id, reason)

    def _begin(self, brief: Brief) -> None:
        if not self._is_draining:
            stream = open_stream(brief.message.id)
            self._keep(self._write(Run(brief.message, stream, brief)))

    def _take(self, message_id: UUID) -> None:
        """Try to become the owner of an answer that nobody writes."""
        if not self._is_draining and not find_stream(message_id):
            self._keep(self._claim(message_id, open_stream(message_id)))

    def _keep(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def drain(self, seconds: float = DRAIN_SECONDS) -> None:
        """Let running answers end, for at most ``seconds``; then save what there is."""
        self._is_draining = True
        for task in filter(None, (self._sweeper, self._reading_ahead)):
            task.cancel()
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=seconds)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        if self._hearer:
            self._hearer.cancel()
        await get_pool().close()
        self._loop = None

    def _stop(self, message_id: UUID, reason: str) -> None:
        if run := self._runs.get(message_id):
            run.stop(reason)

    async def _claim(self, message_id: UUID, stream: Stream) -> None:
        try:
            message = await in_thread(leases.claim, message_id)
            if message is not None and (message.fence == 1 or await take_over(message, stream)):
                await self._write(Run(message, stream))
        finally:
            close_stream(stream)

    async def _write(self, run: Run) -> None:
        self._runs[run.message.id] = run
        try:
            if run.message.stop_requested:
                run.stop()
            await run.write()
        finally:
            self._runs.pop(run.message.id, None)
            close_stream(run.outlet.stream)

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            try:
                for message_id in await in_thread(leases.find_waiting):
                    self._take(message_id)
            except Exception as error:  # noqa: BLE001 - the database may be restarting; sweeping must outlive that
                log.warning("looking for answers nobody writes failed, trying again: %r", error)


async def _load_embedding() -> None:
    try:
        await in_thread(warm_up)
    except (ParleyError, DatabaseError) as error:
        log.warning("the embedding model is not there yet: %s", error)


async def _open_pool() -> None:
    try:
        await get_pool().warm_up()
    except DatabaseError as error:
        log.warning("the model registry cannot be read yet: %s", error)


runner = Runner()
