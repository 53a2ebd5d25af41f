"""Stretches of days that usage is looked at for, as a page's address says them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from django.utils.translation import gettext_noop as _

from accounts.limits.usage import check_span
from app.errors import BadInputError

PERIODS = {
    "today": _("Today"),
    "week": _("7 days"),
    "days": _("30 days"),
    "month": _("This month"),
    "last-month": _("Last month"),
    "year": _("12 months"),
}
DEFAULT = "days"


@dataclass(frozen=True, slots=True)
class Span:
    """From ``begin`` to ``end``, both included. ``period`` is one of ``PERIODS``, or empty for days chosen freely."""

    begin: date
    end: date
    period: str = ""

    @property
    def query(self) -> str:
        """The part of an address that says this span."""
        return f"period={self.period}" if self.period else f"from={self.begin}&to={self.end}"

    @property
    def days(self) -> int:
        return (self.end - self.begin).days + 1


def today() -> date:
    """The day by the ledger's clock."""
    return datetime.now(UTC).date()


def read_span(query: Mapping[str, str], *, default: str = DEFAULT, now: date | None = None) -> Span:
    """The span that ``from`` and ``to``, or ``period``, say. Raises BadInputError for what is no day."""
    now = now or today()
    if query.get("from") or query.get("to"):
        end = read_day(query.get("to") or str(now))
        begin = read_day(query.get("from") or str(end.replace(day=1)))
        check_span(begin, end)
        return Span(begin, end)
    period = query.get("period") or default
    if period not in PERIODS:
        raise BadInputError(f"A period is one of {', '.join(PERIODS)}.")
    return _span_of(period, now)


def read_day(text: str) -> date:
    """Raises BadInputError."""
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise BadInputError(f"{text!r} is not a day such as 2026-01-31.") from error


def _span_of(period: str, now: date) -> Span:
    first = now.replace(day=1)
    if period == "last-month":
        last = first - timedelta(days=1)
        return Span(last.replace(day=1), last, period)
    begin = {
        "today": now,
        "week": now - timedelta(days=6),
        "days": now - timedelta(days=29),
        "month": first,
        "year": now - timedelta(days=364),
    }[period]
    return Span(begin, now, period)
