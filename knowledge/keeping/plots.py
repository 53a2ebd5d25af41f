"""Counts drawn as small plots, worked out here so that the page only writes the shapes down.

Every plot brings the same counts as rows, for a table beside it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from django.utils.formats import date_format

WIDTH, HEIGHT = 360, 110
LEFT, RIGHT, TOP, BOTTOM = 30, 6, 8, 20
GAP = 0.25


@dataclass(frozen=True)
class Bar:
    x: float
    y: float
    width: float
    height: float
    day: date
    count: int


@dataclass(frozen=True)
class Mark:
    """A word at an axis; ``place`` is along it."""

    place: float
    text: str
    anchor: str = "middle"


@dataclass(frozen=True)
class DayPlot:
    """A bar for each day, in a box of ``width`` by ``height``."""

    title: str
    unit: str
    bars: Sequence[Bar]
    y_marks: Sequence[Mark]
    x_marks: Sequence[Mark]
    total: int
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    right: int = WIDTH - RIGHT
    floor: int = HEIGHT - BOTTOM


def day_plot(counts: Mapping[date, int], *, title: str, unit: str, last: date, days: int = 30) -> DayPlot:
    """``counts`` of the ``days`` days up to ``last``; a day that is not in it had none."""
    dates = [last - timedelta(days=back) for back in range(days - 1, -1, -1)]
    top = _ceiling(max((counts.get(day, 0) for day in dates), default=0))
    step = (WIDTH - LEFT - RIGHT) / days
    full = HEIGHT - TOP - BOTTOM
    bars = []
    for index, day in enumerate(dates):
        count = counts.get(day, 0)
        height = round(full * count / top, 1)
        x = round(LEFT + step * (index + GAP / 2), 1)
        bars.append(Bar(x, round(HEIGHT - BOTTOM - height, 1), round(step * (1 - GAP), 1), height, day, count))
    middle = days // 2
    return DayPlot(
        title=title,
        unit=unit,
        bars=bars,
        y_marks=[Mark(HEIGHT - BOTTOM, "0"), Mark(TOP, str(top))],
        x_marks=[
            Mark(LEFT, _day(dates[0]), "start"),
            Mark(round(LEFT + step * (middle + 0.5), 1), _day(dates[middle])),
            Mark(WIDTH - RIGHT, _day(dates[-1]), "end"),
        ],
        total=sum(bar.count for bar in bars),
    )


def _day(day: date) -> str:
    return date_format(day, "j M")


def _ceiling(most: int) -> int:
    """The next of 1, 2, 5, 10, 20, 50, … that is not below ``most``."""
    power = 1
    while True:
        for factor in (1, 2, 5):
            if factor * power >= most:
                return factor * power
        power *= 10


@dataclass(frozen=True)
class Share:
    """A stretch of a stacked bar that is 100 wide."""

    name: str
    label: str
    count: int
    x: float
    width: float


def stacked(counts: Mapping[str, int], labels: Mapping[str, str]) -> list[Share]:
    """One stretch for each of ``labels`` that has a count, in their order."""
    whole = sum(counts.get(name, 0) for name in labels)
    shares: list[Share] = []
    at = 0.0
    for name, label in labels.items():
        if count := counts.get(name, 0):
            width = 100 * count / whole
            shares.append(Share(name, label, count, round(at, 2), round(width, 2)))
            at += width
    return shares
