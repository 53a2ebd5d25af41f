"""Which streams of this process move. Health is progress: a worker whose streams stand still is sick, whatever it says
of itself, and one that moves others is merely slow with this one.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from uuid import UUID


@dataclass(slots=True, eq=False)
class Pulse:
    """When any stream of a worker last moved here. Times are of ``time.monotonic``."""

    moved_at: float = 0.0


@dataclass(slots=True, eq=False)
class Running:
    """One stream. ``silent_since`` is None while its reader has a piece in hand: then it is not the worker's turn."""

    worker: UUID
    pulse: Pulse
    silent_since: float | None
    has_text: bool = False

    def note_piece(self) -> None:
        """A piece of it has come."""
        self.has_text, self.silent_since = True, None
        self.pulse.moved_at = time.monotonic()

    def note_wait(self) -> None:
        """Its reader waits for the next."""
        self.silent_since = time.monotonic()


class Progress:
    """All streams of this process."""

    def __init__(self) -> None:
        self._running: set[Running] = set()
        self._pulses: dict[UUID, Pulse] = {}

    def begin(self, worker: UUID) -> Running:
        running = Running(worker, self._pulses.setdefault(worker, Pulse()), time.monotonic())
        self._running.add(running)
        return running

    def end(self, running: Running) -> None:
        self._running.discard(running)
        if not any(other.worker == running.worker for other in self._running):
            self._pulses.pop(running.worker, None)

    def is_slow(self, running: Running) -> bool:
        """Whether its worker has moved another stream since this one fell silent."""
        since = running.silent_since
        return since is not None and running.pulse.moved_at > since

    def standing(self, seconds: float) -> set[UUID]:
        """The workers that have begun answers here and moved none for so long, though one could go on."""
        late = time.monotonic() - seconds
        waiting = (
            running
            for running in self._running
            if running.has_text and running.silent_since is not None and running.silent_since < late
        )
        return {running.worker for running in waiting if running.pulse.moved_at < late}

    def count(self) -> dict[UUID, int]:
        """How many streams run here, by worker."""
        counts: dict[UUID, int] = {}
        for running in self._running:
            counts[running.worker] = counts.get(running.worker, 0) + 1
        return counts
