"""Threads of a sync that read and publish what it takes, while it goes on looking.

They take from one queue, whatever waits there at once, so that short documents share the embedder's batches; a full
queue makes the sync wait. A document that cannot be read now is counted as failed, and is no reason to stop.
"""

from __future__ import annotations

import logging
import queue
import threading
from dataclasses import dataclass
from types import TracebackType
from uuid import UUID

from django.db import InterfaceError, OperationalError, connection

from knowledge.models import Document
from knowledge.processing import Outcome, process_document, process_documents
from knowledge.tallying import Change, Seen, Tally

THREADS = 2
_WAITING = 64
_TOGETHER = 16
_TOGETHER_BYTES = 4_000_000
_NOT_NOW = "A part of Parley does not answer; it is tried again later."

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Job:
    """A document to be read, and what its item counts as when that goes well."""

    document_id: UUID
    key: str
    change: Change
    size_bytes: int = 0


class Processing:
    """Used as a context: leaving it waits for everything, or, after an exception, for what has begun."""

    def __init__(self, tally: Tally) -> None:
        self._tally = tally
        self._jobs: queue.Queue[Job | None] = queue.Queue(_WAITING)
        self._error: OperationalError | InterfaceError | None = None
        self._is_ending = threading.Event()
        self._threads = [threading.Thread(target=self._work, name=f"ingest-{number}") for number in range(THREADS)]

    def add(self, job: Job) -> None:
        """Raises OperationalError or InterfaceError when the database was lost."""
        self._check()
        self._jobs.put(job)

    def __enter__(self) -> Processing:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            self._is_ending.set()
        for _ in self._threads:
            self._jobs.put(None)
        for thread in self._threads:
            thread.join()
        if error is None:
            self._check()

    def _check(self) -> None:
        if self._error:
            raise self._error

    def _work(self) -> None:
        try:
            while jobs := self._next():
                if not self._is_ending.is_set() and self._error is None:
                    self._process(jobs)
        finally:
            connection.close()

    def _next(self) -> list[Job]:
        """What waits now, at least one; nothing at the end."""
        jobs: list[Job] = []
        try:
            job = self._jobs.get()
            while job is not None:
                jobs.append(job)
                if len(jobs) >= _TOGETHER or sum(one.size_bytes for one in jobs) >= _TOGETHER_BYTES:
                    return jobs
                job = self._jobs.get_nowait()
            self._jobs.put(None)  # the sign of the end is for every thread, and for our next turn
        except queue.Empty:
            pass
        else:
            return jobs
        return jobs

    def _process(self, jobs: list[Job]) -> None:
        try:
            outcomes = process_documents([job.document_id for job in jobs])
            for job in jobs:
                outcome = outcomes[job.document_id]
                if outcome and outcome.state == Document.State.QUEUED:
                    outcome = process_document(job.document_id)
                self._tally.add(_seen(job, outcome))
        except (OperationalError, InterfaceError) as error:
            self._error = error
        except Exception:  # whatever one document does must not end the sync of all others
            log.exception("reading %s", ", ".join(str(job.document_id) for job in jobs))
            for job in jobs:
                self._tally.add(Seen(job.key, Change.FAILED, "Reading it broke off; it is tried again later."))


def _seen(job: Job, outcome: Outcome | None) -> Seen:
    if outcome is None:  # somebody else reads it
        return Seen(job.key, job.change)
    if outcome.state in (Document.State.PUBLISHED, Document.State.HELD):
        return Seen(job.key, job.change, passages=outcome.passages)
    return Seen(job.key, Change.FAILED, outcome.reason or _NOT_NOW)
