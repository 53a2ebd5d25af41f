"""How long the steps of something took, as a bar plot that a page draws in SVG without any style of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

BAR, GAP, LEFT, WIDTH, RIGHT = 20, 8, 96, 360, 72


@dataclass(frozen=True)
class Bar:
    """One step: its name, its milliseconds, and where it is drawn, in the plot's units."""

    name: str
    milliseconds: float
    x: float
    y: int
    width: float


@dataclass(frozen=True)
class Plot:
    bars: list[Bar]
    milliseconds: float

    height: int
    width: int = LEFT + WIDTH + RIGHT
    left: int = LEFT
    bar: int = BAR


def plot(steps: Sequence[tuple[str, float]]) -> Plot:
    """One bar a step, each beginning where the one before ended, so that the whole is a line of time."""
    whole = sum(milliseconds for _, milliseconds in steps) or 1.0
    bars: list[Bar] = []
    x = float(LEFT)
    for number, (name, milliseconds) in enumerate(steps):
        width = WIDTH * milliseconds / whole
        bars.append(Bar(name, milliseconds, round(x, 1), number * (BAR + GAP), round(max(width, 1.0), 1)))
        x += width
    return Plot(bars, whole, len(steps) * (BAR + GAP))
