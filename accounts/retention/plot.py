"""What goes on each of the next thirty days, as bars worked out so that a page only draws."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from django.utils.formats import date_format

WIDTH, HEIGHT = 720, 130
LEFT, RIGHT, TOP, BOTTOM = 44, 8, 12, 22
_GAP = 0.2


@dataclass(frozen=True, slots=True)
class Bar:
    day: date
    count: int
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Mark:
    place: float
    text: str
    anchor: str = "middle"


@dataclass(frozen=True, slots=True)
class Plot:
    bars: Sequence[Bar]
    x_marks: Sequence[Mark]
    y_marks: Sequence[Mark]
    whole: int
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    right: int = WIDTH - RIGHT


def plot_of(days: Sequence[tuple[date, int]]) -> Plot:
    """``days`` one after the other, each with how many things go on it."""
    top = _ceiling(max((count for _, count in days), default=0))
    wide, full = (WIDTH - LEFT - RIGHT) / len(days), HEIGHT - TOP - BOTTOM
    bars = [
        Bar(
            day,
            count,
            round(LEFT + wide * (index + _GAP / 2), 2),
            round(HEIGHT - BOTTOM - full * count / top, 2),
            round(wide * (1 - _GAP), 2),
            round(full * count / top, 2),
        )
        for index, (day, count) in enumerate(days)
        if count
    ]
    marked = ((0, LEFT, "start"), (len(days) // 2, (LEFT + WIDTH - RIGHT) / 2, "middle"), (-1, WIDTH - RIGHT, "end"))
    return Plot(
        bars=bars,
        x_marks=[Mark(place, date_format(days[index][0], "j M"), anchor) for index, place, anchor in marked],
        y_marks=[Mark(HEIGHT - BOTTOM, "0"), Mark(TOP, str(top))],
        whole=sum(count for _, count in days),
    )


def _ceiling(most: int) -> int:
    """The next of 1, 2, 5, 10, 20, … that is not below ``most``."""
    power = 10 ** (len(str(most)) - 1) if most else 1
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= most)
