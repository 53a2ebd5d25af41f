"""Which worker a request goes to, and how long one that failed is left alone. Counts in, a choice out: nothing here
knows where they come from. ``places.lua`` says the same for the counts that all processes share.
"""

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import TypeVar
from uuid import UUID

from app.inference.errors import BusyError, StalledError, UpstreamError

FIRST_PAUSE = 1.0
LONGEST_PAUSE = 30.0
BUSY_PAUSE = 0.5
SLACK = 4
BALANCE = 1.25

W = TypeVar("W")


@dataclass(slots=True)
class Load:
    """What one worker has to do. ``room`` is how many more requests it may have now: 0 while it is full or left
    alone.
    """

    outstanding: int
    capacity: int
    room: int


def choose(loads: Sequence[Load], *, by_affinity: bool) -> int | None:
    """The index of the worker for a request, None when none has room. ``loads`` come in the order of preference.

    By affinity it is the first with room, as long as it is not much fuller than the rest (consistent hashing with
    bounded loads, Mirrokni et al. 2018); else the one with the least to do for its capacity.
    """
    free = [index for index, load in enumerate(loads) if load.room > 0]
    if not free:
        return None
    if by_affinity:
        own = loads[free[0]]
        outstanding = sum(loads[index].outstanding for index in free)
        capacity = sum(loads[index].capacity for index in free)
        if own.outstanding < math.ceil(BALANCE * (outstanding + 1) * own.capacity / capacity) + SLACK:
            return free[0]
    return min(free, key=lambda index: loads[index].outstanding / loads[index].capacity)


def in_order_of_preference(workers: Sequence[tuple[UUID, int, W]], affinity: str) -> list[tuple[UUID, int, W]]:
    """Workers, as (id, capacity, anything), the one first that this conversation should meet again: rendezvous
    hashing weighted by capacity (Thaler and Ravishankar 1998). Without an affinity in any order.
    """
    if not affinity:
        return random.sample(workers, len(workers))
    key = affinity.encode()
    return sorted(workers, key=lambda worker: _score(key, worker[0], worker[1]), reverse=True)


def _score(affinity: bytes, worker: UUID, capacity: int) -> float:
    digest = blake2b(affinity, digest_size=8, key=worker.bytes).digest()
    share = (int.from_bytes(digest, "big") + 1) / (2**64 + 1)
    return -capacity / math.log(share)


@dataclass(frozen=True, slots=True)
class Pause:
    """What a failure asks for. A busy worker is left alone for ``seconds``; one that failed for ``seconds`` doubled
    with every failure in a row, up to the longest pause. One that was silent is well again when any of its streams
    moves, one that refused a request when it takes another.
    """

    seconds: float
    is_failure: bool
    any_text_heals: bool = False

    def after(self, failures: int) -> float:
        """Seconds that a worker is left alone after this many failures in a row."""
        return min(self.seconds * 2 ** (failures - 1), LONGEST_PAUSE) if self.is_failure else self.seconds


def pause_after(error: UpstreamError) -> Pause | None:
    """None where the error is not the worker's fault."""
    if isinstance(error, BusyError):
        wanted = BUSY_PAUSE if error.retry_after is None else error.retry_after
        return Pause(min(max(wanted, BUSY_PAUSE), LONGEST_PAUSE), is_failure=False)
    return failure_pause(was_silent=isinstance(error, StalledError)) if error.blames_worker else None


def failure_pause(*, was_silent: bool) -> Pause:
    seconds = FIRST_PAUSE * random.uniform(0.8, 1.2)  # noqa: S311 - spreads retries, hides nothing
    return Pause(seconds, is_failure=True, any_text_heals=was_silent)
