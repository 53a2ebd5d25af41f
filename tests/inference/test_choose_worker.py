"""Which worker a request goes to, and how trust is lost and won back."""

import uuid
from collections import Counter

import pytest

from app.inference.errors import BusyError, RejectedError, StalledError, UnreachableError
from app.inference.lanes import LONGEST_PAUSE, SLACK, Lane, choose
from tests.inference.fixtures import target


def lanes(count: int, capacity: int = 64) -> list[Lane]:
    return [Lane(target("http://127.0.0.1:1/v1", id=uuid.UUID(int=n + 1), capacity=capacity)) for n in range(count)]


def chosen(among: list[Lane], affinity: str, now: float = 0.0) -> Lane:
    lane = choose(among, affinity, now)
    assert lane is not None
    return lane


def test_the_same_conversation_meets_the_same_worker() -> None:
    among = lanes(5)
    assert all(chosen(among, f"c{n}") is chosen(list(reversed(among)), f"c{n}") for n in range(100))


def test_conversations_spread_over_the_workers() -> None:
    among = lanes(4)
    counts = Counter(id(chosen(among, f"c{n}")) for n in range(2000))
    assert all(400 < count < 600 for count in counts.values())


def test_a_worker_of_twice_the_capacity_gets_twice_the_conversations() -> None:
    among = [*lanes(1, capacity=64), Lane(target("http://127.0.0.1:1/v1", capacity=128))]
    counts = Counter(chosen(among, f"c{n}").target.capacity for n in range(3000))
    assert 1.8 < counts[128] / counts[64] < 2.2


def test_when_a_worker_leaves_only_its_own_conversations_move() -> None:
    among = lanes(5)
    for n in range(300):
        before = chosen(among, f"c{n}")
        after = chosen(among[:-1], f"c{n}")
        assert after is before or before is among[-1]


def test_a_worker_much_fuller_than_the_rest_is_passed_over() -> None:
    among = lanes(4)
    own = chosen(among, "c")
    own.outstanding = SLACK
    assert chosen(among, "c") is own
    own.outstanding = SLACK + 8
    other = chosen(among, "c")
    assert other is not own


def test_without_affinity_the_least_busy_is_chosen() -> None:
    among = lanes(3)
    among[0].outstanding, among[1].outstanding = 2, 1
    assert chosen(among, "") is among[2]


def test_full_workers_are_not_chosen() -> None:
    among = lanes(2, capacity=1)
    for lane in among:
        chosen(among, "c").take()
        assert lane is not None
    assert choose(among, "c", 0.0) is None


@pytest.mark.parametrize("error", [UnreachableError(), StalledError()])
def test_a_failing_worker_pauses_longer_each_time_up_to_a_limit(error: UnreachableError | StalledError) -> None:
    lane, now, pauses = lanes(1)[0], 0.0, []
    for _ in range(8):
        lane.note_failure(error, began_at=now, now=now)
        pauses.append(lane.closed_until - now)
        assert not lane.has_place(now)
        now = lane.closed_until
    assert pauses[0] < pauses[2] < pauses[4]
    assert pauses[-1] <= LONGEST_PAUSE * 1.2


def test_after_its_pause_one_request_goes_first() -> None:
    lane = lanes(1)[0]
    lane.note_failure(UnreachableError(), began_at=0, now=0)
    now = lane.closed_until
    assert lane.has_place(now)
    lane.take()
    assert not lane.has_place(now)
    lane.note_progress(now)
    assert lane.has_place(now) and lane.failures == 0


def test_many_streams_that_fail_at_once_are_one_failure() -> None:
    lane = lanes(1)[0]
    for _ in range(20):
        lane.note_failure(UnreachableError(), began_at=0, now=0)
    assert lane.failures == 1


def test_a_refused_question_is_not_the_workers_fault() -> None:
    lane = lanes(1)[0]
    lane.note_failure(RejectedError(), began_at=0, now=0)
    assert lane.has_place(0)


def test_a_worker_that_moves_other_streams_is_slow_not_sick() -> None:
    lane = lanes(1)[0]
    lane.note_progress(5.0)
    lane.note_failure(StalledError(), began_at=1.0, now=6.0)
    assert lane.has_place(6.0)


def test_a_busy_worker_pauses_as_long_as_it_asks_within_reason() -> None:
    lane = lanes(1)[0]
    lane.note_failure(BusyError(retry_after=3.0), began_at=0, now=0)
    assert (lane.closed_until, lane.failures) == (3.0, 0)
    lane.note_failure(BusyError(retry_after=86_400.0), began_at=0, now=0)
    assert lane.closed_until == LONGEST_PAUSE
