"""What was used up on each day, as bars that are stacked by model, worked out so that the page only draws them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from django.utils.formats import date_format
from django.utils.translation import gettext, gettext_noop

from accounts.limits.usage import Sums
from accounts.limits.words import money
from app.web.saying import written

WIDTH, HEIGHT = 720, 200
LEFT, RIGHT, TOP, BOTTOM = 58, 8, 12, 24
Amounts = dict[tuple[date, str], Decimal]

MOST_SERIES = 5
OTHERS = gettext_noop("Others")
NO_MODEL = gettext_noop("No model")
GAP = 0.2


@dataclass(frozen=True, slots=True)
class Measure:
    """What of the sums is drawn, and how it is said."""

    name: str
    unit: str
    of: Callable[[Sums], Decimal]
    say: Callable[[Decimal], str]

    @property
    def is_counted(self) -> bool:
        """Whether it has a unit to say after its number."""
        return bool(self.unit)


MEASURES = {
    "cost": Measure(gettext_noop("Cost"), "", lambda sums: sums.cost, money),
    "tokens": Measure(gettext_noop("Tokens"), gettext_noop("tokens"), lambda sums: Decimal(sums.tokens), written),
    "answers": Measure(gettext_noop("Answers"), gettext_noop("answers"), lambda sums: Decimal(sums.answers), written),
    "energy": Measure(
        gettext_noop("Energy"),
        "",
        lambda sums: Decimal(str(round(sums.watt_hours, 3))),
        lambda number: f"{written(number, 2)} Wh",
    ),
}


@dataclass(frozen=True, slots=True)
class Piece:
    """One model's part of a day's bar."""

    series: int
    x: float
    y: float
    width: float
    height: float
    day: date
    name: str
    said: str


@dataclass(frozen=True, slots=True)
class Mark:
    place: float
    text: str
    anchor: str = "middle"


@dataclass(frozen=True, slots=True)
class Series:
    number: int
    name: str
    said: str


@dataclass(frozen=True, slots=True)
class Row:
    """A day in the table beside the plot: what each series has, and all of them."""

    day: date
    cells: Sequence[str]
    whole: str


@dataclass(frozen=True, slots=True)
class StackedPlot:
    measure: Measure
    series: Sequence[Series]
    pieces: Sequence[Piece]
    x_marks: Sequence[Mark]
    y_marks: Sequence[Mark]
    rows: Sequence[Row]
    whole: str
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    right: int = WIDTH - RIGHT
    floor: int = HEIGHT - BOTTOM


def stacked_plot(sums: Sequence[tuple[date, str, Sums]], *, begin: date, end: date, measure: Measure) -> StackedPlot:
    """``sums`` of days and model names. The models with the most have a colour each; the rest are one series."""
    amounts, by_name = _gather(sums, measure)
    names = sorted(by_name, key=lambda name: (-by_name[name], name))
    if len(names) > MOST_SERIES:
        names, amounts = _fold(names, amounts)
    days = [begin + timedelta(days=count) for count in range((end - begin).days + 1)]
    wholes = {day: sum((amounts[day, name] for name in names), Decimal(0)) for day in days}
    top = _ceiling(max(wholes.values()))
    totals = {name: sum((amounts[day, name] for day in days), Decimal(0)) for name in names}
    return StackedPlot(
        measure=measure,
        series=[Series(number, _shown(name), measure.say(totals[name])) for number, name in enumerate(names, 1)],
        pieces=_pieces(days, names, amounts, top, measure),
        x_marks=_x_marks(days),
        y_marks=[
            Mark(HEIGHT - BOTTOM, "0"),
            Mark(round((TOP + HEIGHT - BOTTOM) / 2, 1), _short(top / 2)),
            Mark(TOP, _short(top)),
        ],
        rows=[
            Row(day, [measure.say(amounts[day, name]) for name in names], measure.say(wholes[day]))
            for day in reversed(days)
            if wholes[day]
        ],
        whole=measure.say(sum(totals.values(), Decimal(0))),
    )


def _gather(sums: Sequence[tuple[date, str, Sums]], measure: Measure) -> tuple[Amounts, dict[str, Decimal]]:
    amounts: Amounts = defaultdict(Decimal)
    by_name: dict[str, Decimal] = defaultdict(Decimal)
    for day, name, one in sums:
        amount = measure.of(one)
        if amount:
            amounts[day, name or NO_MODEL] += amount
            by_name[name or NO_MODEL] += amount
    return amounts, by_name


def _fold(names: list[str], amounts: Amounts) -> tuple[list[str], Amounts]:
    """The last names become one."""
    kept = set(names[: MOST_SERIES - 1])
    folded: Amounts = defaultdict(Decimal)
    for (day, name), amount in amounts.items():
        folded[day, name if name in kept else OTHERS] += amount
    return [*names[: MOST_SERIES - 1], OTHERS], folded


def _pieces(
    days: Sequence[date], names: Sequence[str], amounts: Amounts, top: Decimal, measure: Measure
) -> list[Piece]:
    step = (WIDTH - LEFT - RIGHT) / len(days)
    full = HEIGHT - TOP - BOTTOM
    pieces = []
    for index, day in enumerate(days):
        x, floor = round(LEFT + step * (index + GAP / 2), 2), float(HEIGHT - BOTTOM)
        for number, name in enumerate(names, 1):
            if amount := amounts[day, name]:
                height = full * float(amount / top)
                floor -= height
                width = round(step * (1 - GAP), 2)
                pieces.append(
                    Piece(number, x, round(floor, 2), width, round(height, 2), day, _shown(name), measure.say(amount))
                )
    return pieces


def _x_marks(days: Sequence[date]) -> list[Mark]:
    step = (WIDTH - LEFT - RIGHT) / len(days)
    if len(days) < 3:
        return [Mark(round(LEFT + step * (index + 0.5), 1), _day(day)) for index, day in enumerate(days)]
    middle = len(days) // 2
    return [
        Mark(LEFT, _day(days[0]), "start"),
        Mark(round(LEFT + step * (middle + 0.5), 1), _day(days[middle])),
        Mark(WIDTH - RIGHT, _day(days[-1]), "end"),
    ]


def _day(day: date) -> str:
    return date_format(day, "j M")


def _shown(name: str) -> str:
    """A model's own name, or what stands where there is none."""
    return gettext(name) if name in (OTHERS, NO_MODEL) else name


def _short(number: Decimal) -> str:
    """A number for an axis: ``1.5k``, ``20M``, ``0.05``."""
    for size, letter in ((Decimal(10**9), "G"), (Decimal(10**6), "M"), (Decimal(1000), "k")):
        if number >= size:
            return f"{float(number / size):g}{letter}"
    return f"{float(number):g}"


def _ceiling(most: Decimal) -> Decimal:
    """The next of …, 0.1, 0.2, 0.5, 1, 2, 5, 10, … that is not below ``most``; 1 for nothing."""
    if most <= 0:
        return Decimal(1)
    power = Decimal(10) ** (most.adjusted())
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= most)
