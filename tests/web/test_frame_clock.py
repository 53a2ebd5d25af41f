"""The clock of frames: everybody's turn comes once a frame, many share wider frames, and it rests when nobody waits."""

import asyncio

import pytest

from app.web.frames import BEATS, FrameClock, frame_seconds


class ByHand:
    """An event loop's time that moves only from one call to the next."""

    def __init__(self):
        self.now, self.calls = 0.0, []

    def time(self):
        return self.now

    def call_at(self, when, callback):
        self.calls.append((when, callback))

    def step(self, late=0.0):
        (when, callback) = self.calls.pop(0)
        self.now = max(self.now, when) + late
        callback()


@pytest.fixture
def loop():
    return ByHand()


def test_a_turn_comes_one_frame_later(loop):
    clock, turns = FrameClock(loop), []
    clock.call_next(lambda: turns.append(loop.now))
    while loop.calls:
        loop.step()
    assert turns == [pytest.approx(frame_seconds(1))]


def test_those_who_came_at_different_times_keep_apart(loop):
    clock, turns = FrameClock(loop), []
    clock.call_next(lambda: turns.append(("one", clock._beat)))
    loop.step()
    clock.call_next(lambda: turns.append(("two", clock._beat)))
    while loop.calls:
        loop.step()
    assert turns == [("one", 0), ("two", 1)]


def test_it_rests_when_nobody_waits_and_starts_again(loop):
    clock, turns = FrameClock(loop), []
    for _ in range(2):
        clock.call_next(lambda: turns.append(loop.now))
        while loop.calls:
            loop.step()
        loop.now += 10
    assert len(turns) == 2
    assert turns[1] - turns[0] == pytest.approx(10 + frame_seconds(1))


@pytest.mark.parametrize(("streams", "milliseconds"), [(1, 33), (16, 44), (64, 77), (256, 100), (5_000, 100)])
def test_many_streams_share_wider_frames(loop, streams, milliseconds):
    clock, turns = FrameClock(loop), []

    def turn():
        turns.append(loop.now)
        if len(turns) <= streams:
            clock.call_next(turn)

    for _ in range(streams):
        clock.call_next(turn)
    while loop.calls:
        loop.step()
    assert len(turns) == 2 * streams
    assert (turns[-1] - turns[0]) * 1000 == pytest.approx(milliseconds, abs=1)


def test_a_loop_that_is_behind_does_not_hurry(loop):
    clock, turns = FrameClock(loop), []
    clock.call_next(lambda: turns.append(loop.now))
    loop.step(late=5.0)
    while loop.calls:
        loop.step()
    assert turns[0] == pytest.approx(5 + frame_seconds(1), rel=0.01)


async def test_a_turn_that_asks_for_the_next_gets_it():
    clock, turns = FrameClock(asyncio.get_running_loop()), []

    def turn():
        turns.append(asyncio.get_running_loop().time())
        if len(turns) < 3:
            clock.call_next(turn)

    begun_at = asyncio.get_running_loop().time()
    clock.call_next(turn)
    await asyncio.sleep(4 * frame_seconds(1) + 0.1)
    assert len(turns) == 3
    assert turns[-1] - begun_at > 3 * frame_seconds(1) - frame_seconds(1) / BEATS
