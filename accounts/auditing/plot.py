"""How much happened when: bars of what went through and what was refused, worked out so that a page only draws."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta

from django.db.models import Count, Q, QuerySet
from django.db.models.functions import TruncDay, TruncHour
from django.utils.formats import date_format

from accounts.models import AuditEvent

WIDTH, HEIGHT = 720, 130
LEFT, RIGHT, TOP, BOTTOM = 44, 8, 12, 22
_GAP = 0.2
_BY_HOUR_UP_TO = timedelta(days=2)


@dataclass(frozen=True, slots=True)
class Bar:
    """``begins`` is the hour or day; what was refused, failed or found broken stands on what went through."""

    begins: datetime
    fine: int
    refused: int
    x: float
    width: float
    fine_y: float
    fine_height: float
    refused_y: float
    refused_height: float


@dataclass(frozen=True, slots=True)
class Mark:
    place: float
    text: str
    anchor: str = "middle"


@dataclass(frozen=True, slots=True)
class EventPlot:
    bars: Sequence[Bar]
    x_marks: Sequence[Mark]
    y_marks: Sequence[Mark]
    is_by_hour: bool
    fine: int
    refused: int
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    right: int = WIDTH - RIGHT

    @property
    def whole(self) -> int:
        return self.fine + self.refused


def event_plot(events: QuerySet[AuditEvent], begin: datetime, end: datetime) -> EventPlot:
    """``events`` of this stretch, counted by hour where it is short and by day otherwise."""
    is_by_hour = end - begin <= _BY_HOUR_UP_TO
    step, truncated = (timedelta(hours=1), TruncHour) if is_by_hour else (timedelta(days=1), TruncDay)
    counted = events.annotate(begins=truncated("at", tzinfo=UTC)).values("begins").order_by("begins")
    found = {
        row["begins"]: (row["fine"], row["all"] - row["fine"])
        for row in counted.annotate(all=Count("id"), fine=Count("id", filter=Q(outcome="ok")))
    }
    places = _places(begin, end, step)
    top = _ceiling(max((sum(found.get(place, (0, 0))) for place in places), default=0))
    width = (WIDTH - LEFT - RIGHT) / len(places)
    full = HEIGHT - TOP - BOTTOM
    bars = []
    for index, place in enumerate(places):
        fine, refused = found.get(place, (0, 0))
        if not fine + refused:
            continue
        fine_height, refused_height = full * fine / top, full * refused / top
        fine_y = HEIGHT - BOTTOM - fine_height
        x, wide = LEFT + width * (index + _GAP / 2), width * (1 - _GAP)
        shape = (x, wide, fine_y, fine_height, fine_y - refused_height, refused_height)
        bars.append(Bar(place, fine, refused, *(round(number, 2) for number in shape)))
    return EventPlot(
        bars=bars,
        x_marks=_x_marks(places, is_by_hour),
        y_marks=[Mark(HEIGHT - BOTTOM, "0"), Mark(TOP, _short(top))],
        is_by_hour=is_by_hour,
        fine=sum(fine for fine, _ in found.values()),
        refused=sum(refused for _, refused in found.values()),
    )


def _places(begin: datetime, end: datetime, step: timedelta) -> list[datetime]:
    first = datetime.combine(begin.date(), time(begin.hour if step < timedelta(days=1) else 0), UTC)
    count = max(1, -(-(end - first) // step))
    return [first + step * number for number in range(count)]


def _x_marks(places: Sequence[datetime], is_by_hour: bool) -> list[Mark]:
    form = "H:i" if is_by_hour else "j M"
    if len(places) < 3:
        width = (WIDTH - LEFT - RIGHT) / len(places)
        return [Mark(LEFT + width * (at + 0.5), date_format(place, form)) for at, place in enumerate(places)]
    middle = places[len(places) // 2]
    return [
        Mark(LEFT, date_format(places[0], form), "start"),
        Mark(round((LEFT + WIDTH - RIGHT) / 2, 1), date_format(middle, form)),
        Mark(WIDTH - RIGHT, date_format(places[-1], form), "end"),
    ]


def _ceiling(most: int) -> int:
    """The next of 1, 2, 5, 10, 20, … that is not below ``most``."""
    power = 10 ** (len(str(most)) - 1) if most else 1
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= most)


def _short(number: int) -> str:
    for size, letter in ((10**6, "M"), (10**3, "k")):
        if number >= size:
            return f"{number / size:g}{letter}"
    return str(number)
