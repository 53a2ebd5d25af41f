"""The pace at which text reaches readers: frames of 33 ms or more, from one clock for all streams of an event loop.

A timer and a task for each token would cost more than the token. So whoever waits for the next frame leaves a
callback, and one timer serves all of them. A frame is cut into four beats: streams that began at different times
stay on different beats, so that their work never comes all at once and the last of them does not wait for the first.
The more streams there are, the longer is a frame: each reads in slightly wider strides, and all of them for less.
"""

import asyncio
from collections.abc import Callable
from weakref import WeakKeyDictionary

FRAME_SECONDS = 0.033
LONGEST_FRAME_SECONDS = 0.1
CROWD = 48  # so many streams make a frame twice as long
BEATS = 4

Callback = Callable[[], None]


def frame_seconds(streams: int) -> float:
    """How long a frame is while so many streams share the clock: 33 ms for one, 77 ms for 64, 100 ms at most."""
    return min(LONGEST_FRAME_SECONDS, FRAME_SECONDS * (1 + streams / CROWD))


class FrameClock:
    """One per event loop, see ``frame_clock``. It stands still while nobody waits."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._beats: list[list[Callback]] = [[] for _ in range(BEATS)]
        self._beat = 0
        self._due_at = 0.0
        self._waiting = 0
        self._is_running = False

    def call_next(self, callback: Callback) -> None:
        """Call once, one frame after the beat that is running now. Callbacks are quick and raise nothing."""
        self._beats[self._beat].append(callback)
        self._waiting += 1
        if not self._is_running:
            self._is_running = True
            self._due_at = self._loop.time()
            self._call_next_beat()

    def _strike(self) -> None:
        self._beat = (self._beat + 1) % BEATS
        callbacks, self._beats[self._beat] = self._beats[self._beat], []
        self._waiting -= len(callbacks)
        for callback in callbacks:
            callback()
        self._is_running = self._waiting > 0
        if self._is_running:
            self._call_next_beat()

    def _call_next_beat(self) -> None:
        """A loop that is behind drops beats instead of hurrying after them."""
        self._due_at = max(self._due_at + frame_seconds(self._waiting) / BEATS, self._loop.time())
        self._loop.call_at(self._due_at, self._strike)


_clocks: "WeakKeyDictionary[asyncio.AbstractEventLoop, FrameClock]" = WeakKeyDictionary()


def frame_clock() -> FrameClock:
    """The clock of the running event loop, made on first use."""
    loop = asyncio.get_running_loop()
    clock = _clocks.get(loop)
    if clock is None:
        clock = _clocks[loop] = FrameClock(loop)
    return clock
