"""Saving what is being written: every running answer's text reaches its row every 1.5 seconds.

That also renews its lease, and asks whether somebody wants it to stop. One task and one statement do it for all the
answers of a process, since a statement for each would cost more than the tokens it saves.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Protocol
from uuid import UUID
from weakref import WeakKeyDictionary

from django.db import DatabaseError

from app.web.threads import in_thread
from chat.writing import leases

log = logging.getLogger(__name__)

CHECKPOINT_SECONDS = 1.5
LOOK_SECONDS = 0.25


class Writer(Protocol):
    """Who writes an answer."""

    def draft(self) -> leases.Draft:
        """What there is to save."""

    def end(self) -> None:
        """Write no more: somebody wants it to stop, or it is another process's by now."""


class Saver:
    """One per event loop, see ``saver``."""

    def __init__(self) -> None:
        self._due_at: dict[Writer, float] = {}
        self._task: asyncio.Task[None] | None = None

    def add(self, writer: Writer) -> None:
        self._due_at[writer] = asyncio.get_running_loop().time() + CHECKPOINT_SECONDS
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._run())

    def remove(self, writer: Writer) -> None:
        """Save it no more. Safe to call twice."""
        self._due_at.pop(writer, None)

    async def _run(self) -> None:
        while self._due_at:
            await asyncio.sleep(LOOK_SECONDS)
            now = asyncio.get_running_loop().time()
            if due := [writer for writer, due_at in self._due_at.items() if due_at <= now]:
                await self._save(due)

    async def _save(self, writers: list[Writer]) -> None:
        drafts = [writer.draft() for writer in writers]
        try:
            wishes: dict[UUID, bool] = await in_thread(leases.checkpoint, drafts)
        except DatabaseError as error:
            log.warning("%d answers could not be saved, trying again: %s", len(drafts), error)
            return
        now = asyncio.get_running_loop().time()
        for writer, draft in zip(writers, drafts, strict=True):
            if writer not in self._due_at:
                continue  # it has ended meanwhile
            self._due_at[writer] = now + CHECKPOINT_SECONDS
            if wishes.get(draft.message.pk, True):
                self.remove(writer)
                writer.end()


_savers: WeakKeyDictionary[asyncio.AbstractEventLoop, Saver] = WeakKeyDictionary()


def saver() -> Saver:
    """The one of the running event loop, made on first use."""
    loop = asyncio.get_running_loop()
    found = _savers.get(loop)
    if found is None:
        found = _savers[loop] = Saver()
    return found
