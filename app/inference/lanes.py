"""One worker as this process sees it: how much it has there, and whether it may be trusted with more.

A simple breaker: after a failure the lane closes for a second, then two, four … thirty; when it opens again
one request goes first, and the first token of it makes the lane whole. Other processes keep their own lanes:
nothing is shared, so nothing can be wrong about it.
"""

import math
import random
from dataclasses import dataclass
from hashlib import blake2b

from app.inference.errors import BusyError, StalledError, UpstreamError
from app.inference.types import Target

FIRST_PAUSE = 1.0
LONGEST_PAUSE = 30.0
BUSY_PAUSE = 0.5
SLACK = 4
BALANCE = 1.25


@dataclass
class Lane:
    """Times are event loop times in seconds."""

    target: Target
    outstanding: int = 0
    failures: int = 0
    closed_until: float = 0.0
    progressed_at: float = 0.0
    is_probing: bool = False

    def has_place(self, now: float) -> bool:
        if now < self.closed_until or self.outstanding >= self.target.capacity:
            return False
        return not (self.failures and self.is_probing)

    def take(self) -> None:
        self.outstanding += 1
        self.is_probing = self.failures > 0

    def give_back(self) -> None:
        self.outstanding -= 1
        self.is_probing = False

    def note_progress(self, now: float) -> None:
        self.progressed_at = now
        if self.failures:
            self.failures, self.closed_until, self.is_probing = 0, 0.0, False

    def note_failure(self, error: UpstreamError, *, began_at: float, now: float) -> None:
        """Close for a while if the error is the worker's fault. One that moves other streams is slow, not
        stalled.
        """
        if isinstance(error, BusyError):
            self.closed_until = now + min(error.retry_after or BUSY_PAUSE, LONGEST_PAUSE)
            return
        is_slow = isinstance(error, StalledError) and self.progressed_at > began_at
        if not error.blames_worker or is_slow or now < self.closed_until:
            return
        self.failures += 1
        pause = min(FIRST_PAUSE * 2 ** (self.failures - 1), LONGEST_PAUSE)
        self.closed_until = now + pause * random.uniform(0.8, 1.2)  # noqa: S311 - spreads retries, hides nothing


def choose(lanes: list[Lane], affinity: str, now: float) -> Lane | None:
    """The lane for a request, None when no lane has a place.

    The request's own lane by rendezvous hashing weighted by capacity (Thaler and Ravishankar 1998), as long
    as it is not much fuller than the average (bounded loads, Mirrokni et al. 2018); else the lane with the
    least to do.
    """
    free = [lane for lane in lanes if lane.has_place(now)]
    if not free:
        return None
    if affinity:
        own = max(free, key=lambda lane: _score(affinity, lane.target))
        total = sum(lane.outstanding for lane in free)
        if own.outstanding < math.ceil(BALANCE * (total + 1) / len(free)) + SLACK:
            return own
    return min(free, key=lambda lane: (lane.outstanding / lane.target.capacity, random.random()))  # noqa: S311


def _score(affinity: str, target: Target) -> float:
    digest = blake2b(affinity.encode(), digest_size=8, key=target.id.bytes).digest()
    share = (int.from_bytes(digest, "big") + 1) / (2**64 + 1)
    return -target.capacity / math.log(share)
