"""Which streams of this process move. Health is progress: a worker whose streams stand still is sick, whatever it says
of itself, and one that moves others is merely slow with this one.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from uuid import UUID


@dataclass(slots=True, eq=False)
class Running:
    """One stream. ``silent_since`` is None while its reader has a piece in hand: then it is not the worker's turn."""

    worker: UUID
    began_at: float
    silent_since: float | None
    has_text: bool = False


class Progress:
    """Times are of ``time.monotonic``."""

    def __init__(self) -> None:
        self._running: set[Running] = set()
        self._moved_at: dict[UUID, float] = {}

    def begin(self, worker: UUID) -> Running:
        now = time.monotonic()
        running = Running(worker, now, now)
        self._running.add(running)
        return running

    def moved(self, running: Running) -> None:
        """A piece of it has come."""
        running.has_text, running.silent_since = True, None
        self._moved_at[running.worker] = time.monotonic()

    def end(self, running: Running) -> None:
        self._running.discard(running)
        if not any(other.worker == running.worker for other in self._running):
            self._moved_at.pop(running.worker, None)

    def is_slow(self, running: Running) -> bool:
        """Whether its worker has moved another stream since this one fell silent."""
        since = running.silent_since
        return since is not None and self._moved_at.get(running.worker, 0.0) > since

    def standing(self, seconds: float) -> Iterator[UUID]:
        """The workers that have begun answers here and moved none for so long, though one could go on."""
        late = time.monotonic() - seconds
        waiting = {
            running.worker
            for running in self._running
            if running.has_text and running.silent_since is not None and running.silent_since < late
        }
        return (worker for worker in waiting if self._moved_at.get(worker, 0.0) < late)

    def count(self) -> dict[UUID, int]:
        """How many streams run here, by worker."""
        counts: dict[UUID, int] = {}
        for running in self._running:
            counts[running.worker] = counts.get(running.worker, 0) + 1
        return counts
