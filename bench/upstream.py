"""The scripted model server as the stream benchmark needs it: each token says when it was said.

A token is five characters, about as long as a real one: the time in tenths of a millisecond, in base 62, and a space.
Whoever reads it on the same machine knows how long it was under way, and whether one is missing.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import time
from collections.abc import Sequence
from typing import Any, overload

from app.inference.scripted_server import ScriptedServer

DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
BASE = len(DIGITS)
TOKEN_CHARACTERS = 5
TICKS_PER_SECOND = 10_000
PERIOD = BASE**4 / TICKS_PER_SECOND  # seconds after which stamps begin again: 24 minutes


def stamp() -> str:
    """The token that says now."""
    ticks = int(time.monotonic() * TICKS_PER_SECOND)
    return "".join(DIGITS[ticks // BASE**power % BASE] for power in (3, 2, 1, 0)) + " "


def age_of(token: str, arrived_at: float) -> float:
    """Seconds between saying ``token`` and ``arrived_at`` (time.monotonic of this machine)."""
    ticks = 0
    for digit in token[:4]:
        ticks = ticks * BASE + DIGITS.index(digit)
    age = (arrived_at - ticks / TICKS_PER_SECOND) % PERIOD
    return age if age < PERIOD / 2 else age - PERIOD  # a clock read earlier than it was stamped


class Stamped(Sequence[str]):
    """``count`` tokens that are made when they are said."""

    def __init__(self, count: int) -> None:
        self._count = count

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, at: int) -> str: ...
    @overload
    def __getitem__(self, at: slice) -> Sequence[str]: ...
    def __getitem__(self, at: int | slice) -> str | Sequence[str]:
        if isinstance(at, slice):
            return Stamped(len(range(self._count)[at]))
        if not -self._count <= at < self._count:
            raise IndexError(at)
        return stamp()


def speak(body: dict[str, Any]) -> Sequence[str]:
    """As many tokens as the request allows."""
    return Stamped(int(body["max_tokens"]))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--pace", type=float, required=True, help="seconds between tokens")
    options = parser.parse_args()
    server = ScriptedServer(options.port)
    server.script(tokens=speak, pace=options.pace)
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(server.serve())


if __name__ == "__main__":
    main()
