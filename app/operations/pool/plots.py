"""The last half hour of a server as lines, worked out here so that pages only write the shapes down."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from django.utils.translation import gettext as _

from app.inference.watching.figures import KEEP_SECONDS, Figures, Sample, summed

STEPS = 60  # of half a minute
TABLE_STEPS = 10  # of three minutes

Value = Callable[[Figures], float | None]
Values = list[float | None]


@dataclass(frozen=True)
class Spark:
    """A line without axes, in a box of 120 by 28, with its words."""

    path: str
    words: str
    width: int = 120
    height: int = 28


@dataclass(frozen=True)
class Mark:
    place: float
    text: str
    anchor: str = "middle"


@dataclass(frozen=True)
class LinePlot:
    """A line with axes, and the same as rows of a table: (minutes ago, value)."""

    title: str
    unit: str
    path: str
    y_marks: Sequence[Mark]
    x_marks: Sequence[Mark]
    rows: Sequence[tuple[str, str]]
    words: str
    width: int = 360
    height: int = 110
    left: int = 34
    right: int = 354


def stretches(samples: Sequence[Sample], now: float, steps: int = STEPS) -> list[Figures | None]:
    """The samples of each of ``steps`` equal stretches up to ``now``, summed; None where there are none."""
    step = KEEP_SECONDS / steps
    parts: list[list[Sample]] = [[] for _ in range(steps)]
    for sample in samples:
        index = steps - 1 - math.floor((now - sample.at) / step)
        if 0 <= index < steps:
            parts[index].append(sample)
    return [summed(part, rate_seconds=step) for part in parts]


def spark(values: Values, words: str) -> Spark:
    top = ceiling(max((value for value in values if value is not None), default=0.0))
    return Spark(_path(values, top, box=(1, 119, 2, 26)), words)


def line_plot(
    samples: Sequence[Sample], value: Value, *, title: str, unit: str, now: float, show: Callable[[float], str]
) -> LinePlot:
    values = [value(one) if one else None for one in stretches(samples, now)]
    top = ceiling(max((one for one in values if one is not None), default=0.0))
    plot = LinePlot(title, unit, "", (), (), (), "")
    floor, ceil = plot.height - 20, 8
    known = [one for one in values if one is not None]
    words = _("%(title)s, last half hour: nothing known.") % {"title": title}
    if known:
        words = _("%(title)s, last half hour: %(last)s at last, at most %(most)s.") % {
            "title": title,
            "last": show(known[-1]),
            "most": show(max(known)),
        }
    coarse = stretches(samples, now, TABLE_STEPS)
    minutes = KEEP_SECONDS // TABLE_STEPS // 60
    rows = [
        (
            _("%(from)s to %(to)s minutes ago") % {"from": index * minutes, "to": (index + 1) * minutes},
            show(found),
        )
        for index, one in enumerate(reversed(coarse))
        if one and (found := value(one)) is not None
    ]
    return LinePlot(
        title=title,
        unit=unit,
        path=_path(values, top, box=(plot.left, plot.right, ceil, floor)),
        y_marks=[Mark(floor, show(0.0)), Mark(ceil, show(top))],
        x_marks=[
            Mark(plot.left, _("30 min ago"), "start"),
            Mark((plot.left + plot.right) / 2, _("15 min")),
            Mark(plot.right, _("now"), "end"),
        ],
        rows=rows,
        words=words,
    )


def _path(values: Values, top: float, *, box: tuple[float, float, float, float]) -> str:
    """An SVG path inside the box (left, right, ceiling, floor); where values are missing the line is broken."""
    left, right, ceil, floor = box
    width = (right - left) / max(1, len(values) - 1)
    pieces, is_drawing = [], False
    for index, value in enumerate(values):
        if value is None:
            is_drawing = False
            continue
        x, y = round(left + index * width, 1), round(floor - (floor - ceil) * min(1.0, value / top), 1)
        # A lone value is drawn as a short stroke: a line from a point to itself is not.
        is_lone = not is_drawing and (index + 1 == len(values) or values[index + 1] is None)
        pieces.append(f"{'L' if is_drawing else 'M'}{x} {y}" + (f"h{round(width / 2, 1)}" if is_lone else ""))
        is_drawing = True
    return "".join(pieces)


def ceiling(most: float) -> float:
    """The next of 1, 2, 5, 10, 20, … (or 0.5, 0.2, 0.1, …) that is not below ``most``; 1 for nothing."""
    if most <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(most))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= most * 0.999999)
