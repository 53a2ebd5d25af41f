"""The stretches of time that limits count in: minutes, hours, days and months of the calendar, in UTC.

A period turns for everybody at the same moment, so that anybody can say when; a limit of 10 a minute thus lets 20
through within a few seconds around a full minute.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from django.utils.formats import date_format
from django.utils.translation import gettext as _

from accounts.models import Limit

Period = Limit.Period
LENGTHS = {Period.MINUTE: timedelta(minutes=1), Period.HOUR: timedelta(hours=1), Period.DAY: timedelta(days=1)}


def begin_of(period: str, now: datetime) -> datetime:
    """When the period that ``now`` is in began."""
    now = now.astimezone(UTC).replace(second=0, microsecond=0)
    if period == Period.MINUTE:
        return now
    now = now.replace(minute=0)
    if period == Period.HOUR:
        return now
    now = now.replace(hour=0)
    return now if period == Period.DAY else now.replace(day=1)


def end_of(period: str, now: datetime) -> datetime:
    """When the period that ``now`` is in turns."""
    began = begin_of(period, now)
    if period == Period.MONTH:
        return (began + timedelta(days=32)).replace(day=1)
    return began + LENGTHS[Period(period)]


def until_turn(period: str, now: datetime) -> float:
    """Seconds until then."""
    return (end_of(period, now) - now).total_seconds()


def turn_in_words(period: str, now: datetime) -> str:
    """When it turns, as said to people: ``"at 14:05 UTC"``, ``"on 1 December at 00:00 UTC"``."""
    end = end_of(period, now)
    if period in (Period.MINUTE, Period.HOUR):
        return _("at %(time)s UTC") % {"time": f"{end:%H:%M}"}
    return _("on %(day)s at 00:00 UTC") % {"day": date_format(end, "j F")}
