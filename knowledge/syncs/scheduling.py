"""When sources are looked through by themselves: the few words people may write, what they mean, and who is due.

A schedule is kept as it was written, in the words of CHOICES or as a cron line, and read in the installation's time
zone. A source that is due while its last sync still runs just gets its next time, so that nothing piles up.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from celery.schedules import ParseException, crontab
from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.dates import WEEKDAYS
from django.utils.translation import gettext as _

from app.errors import BadInputError
from knowledge.models import Source, Sync
from knowledge.syncs.running import begin

ACTOR = "system:schedule"
CHOICES = ("", "every 15 minutes", "hourly", "daily at 03:00", "weekly on monday at 03:00")
DAYS = ("sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday")
_DUE_AT_ONCE = 50

_EVERY = re.compile(r"every (\d{1,4}) minutes?")
_DAILY = re.compile(r"daily(?: at (\d{1,2}):(\d{2}))?")
_WEEKLY = re.compile(rf"weekly(?: on ({'|'.join(DAYS)}))?(?: at (\d{{1,2}}):(\d{{2}}))?")
_CRON = re.compile(r"\S+( \S+){4}")


@dataclass(frozen=True)
class Rhythm:
    """A schedule as it was understood, with its words: a cron line, or minutes where no cron line says it."""

    words: str
    cron: str = ""
    minutes: int = 0

    def next_after(self, moment: datetime) -> datetime:
        """Raises ValueError for a cron line that no day fulfils, such as the 30th of February."""
        if self.minutes:
            return moment + timedelta(minutes=self.minutes)
        minute, hour, day, month, weekday = self.cron.split()
        pattern = crontab(minute=minute, hour=hour, day_of_month=day, month_of_year=month, day_of_week=weekday)
        try:
            last, delta, _ = pattern.remaining_delta(moment, tz=ZoneInfo(settings.TIME_ZONE))
        except RuntimeError as error:
            raise ValueError("no day fulfils it") from error
        following: datetime = last + delta
        return following


def checked(schedule: str) -> str:
    """The schedule as it is kept. Raises BadInputError that shows what can be written."""
    text = " ".join(schedule.lower().split())
    try:
        rhythm = _read(text)
        if rhythm:
            rhythm.next_after(timezone.now())
    except ValueError as error:
        raise BadInputError(
            f'Parley does not understand the schedule "{schedule[:60]}". Write "every 15 minutes", "hourly", '
            '"daily at 03:00", "weekly on monday at 03:00" or a cron line such as "30 6 * * 1-5", or nothing at all.'
        ) from error
    return text


def next_time(schedule: str, after: datetime | None = None) -> datetime | None:
    """When a source with this schedule is due after ``after`` (else after now); None without a schedule."""
    rhythm = _read(schedule)
    return rhythm.next_after(after or timezone.now()) if rhythm else None


def describe(schedule: str) -> str:
    """The schedule in words for people, as part of a sentence or alone."""
    rhythm = _read(schedule)
    return rhythm.words if rhythm else _("Only when somebody asks for it")


def start_due() -> list[UUID]:
    """Begin a sync of every source that is due; the ids of these syncs, which wait to be run."""
    now = timezone.now()
    begun: list[UUID] = []
    with transaction.atomic():
        due = (
            Source.objects.select_for_update(skip_locked=True, of=("self",))
            .filter(next_sync_at__lte=now, paused_at=None, deleted_at=None)
            .order_by("next_sync_at")[:_DUE_AT_ONCE]
        )
        for source in due:
            sync, is_new = begin(source, actor=ACTOR, cause=Sync.Cause.SCHEDULE)
            begun += [sync.pk] if is_new else []
            source.next_sync_at = next_time(source.schedule, now)
            source.save(update_fields=["next_sync_at"])
    return begun


def _read(text: str) -> Rhythm | None:
    """Raises ValueError for what is no schedule."""
    if not text:
        return None
    if text == "hourly":
        return Rhythm(_("Every hour"), "0 * * * *")
    if found := _EVERY.fullmatch(text):
        return _every(int(found[1]))
    if found := _DAILY.fullmatch(text):
        hour, minute = _time_of_day(found[1], found[2])
        return Rhythm(_("Every day at %(time)s") % {"time": f"{hour:02}:{minute:02}"}, f"{minute} {hour} * * *")
    if found := _WEEKLY.fullmatch(text):
        day = found[1] or "monday"
        hour, minute = _time_of_day(found[2], found[3])
        return Rhythm(
            _("Every %(day)s at %(time)s") % {"day": _weekday(day), "time": f"{hour:02}:{minute:02}"},
            f"{minute} {hour} * * {DAYS.index(day)}",
        )
    return _cron(text)


def _weekday(day: str) -> str:
    """Its name in the reader's language, by Django's catalogue."""
    return str(WEEKDAYS[(DAYS.index(day) - 1) % 7])


def _every(minutes: int) -> Rhythm:
    if not 1 <= minutes <= 1440:
        raise ValueError("between a minute and a day")
    words = _("Every minute") if minutes == 1 else _("Every %(minutes)s minutes") % {"minutes": minutes}
    return Rhythm(words, f"*/{minutes} * * * *") if 60 % minutes == 0 and minutes < 60 else Rhythm(words, "", minutes)


def _time_of_day(hour: str | None, minute: str | None) -> tuple[int, int]:
    at = int(hour or 0), int(minute or 0)
    if at[0] > 23 or at[1] > 59:
        raise ValueError("no time of day")
    return at


def _cron(text: str) -> Rhythm:
    if not _CRON.fullmatch(text):
        raise ValueError("no schedule")
    minute, hour, day, month, weekday = text.split()
    try:
        crontab(minute=minute, hour=hour, day_of_month=day, month_of_year=month, day_of_week=weekday)
    except (ParseException, KeyError) as error:
        raise ValueError("no cron line") from error
    return Rhythm(_("By the cron line %(line)s") % {"line": text}, text)
