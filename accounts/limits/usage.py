"""What was used up, summed from the ledger: by day, person, group, assistant, model or key.

Sums by group go by today's members: somebody in two groups counts in both, so groups do not add up to the whole.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, Literal, get_args

from django.db.models import F, QuerySet, Sum

from accounts.models import ApiKey, Group, Program, Spending, User
from app.errors import BadInputError

By = Literal["day", "user", "group", "assistant", "model", "key"]
WAYS: tuple[str, ...] = get_args(By)
LONGEST = timedelta(days=732)

_COLUMN = {
    "day": "day",
    "user": "user",
    "group": "user__groups_reached",
    "assistant": "assistant_id",
    "model": "model_name",
    "key": "key_id",
}


@dataclass(frozen=True, slots=True)
class Sums:
    """What was used up, all together."""

    answers: int = 0
    tokens_in: int = 0
    tokens_cached: int = 0
    tokens_out: int = 0
    seconds: float = 0.0
    cost: Decimal = Decimal(0)
    watt_hours: float = 0.0

    @property
    def tokens(self) -> int:
        return self.tokens_in + self.tokens_out


@dataclass(frozen=True, slots=True)
class Line:
    """The sums of one person, group, …; ``key`` is its id, or the day, or the model's name; None is nobody's."""

    key: Any
    name: str
    sums: Sums = field(default_factory=Sums)


_NOTHING = asdict(Sums())
# Named apart from the columns, so that none of them is summed twice.
_TOTALS = {f"sum_{name}": Sum(name) for name in _NOTHING}


def check_span(begin: date, end: date) -> None:
    """Raise BadInputError unless ``end`` comes after ``begin``, by at most two years."""
    if not begin <= end:
        raise BadInputError("The last day must not be before the first.")
    if end - begin > LONGEST:
        raise BadInputError("Ask for two years at most.")


def total(begin: date, end: date, *, user: User | None = None) -> Sums:
    """All that was used up from ``begin`` to ``end``, both included; by one person if ``user`` is given."""
    return _sums(_rows(begin, end, user).aggregate(**_TOTALS))


def summed(by: str, begin: date, end: date, *, user: User | None = None) -> list[Line]:
    """Sums by one of ``WAYS``, the most expensive first and then the largest; days in their order.

    Names of assistants are their ids here: who knows assistants puts them in. Raises BadInputError.
    """
    if by not in WAYS:
        raise BadInputError(f"`by` is one of {', '.join(WAYS)}.")
    check_span(begin, end)
    column = _COLUMN[by]
    rows = _rows(begin, end, user)
    if by == "group":
        rows = rows.exclude(user__groups_reached=None)
    found = list(rows.values(key=F(column)).annotate(**_TOTALS).order_by("key"))
    names = _names(by, [row["key"] for row in found])
    lines = [Line(row["key"], names.get(row["key"]) or str(row["key"] or ""), _sums(row)) for row in found]
    if by == "day":
        return lines
    return sorted(lines, key=lambda line: (-line.sums.cost, -line.sums.tokens, -line.sums.answers, line.name))


def by_day_and_model(begin: date, end: date) -> list[tuple[date, str, Sums]]:
    """Sums of every day for each model."""
    rows = _rows(begin, end, None).values("day", "model_name").annotate(**_TOTALS).order_by("day", "model_name")
    return [(row["day"], row["model_name"], _sums(row)) for row in rows]


def _rows(begin: date, end: date, user: User | None) -> QuerySet[Spending]:
    rows = Spending.objects.filter(day__gte=begin, day__lte=end)
    return rows.filter(user=user) if user else rows


def _sums(row: Mapping[str, Any]) -> Sums:
    return Sums(**{name: row[f"sum_{name}"] or nothing for name, nothing in _NOTHING.items()})


def _names(by: str, keys: Sequence[Any]) -> dict[Any, str]:
    if by == "user":
        return {user.pk: str(user) for user in User.objects.filter(pk__in=keys)}
    if by == "group":
        return dict(Group.objects.filter(pk__in=keys).values_list("pk", "name"))
    if by == "key":
        found = ApiKey.objects.filter(pk__in=keys).select_related("user")
        programs = Program.objects.filter(pk__in=keys).values_list("pk", "name")
        return {key.pk: f"{key.name} of {key.user}" for key in found} | dict(programs)
    return {}
