"""Which worker a request goes to, and how trust is lost and won back, by the counts of one process."""

import time
import uuid
from collections import Counter

import pytest

from app.inference.errors import BusyError, RejectedError, StalledError, UnreachableError, UpstreamError
from app.inference.routing.lanes import LONGEST_PAUSE, SLACK, Load, Pause, choose, in_order_of_preference, pause_after
from app.inference.routing.local_places import Answer, Ask, Candidate, LocalPlaces

Workers = list[tuple[uuid.UUID, int, None]]


def workers(count: int, capacity: int = 64) -> Workers:
    return [(uuid.UUID(int=n + 1), capacity, None) for n in range(count)]


def chosen(among: Workers, affinity: str, outstanding: dict[uuid.UUID, int] | None = None) -> uuid.UUID:
    order = in_order_of_preference(among, affinity)
    busy = outstanding or {}
    loads = [Load(busy.get(id, 0), capacity, capacity - busy.get(id, 0)) for id, capacity, _ in order]
    index = choose(loads, by_affinity=bool(affinity))
    assert index is not None
    return order[index][0]


def test_the_same_conversation_meets_the_same_worker() -> None:
    among = workers(5)
    assert all(chosen(among, f"c{n}") == chosen(among[::-1], f"c{n}") for n in range(100))


def test_conversations_spread_over_the_workers() -> None:
    counts = Counter(chosen(workers(4), f"c{n}") for n in range(2000))
    assert all(400 < count < 600 for count in counts.values())


def test_a_worker_of_twice_the_capacity_gets_twice_the_conversations() -> None:
    among = [*workers(1), (uuid.UUID(int=77), 128, None)]
    counts = Counter(chosen(among, f"c{n}") for n in range(3000))
    assert 1.8 < counts[uuid.UUID(int=77)] / counts[uuid.UUID(int=1)] < 2.2


def test_when_a_worker_leaves_only_its_own_conversations_move() -> None:
    among = workers(5)
    for n in range(300):
        before, after = chosen(among, f"c{n}"), chosen(among[:-1], f"c{n}")
        assert after == before or before == among[-1][0]


def test_a_worker_much_fuller_than_the_rest_is_passed_over() -> None:
    among = workers(4)
    own = chosen(among, "c")
    assert chosen(among, "c", {own: SLACK}) == own
    assert chosen(among, "c", {own: SLACK + 8}) != own


def test_a_large_worker_is_as_full_as_small_ones_in_proportion() -> None:
    small, large = uuid.UUID(int=1), uuid.UUID(int=77)
    among = [(small, 32, None), (large, 320, None)]
    affinity = next(f"c{n}" for n in range(1000) if chosen(among, f"c{n}") == large)
    assert chosen(among, affinity, {small: 16, large: 160}) == large


def test_without_affinity_the_least_busy_is_chosen() -> None:
    among = workers(3)
    assert chosen(among, "", {among[0][0]: 2, among[1][0]: 1}) == among[2][0]


def test_full_workers_are_not_chosen() -> None:
    assert choose([Load(1, 1, 0), Load(1, 1, 0)], by_affinity=True) is None
    assert choose([], by_affinity=True) is None


class One:
    """A worker with places, as one process counts them."""

    def __init__(self, capacity: int = 8) -> None:
        self.places = LocalPlaces()
        self.worker = Candidate(uuid.uuid4(), capacity)
        self.lane = self.places.lane(self.worker.worker)
        self._number = 0

    def take(self) -> Answer:
        self._number += 1
        return self.places.take(Ask("m", f"t{self._number}", self._number, (self.worker,), may_wait=False))

    def has_place(self) -> bool:
        answer = self.take()
        if answer.worker:
            self.places.release(answer.worker, f"t{self._number}", "m", was_answer=False)
        return answer.worker is not None

    def fail(self, error: UpstreamError) -> None:
        if pause := pause_after(error):
            self.places.fail(self.worker.worker, pause)

    def wait_out(self) -> None:
        self.lane.closed_until = 0.0


@pytest.mark.parametrize("error", [UnreachableError(), StalledError()])
def test_a_failing_worker_pauses_longer_each_time_up_to_a_limit(error: UpstreamError) -> None:
    one, pauses = One(), []
    for _ in range(8):
        one.wait_out()
        one.fail(error)
        pauses.append(one.lane.closed_until - time.monotonic())
        assert not one.has_place()
    assert pauses[0] < pauses[2] < pauses[4]
    assert pauses[-1] <= LONGEST_PAUSE * 1.2


def test_after_its_pause_one_request_goes_first() -> None:
    one = One()
    one.fail(UnreachableError())
    one.wait_out()
    assert one.take().worker
    assert not one.has_place()
    one.places.heal(one.worker.worker)
    assert one.has_place() and one.lane.failures == 0


def test_many_streams_that_fail_at_once_are_one_failure() -> None:
    one = One()
    for _ in range(20):
        one.fail(UnreachableError())
    assert one.lane.failures == 1


def test_a_refused_question_is_not_the_workers_fault() -> None:
    one = One()
    one.fail(RejectedError())
    assert one.has_place()


@pytest.mark.parametrize(("wanted", "seconds"), [(None, 0.5), (0.0, 0.5), (3.0, 3.0), (86_400.0, LONGEST_PAUSE)])
def test_a_busy_worker_pauses_as_long_as_it_asks_within_reason(wanted: float | None, seconds: float) -> None:
    pause = pause_after(BusyError(retry_after=wanted))
    assert pause == Pause(seconds, is_failure=False)
    one = One()
    one.fail(BusyError(retry_after=wanted))
    assert not one.has_place() and one.lane.failures == 0


def test_text_on_an_old_place_does_not_vouch_for_a_worker_that_refuses_new_requests() -> None:
    one = One()
    taken_at = time.monotonic()
    one.fail(UpstreamError())
    assert not one.lane.is_healed_by(taken_at)
    assert one.lane.is_healed_by(time.monotonic())


def test_any_text_vouches_for_a_worker_that_was_only_silent() -> None:
    one = One()
    taken_at = time.monotonic()
    one.fail(StalledError())
    assert one.lane.is_healed_by(taken_at)


def test_a_process_takes_only_its_part_of_what_is_shared() -> None:
    one = One(capacity=8)
    one.places.sharers = 3
    assert [one.take().worker is not None for _ in range(3)] == [True, True, False]
    one.places.sharers = 100
    assert One(capacity=1).has_place()
