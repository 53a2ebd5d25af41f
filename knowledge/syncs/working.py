"""The threads of a sync that read and publish what it takes, while it goes on looking.

Two prepare documents ahead; two embed and publish, of which one embeds at a time, all passages that are ready by then:
many together embed half as fast again as those of one short document after the other. What is in hand is kept under
its leases from outside, by ``renew``. A document that cannot be read is counted as failed, and no reason to stop.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from types import TracebackType
from uuid import UUID

from django.db import DatabaseError, InterfaceError, OperationalError, connection

from app.errors import ParleyError
from knowledge.index.indexing import Embedded
from knowledge.models import Document
from knowledge.publication.leasing import give_back, renew
from knowledge.publication.preparing import Prepared
from knowledge.publication.processing import LARGE_BATCH, Outcome, begin_document, embed, end_documents
from knowledge.syncs.tallying import Change, Seen, Tally

THREADS = 2
_WAITING = 64
_WAIT_SECONDS = 0.5
_NOT_NOW = "A part of Parley does not answer; it is tried again later."
_BROKE_OFF = "Reading it broke off; it is tried again later."

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Job:
    """A document to be read, and what its item counts as when that goes well."""

    document_id: UUID
    key: str
    change: Change


@dataclass(frozen=True)
class Ready:
    job: Job
    prepared: Prepared


class Belt:
    """What is prepared, on its way to those who embed. They take all of it, once it is enough for a large batch, or
    nothing more is on its way to it, or after half a second.
    """

    def __init__(self) -> None:
        self._ready: list[Ready] = []
        self._news = threading.Condition()
        self._coming = 0
        self._is_closed = False

    def expect(self) -> None:
        """One more is to be prepared."""
        with self._news:
            self._coming += 1

    def wait_for_room(self) -> None:
        """Until less lies here than the next batch takes: all of it is in memory."""
        with self._news:
            self._news.wait_for(lambda: self._passages() < LARGE_BATCH or self._is_closed)

    def arrive(self, ready: Ready | None) -> None:
        """One that was expected is prepared, or came to its end without that."""
        with self._news:
            self._coming -= 1
            if ready:
                self._ready.append(ready)
            self._news.notify_all()

    def close(self) -> None:
        """Nothing is expected any more."""
        with self._news:
            self._is_closed = True
            self._news.notify_all()

    def take(self) -> list[Ready]:
        """Everything that lies here, at least one; nothing after the end."""
        with self._news:
            self._news.wait_for(lambda: self._ready or self._is_closed)
            until = time.monotonic() + _WAIT_SECONDS
            while self._coming and not self._is_closed and self._passages() < LARGE_BATCH:
                left = until - time.monotonic()
                if left <= 0:
                    break
                self._news.wait(left)
            ready, self._ready = self._ready, []
            self._news.notify_all()
        return ready

    def _passages(self) -> int:
        return sum(len(one.prepared.pieces) for one in self._ready)


class Processing:
    """Used as a context: leaving it waits for everything, or, after an exception, for what has begun."""

    def __init__(self, tally: Tally) -> None:
        self._tally = tally
        self._jobs: queue.Queue[Job | None] = queue.Queue(_WAITING)
        self._belt = Belt()
        self._embedding = threading.Lock()
        self._in_hand: dict[UUID, Document] = {}
        self._gives_up = False
        self._error: OperationalError | InterfaceError | None = None
        self._preparers = [threading.Thread(target=self._prepare_all, name="prepare") for _ in range(THREADS)]
        self._publishers = [threading.Thread(target=self._publish_all, name="publish") for _ in range(THREADS)]

    def add(self, job: Job) -> None:
        """Raises OperationalError or InterfaceError when the database was lost."""
        self._check()
        self._belt.expect()
        self._jobs.put(job)

    def renew(self) -> None:
        """Keep the leases of what is in hand."""
        renew(*list(self._in_hand.values()))

    def __enter__(self) -> Processing:
        for thread in [*self._preparers, *self._publishers]:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._gives_up = self._gives_up or error is not None
        try:
            self._wait()
        except BaseException:  # Ctrl-C while it waits: what has begun ends, what has not is left
            self._gives_up = True
            self._wait()
            raise
        if error is None:
            self._check()

    def _wait(self) -> None:
        """Until every thread has ended. May be called again after it was interrupted."""
        for _ in self._preparers:
            self._jobs.put(None)
        for thread in self._preparers:
            thread.join()
        self._belt.close()
        for thread in self._publishers:
            thread.join()

    def _check(self) -> None:
        if self._error:
            raise self._error

    def _prepare_all(self) -> None:
        try:
            while job := self._jobs.get():
                ready: Ready | None = None
                try:
                    if not self._gives_up:
                        self._belt.wait_for_room()
                        ready = self._prepare(job)
                except Exception as error:  # noqa: BLE001 - one document must not end the sync of all others
                    self._broke_off([job], error)
                finally:
                    self._belt.arrive(ready)
        finally:
            connection.close()

    def _prepare(self, job: Job) -> Ready | None:
        begun = begin_document(job.document_id)
        if isinstance(begun, Outcome) and begun.state == Document.State.QUEUED:  # what broke it may have passed
            begun = begin_document(job.document_id)
        if isinstance(begun, Prepared):
            self._in_hand[job.document_id] = begun.document
            return Ready(job, begun)
        self._tally.add(_seen(job, begun))
        return None

    def _publish_all(self) -> None:
        try:
            while True:
                with self._embedding:
                    ready = self._belt.take()
                    if not ready:
                        return
                    embedded = self._embed(ready)
                self._end(ready, embedded)
        finally:
            connection.close()

    def _embed(self, ready: list[Ready]) -> list[Embedded | ParleyError] | None:
        """Vectors, or what stood in their way; None when it broke off."""
        if self._gives_up:
            return None
        try:
            return embed([one.prepared for one in ready], LARGE_BATCH)
        except Exception as error:  # noqa: BLE001 - as above
            self._broke_off([one.job for one in ready], error)
            return None

    def _end(self, ready: list[Ready], embedded: list[Embedded | ParleyError] | None) -> None:
        try:
            if embedded is None:
                self._give_back(ready)
                return
            outcomes = end_documents([one.prepared for one in ready], embedded)
            for one in ready:
                self._tally.add(_seen(one.job, outcomes[one.job.document_id]))
        except Exception as error:  # noqa: BLE001 - as above
            self._broke_off([one.job for one in ready], error)
        finally:
            for one in ready:
                self._in_hand.pop(one.job.document_id, None)

    def _give_back(self, ready: Iterable[Ready]) -> None:
        with suppress(DatabaseError):
            for one in ready:
                give_back(one.prepared.document, timedelta(), counts=False)

    def _broke_off(self, jobs: list[Job], error: Exception) -> None:
        if isinstance(error, OperationalError | InterfaceError):  # the database went away: so must we
            self._error, self._gives_up = error, True
            return
        log.error("reading %s", ", ".join(str(job.document_id) for job in jobs), exc_info=error)
        for job in jobs:
            self._tally.add(Seen(job.key, Change.FAILED, _BROKE_OFF))


def _seen(job: Job, outcome: Outcome | None) -> Seen:
    if outcome is None:  # somebody else reads it
        return Seen(job.key, job.change)
    if outcome.state in (Document.State.PUBLISHED, Document.State.HELD):
        return Seen(job.key, job.change, passages=outcome.passages)
    return Seen(job.key, Change.FAILED, outcome.reason or _NOT_NOW)
