"""The places on all workers and the lines before them, as one process counts them: what it holds itself, when nobody
else can be asked.

The same operations as ``places.lua`` has for all processes together, step for step; a test lets both do the same
deeds and compares what they say.
"""

from __future__ import annotations

import bisect
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from app.inference.routing.lanes import Load, Pause, choose

LONGEST_LINE = 256
CLOSED_PATIENCE = 5.0
LEARNING = 0.1


@dataclass(frozen=True, slots=True)
class Candidate:
    worker: UUID
    capacity: int


@dataclass(frozen=True, slots=True)
class Ask:
    """Somebody wants a place for ``model`` on one of ``candidates``, which come in the order of preference.

    ``ticket`` names the one who asks, and then the place. ``number`` counts those of this process. Who may not wait
    does not stand in line.
    """

    model: str
    ticket: str
    number: int
    candidates: tuple[Candidate, ...]
    priority: int = 0
    by_affinity: bool = False
    may_wait: bool = True


@dataclass(frozen=True, slots=True)
class Answer:
    """A place on ``worker``, or a place in the line (from 1; 0: not in it) where ``worker`` is None.

    ``opens_in`` is in seconds until one of the workers is tried again, None unless all of them are left alone.
    ``usual_seconds`` is how long an answer holds a place, None while that is not known, ``places`` how many there are.
    """

    worker: UUID | None
    place: int = 0
    opens_in: float | None = None
    usual_seconds: float | None = None
    places: int = 0
    failures: int = 0
    outstanding: int = 0

    def seconds_until(self, place: int) -> float | None:
        """An estimate of how long whoever has this place in line still waits."""
        if self.opens_in is not None:
            return self.opens_in
        if self.usual_seconds is None or not self.places:
            return None
        return place * self.usual_seconds / self.places


@dataclass(slots=True)
class Lane:
    """One worker: the places held there with since when, and whether it may be trusted with more."""

    held: dict[str, float] = field(default_factory=dict)
    failures: int = 0
    failed_at: float = 0.0
    closed_until: float = 0.0
    probe: str = ""

    def is_healed_by(self, taken_at: float) -> bool:
        """Whether text on a place taken at that time shows that the worker takes requests again: a server that refuses
        new ones may well go on with the old.
        """
        return taken_at >= self.failed_at

    def load(self, capacity: int, now: float) -> Load:
        room = max(capacity - len(self.held), 0)
        if now < self.closed_until or (self.failures and self.probe in self.held):
            room = 0
        elif self.failures:
            room = min(room, 1)
        return Load(len(self.held), capacity, room)


class LocalPlaces:
    """``sharers`` is among how many processes the workers' capacity is to be divided. Times are ``time.monotonic``."""

    def __init__(self) -> None:
        self.sharers = 1
        self.lanes: dict[UUID, Lane] = {}
        self._lines: dict[str, list[tuple[int, int, str]]] = {}
        self._usual_seconds: dict[str, float] = {}

    def take(self, ask: Ask) -> Answer:
        now = time.monotonic()
        loads = [self.lane(each.worker).load(self._share(each), now) for each in ask.candidates]
        lanes = [self.lane(each.worker) for each in ask.candidates]
        places = sum(load.capacity for load, lane in zip(loads, lanes, strict=True) if lane.closed_until <= now)
        usual = self._usual_seconds.get(ask.model)
        if sum(load.room for load in loads) > self._ahead_of(ask):
            index = choose(loads, by_affinity=ask.by_affinity)
            assert index is not None
            worker, lane = ask.candidates[index].worker, lanes[index]
            self.hold(worker, ask.ticket)
            self.leave(ask)
            return Answer(worker, 0, None, usual, places, lane.failures, len(lane.held))
        opens_in = None if places else max(0.0, min((lane.closed_until for lane in lanes), default=now) - now)
        place = self._place_of(ask)
        may_join = ask.may_wait and len(self._line(ask.model)) < LONGEST_LINE and (opens_in or 0) <= CLOSED_PATIENCE
        if not place and may_join:
            place = self.join(ask)
        return Answer(None, place, opens_in, usual, places)

    def join(self, ask: Ask) -> int:
        """Stand in line, if that is not so already; the place there."""
        entry = (ask.priority, ask.number, ask.ticket)
        if entry not in self._line(ask.model):
            bisect.insort(self._line(ask.model), entry)
        return self._line(ask.model).index(entry) + 1

    def stand(self, asks: Iterable[Ask]) -> list[int]:
        return [self.join(ask) for ask in asks]

    def leave(self, ask: Ask) -> None:
        entry = (ask.priority, ask.number, ask.ticket)
        if entry in self._line(ask.model):
            self._line(ask.model).remove(entry)

    def hold(self, worker: UUID, place: str) -> None:
        lane = self.lane(worker)
        lane.held[place] = time.monotonic()
        if lane.failures:
            lane.probe = place

    def release(self, worker: UUID, place: str, model: str, *, was_answer: bool) -> float:
        """Seconds that it was held."""
        lane = self.lane(worker)
        seconds = time.monotonic() - lane.held.pop(place, time.monotonic())
        if was_answer:
            usual = self._usual_seconds.get(model, seconds)
            self._usual_seconds[model] = usual + LEARNING * (seconds - usual)
        return seconds

    def fail(self, worker: UUID, pause: Pause) -> Lane:
        lane, now = self.lane(worker), time.monotonic()
        if not pause.is_failure:
            lane.closed_until = max(lane.closed_until, now + pause.after(0))
        elif now >= lane.closed_until:
            lane.failures, lane.probe = lane.failures + 1, ""
            lane.failed_at = 0.0 if pause.any_text_heals else now
            lane.closed_until = now + pause.after(lane.failures)
        return lane

    def heal(self, worker: UUID) -> None:
        lane = self.lane(worker)
        lane.failures, lane.closed_until, lane.probe = 0, 0.0, ""

    def lane(self, worker: UUID) -> Lane:
        return self.lanes.setdefault(worker, Lane())

    def keep(self, workers: Sequence[UUID]) -> None:
        """Forget workers that are not among these and on which nothing is held."""
        known = set(workers)
        self.lanes = {worker: lane for worker, lane in self.lanes.items() if lane.held or worker in known}

    def _share(self, candidate: Candidate) -> int:
        return max(1, candidate.capacity // self.sharers)

    def _line(self, model: str) -> list[tuple[int, int, str]]:
        return self._lines.setdefault(model, [])

    def _place_of(self, ask: Ask) -> int:
        entry = (ask.priority, ask.number, ask.ticket)
        return self._line(ask.model).index(entry) + 1 if entry in self._line(ask.model) else 0

    def _ahead_of(self, ask: Ask) -> int:
        if place := self._place_of(ask):
            return place - 1
        return sum(1 for priority, _, _ in self._line(ask.model) if priority <= ask.priority)
