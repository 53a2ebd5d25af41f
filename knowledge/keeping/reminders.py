"""Reminders by e-mail: one digest a day of what waits for each keeper, and none when nothing does.

Before a digest is sent, its day is claimed by a row that can exist once; so two workers send one, and a worker that
dies while sending sends none: a digest says what is so now, and tomorrow's says it again. When the mail server refuses,
the claim is given back and the next run of the same day tries again. Sources overdue for a month go to admins as well.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from smtplib import SMTPException

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.db.models import Q, QuerySet
from django.template.loader import render_to_string
from django.utils import timezone, translation
from django.utils.translation import ngettext

from accounts.languages import language_of
from accounts.models import User
from knowledge.keeping.needs import Needs, needs_of
from knowledge.models import Gap, Reminder, Source

log = logging.getLogger(__name__)

ESCALATED_AFTER = timedelta(days=30)
GAPS = 10


@dataclass(frozen=True)
class Digest:
    """All that waits for one person. ``escalated`` are sources of others that nobody reviewed for a month."""

    person: User
    needs: Needs
    gaps: Sequence[Gap]
    gap_count: int
    escalated: Sequence[Source]

    @property
    def count(self) -> int:
        return self.needs.count + self.gap_count + len(self.escalated)


def send_reminders() -> int:
    """Send today's digests that are not sent yet, once the hour has come; how many were sent now."""
    now = timezone.localtime()
    if now.hour < settings.REMINDER_HOUR:
        return 0
    return sum(remind(person, now.date()) for person in _who_waits(now.date()))


def remind(person: User, day: date) -> bool:
    """Send this person the digest of this day, unless somebody has or there is nothing in it; whether it was sent."""
    digest = digest_of(person)
    if digest.count == 0 or not _claim(person, day):
        return False
    try:
        with translation.override(language_of(person)):
            message = _message(digest)
        message.send()
    except (SMTPException, OSError) as error:
        Reminder.objects.filter(person=person, day=day).delete()
        log.warning("the reminder for %s could not be sent, trying again with the next run: %r", person.pk, error)
        return False
    return True


def _claim(person: User, day: date) -> bool:
    """Whether this person's digest of this day is ours to send."""
    _, is_ours = Reminder.objects.get_or_create(person=person, day=day)
    return is_ours


def digest_of(person: User) -> Digest:
    """What waits for this person: in the sources they own, questions given to them, and for admins what nobody has."""
    gaps = _gaps_of(person)
    return Digest(
        person=person,
        needs=needs_of(list(Source.objects.filter(owner=person, deleted_at=None))),
        gaps=list(gaps[:GAPS]),
        gap_count=gaps.count(),
        escalated=_escalated_to(person),
    )


def _who_waits(day: date) -> QuerySet[User]:
    """Keepers who want reminders and got none on this day."""
    keepers = User.objects.holding("knowledge.edit_source").filter(wants_reminders=True)
    return keepers.exclude(pk__in=Reminder.objects.filter(day=day).values("person")).order_by("pk")


def _gaps_of(person: User) -> QuerySet[Gap]:
    """Open questions that are this person's: given to them, or about their source and given to nobody."""
    own = Q(assignee=person) | Q(assignee=None, source__owner=person, source__deleted_at=None)
    if person.holds("knowledge.keep_every_source"):
        own |= Q(assignee=None, source=None)
    gaps = Gap.objects.visible_to(person).waiting().filter(own)
    return gaps.select_related("source").order_by("-question_count", "-last_asked_at", "pk")


def _escalated_to(person: User) -> Sequence[Source]:
    if not person.holds("knowledge.keep_every_source"):
        return ()
    long_ago = timezone.localdate() - ESCALATED_AFTER
    overdue = Source.objects.filter(deleted_at=None, review_by__lt=long_ago).exclude(owner=person)
    return list(overdue.select_related("owner").order_by("review_by"))


def _message(digest: Digest) -> EmailMultiAlternatives:
    context = {"digest": digest, "needs": digest.needs, "url": settings.PUBLIC_URL.rstrip("/")}
    count = digest.count
    message = EmailMultiAlternatives(
        subject=ngettext("%(count)s thing waits for you in Parley", "%(count)s things wait for you in Parley", count)
        % {"count": count},
        body=render_to_string("knowledge/mail/reminder.txt", context),
        to=[digest.person.email],
    )
    message.attach_alternative(render_to_string("knowledge/mail/reminder.html", context), "text/html")
    return message
