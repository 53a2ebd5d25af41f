"""How long an answer was on a model server, and how much of the server was its own meanwhile.

An answer that shares its server with three others has a quarter of it. Each worker has a clock that runs slower the
more answers are there: it gains 1/n of a second a second. An answer's share is what that clock gained while it was
there, so the shares of all answers add up to the seconds in which the server had any. This process knows its own
answers alone: with several web processes the share, and the energy worked out from it, comes out too high.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Lock


@dataclass(slots=True)
class Stay:
    """Seconds an answer held its place, and the seconds of a whole server that are its share of them."""

    seconds: float = 0.0
    share_seconds: float = 0.0


@dataclass(slots=True)
class _Clock:
    present: int = 0
    shared: float = 0.0
    at: float = 0.0

    def step(self, now: float, change: int) -> float:
        if self.present:
            self.shared += (now - self.at) / self.present
        self.at = now
        self.present += change
        return self.shared


class Occupancy:
    """Who is on which worker, as one process knows it. ``now`` is in seconds of any clock that only goes forward."""

    def __init__(self) -> None:
        self._clocks: dict[uuid.UUID, _Clock] = {}
        self._lock = Lock()

    def come(self, worker_id: uuid.UUID, now: float) -> float:
        """An answer begins; gives what ``leave`` wants as ``came``."""
        with self._lock:
            return self._clocks.setdefault(worker_id, _Clock()).step(now, +1)

    def leave(self, worker_id: uuid.UUID, came: float, now: float) -> float:
        """It ended; gives its share in seconds."""
        with self._lock:
            clock = self._clocks[worker_id]
            share = clock.step(now, -1) - came
            if not clock.present:
                del self._clocks[worker_id]
            return share


_occupancy = Occupancy()


@contextmanager
def staying(worker_id: uuid.UUID, stay: Stay) -> Iterator[None]:
    """Add to ``stay`` the time that an answer is on this worker, however it ends."""
    began = time.monotonic()
    came = _occupancy.come(worker_id, began)
    try:
        yield
    finally:
        ended = time.monotonic()
        stay.seconds += ended - began
        stay.share_seconds += _occupancy.leave(worker_id, came, ended)
