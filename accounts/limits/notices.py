"""Telling people that a limit is near: in the chat whoever meets it, by e-mail administrators of what many share.

Limits of a minute or an hour are met and gone before anybody could do something about it; nobody is told of those.
An e-mail goes out once a period. A count is marked before it is told of: two workers send one, and a worker that dies
while sending sends none; when the mail server refuses the mark is taken back, and the next run tries again.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from functools import reduce
from operator import or_
from smtplib import SMTPException
from uuid import UUID

from django.conf import settings
from django.core.mail import EmailMessage
from django.db.models import F, Q, QuerySet
from django.db.models.functions import NullIf
from django.template.loader import render_to_string
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from accounts.languages import language_of
from accounts.limits.counting import holder_of, limits_on
from accounts.limits.periods import begin_of, end_of
from accounts.limits.words import limit_in_words, near, whose
from accounts.models import Limit, LimitCount, User

log = logging.getLogger(__name__)

EACH = Limit.Subject.EACH
TOLD = frozenset({Limit.Period.DAY, Limit.Period.MONTH})
SHARED = frozenset({Limit.Subject.GROUP, Limit.Subject.ASSISTANT, Limit.Subject.ALL})
KEPT_SHORT, KEPT_LONG = timedelta(days=2), timedelta(days=100)


@dataclass(frozen=True, slots=True)
class Standing:
    """How somebody stands with one limit in the period at hand."""

    limit: Limit
    used: Decimal
    reserved: Decimal
    refused: int
    now: datetime

    @property
    def percent(self) -> int:
        """Whole percent of the amount that are used up; a hundred where nothing is allowed."""
        return int(100 * self.used / self.limit.amount) if self.limit.amount else 100

    @property
    def bar(self) -> int:
        """How far a bar of it is filled, from 0 to 100."""
        return min(100, self.percent)

    @property
    def is_near(self) -> bool:
        return self.percent >= self.limit.warn_percent

    @property
    def is_reached(self) -> bool:
        return self.used >= self.limit.amount

    @property
    def turns_at(self) -> datetime:
        return end_of(self.limit.period, self.now)

    @property
    def words(self) -> str:
        return near(self.limit, used=self.used, now=self.now)

    @property
    def key(self) -> str:
        """The same for the same notice, so that whoever put it away is not told again in this period."""
        return f"{self.limit.pk}-{self.turns_at:%Y%m%d%H%M}-{'reached' if self.is_reached else 'near'}"


def standings_of(person: User, *, assistant_id: UUID | None = None, now: datetime | None = None) -> list[Standing]:
    """How this person stands with each limit that applies to them, the fullest first. No statement without limits."""
    limits = limits_on(person, assistant_id)
    return _standings([(limit, holder_of(limit, person)) for limit in limits], now or timezone.now())


def standings_of_limits(limits: Sequence[Limit], *, now: datetime | None = None) -> list[Standing]:
    """How full these limits are; of one that each person has, how full the fullest of them."""
    now = now or timezone.now()
    counts = LimitCount.objects.filter(_at_hand(Limit.Period, now), limit__in=limits).order_by("limit", "-used")
    fullest = {count.limit_id: count for count in counts.distinct("limit")}
    return [_standing(limit, fullest.get(limit.pk), now) for limit in limits]


@dataclass(frozen=True, slots=True)
class Holder:
    """Somebody, or something, that is near to a limit."""

    name: str
    standing: Standing


def near_holders(*, now: datetime | None = None, most: int = 50) -> list[Holder]:
    """Who is near to a limit in the period at hand, the fullest first."""
    now = now or timezone.now()
    share = F("used") / NullIf(F("limit__amount"), Decimal(0))
    counts = list(_near_counts(Limit.Period, now).order_by(share.desc(nulls_first=True))[:most])
    people = User.objects.in_bulk([count.holder_id for count in counts if count.limit.subject == EACH])
    return [
        Holder(str(people.get(count.holder_id, "")) or whose(count.limit), _standing(count.limit, count, now))
        for count in counts
    ]


def notices_for(person: User, *, assistant_id: UUID | None = None, now: datetime | None = None) -> list[Standing]:
    """The limits this person should be told of while they chat."""
    standings = standings_of(person, assistant_id=assistant_id, now=now)
    return [one for one in standings if one.is_near and one.limit.period in TOLD]


def _at_hand(periods: Iterable[Limit.Period], now: datetime) -> Q:
    """Counts of those of the ``periods`` that ``now`` is in."""
    return reduce(or_, [Q(limit__period=period, began_at=begin_of(period, now)) for period in periods])


def _near_counts(periods: Iterable[Limit.Period], now: datetime) -> QuerySet[LimitCount]:
    """The same, of limits in force that are near."""
    counts = LimitCount.objects.filter(_at_hand(periods, now), limit__removed_at=None, used__gt=0)
    return counts.filter(used__gte=F("limit__amount") * F("limit__warn_percent") / 100).select_related("limit")


def _standings(held: Sequence[tuple[Limit, UUID]], now: datetime) -> list[Standing]:
    if not held:
        return []
    wanted = {(limit.pk, holder, begin_of(limit.period, now)): limit for limit, holder in held}
    counts = {
        (count.limit_id, count.holder_id, count.began_at): count
        for count in LimitCount.objects.filter(
            limit__in=[limit.pk for limit, _ in held],
            holder_id__in=[holder for _, holder in held],
            began_at__in={began_at for _, _, began_at in wanted},
        )
    }
    standings = [_standing(limit, counts.get(key), now) for key, limit in wanted.items()]
    return sorted(standings, key=lambda one: -one.percent)


def _standing(limit: Limit, count: LimitCount | None, now: datetime) -> Standing:
    if count is None:
        return Standing(limit, Decimal(0), Decimal(0), 0, now)
    return Standing(limit, count.used, count.reserved, count.refused, now)


def warn_administrators(now: datetime | None = None) -> int:
    """Tell administrators of shared limits that came near in the period at hand; how many they were told of."""
    now = now or timezone.now()
    untold = _near_counts(TOLD, now).filter(limit__subject__in=SHARED, warned_at=None)
    return sum(_warn(count, now) for count in untold)


def _warn(count: LimitCount, now: datetime) -> bool:
    if not LimitCount.objects.filter(pk=count.pk, warned_at=None).update(warned_at=now):
        return False
    standing = _standing(count.limit, count, now)
    is_refused, sent = False, 0
    for message in _messages(standing):
        try:
            sent += message.send()
        except (SMTPException, OSError) as error:
            is_refused = True
            log.warning("a warning of a limit could not be sent: %r", error)
    if is_refused and not sent:  # the next run tries again; who has heard of it hears of it once
        LimitCount.objects.filter(pk=count.pk).update(warned_at=None)
        return False
    return True


def _message(standing: Standing, addresses: Sequence[str]) -> EmailMessage:
    limit = standing.limit
    context = {
        "standing": standing,
        "whose": whose(limit),
        "limit": limit_in_words(limit),
        "url": settings.PUBLIC_URL.rstrip("/"),
    }
    return EmailMessage(
        subject=_("%(whose)s: %(percent)s %% of %(limit)s used") % {**context, "percent": standing.percent},
        body=render_to_string("accounts/mail/limit_near.txt", context),
        bcc=addresses,
    )


def _messages(standing: Standing) -> Iterator[EmailMessage]:
    """One for all administrators of a language, each in theirs."""
    admins = User.objects.holding("accounts.administer").filter(wants_reminders=True).order_by("pk")
    by_language: dict[str, list[str]] = {}
    for admin in admins:
        by_language.setdefault(language_of(admin), []).append(admin.email)
    for language, addresses in by_language.items():
        with translation.override(language):
            yield _message(standing, addresses)


def forget_old_counts(now: datetime | None = None) -> int:
    """Remove counts of periods long over; how many there were. The ledger keeps what was used up."""
    now = now or timezone.now()
    short = Q(limit__period__in=set(Limit.Period) - TOLD, began_at__lt=now - KEPT_SHORT)
    removed, _ = LimitCount.objects.filter(short | Q(began_at__lt=now - KEPT_LONG)).delete()
    return removed
