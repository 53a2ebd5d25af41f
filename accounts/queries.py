"""Reads of the audit log, for those who may."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

from django.db.models import Q, QuerySet
from django.utils.dateparse import parse_datetime
from django.utils.timezone import is_naive, make_aware

from accounts.models import AuditEvent, User
from app.errors import BadInputError


def find_events(
    *, after: str | None = None, actor: str | None = None, action: str | None = None
) -> QuerySet[AuditEvent]:
    """Events of one ``action``, by ``actor`` (id or e-mail address), later than ``after`` (a time, or an event's id).

    Raises BadInputError when ``after`` is neither.
    """
    events = AuditEvent.objects.all()
    if after:
        events = events.filter(_later_than(after))
    if actor:
        person = User.objects.filter(email__iexact=actor).first() if "@" in actor else None
        events = events.filter(actor=str(person.pk) if person else actor)
    return events.filter(action=action) if action else events


def _later_than(after: str) -> Q:
    moment = _find_moment(after)
    if moment is not None:
        return Q(at__gt=moment)
    event = AuditEvent.objects.filter(pk=after).first() if _is_id(after) else None
    if event is None:
        raise BadInputError("`after` is a time such as 2026-01-31T08:00:00Z, or the id of an event.")
    return Q(at__gt=event.at) | Q(at=event.at, pk__gt=event.pk)


def _find_moment(text: str) -> datetime | None:
    try:
        moment = parse_datetime(text.replace(" ", "+"))  # a "+" in a query string arrives as a space
        if moment and is_naive(moment):
            moment = make_aware(moment)
        # In UTC, because PostgreSQL refuses offsets that Python takes.
        return moment and moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _is_id(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True
