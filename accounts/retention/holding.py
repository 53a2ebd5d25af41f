"""Legal holds: while one is on a person, or on a group they are or were in, nothing of theirs goes.

Neither by retention nor by erasure; and what they delete themselves is hidden from them as ever, and really gone when
the hold has ended. The person is not told: a hold often is on somebody because of what they might do. Whoever looks
after retention sees it, and the auditor.
"""

from __future__ import annotations

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from accounts import audit, rights
from accounts.models import Belonging, Group, Hold, User
from app.errors import BadInputError, ConflictError


def begin_hold(*, actor: User, reason: str, person: User | None = None, group: Group | None = None) -> Hold:
    """From now on nothing of the person, or of the group's people, goes.

    Raises BadInputError without a reason or without exactly one of the two, ConflictError when there is one already.
    """
    rights.require(actor, "retention.administer")
    reason = " ".join(reason.split())
    if not 10 <= len(reason) <= Hold.REASON_LENGTH:
        raise BadInputError(f"Say why, in 10 to {Hold.REASON_LENGTH} characters. Auditors read it.")
    if (person is None) == (group is None):
        raise BadInputError("Choose a person or a group.")
    with transaction.atomic():
        if Hold.objects.live().filter(person=person, group=group).exists():
            raise ConflictError("There is a hold on this already. End it first.")
        hold = Hold.objects.create(person=person, group=group, reason=reason, begun_by=actor)
        note_people(hold)
        payload = {"on": audit.label(person or group), "reason": audit.digest(reason)}
        audit.record(actor=actor, action="hold.begin", obj=hold, payload=payload)
    return hold


def end_hold(*, actor: User, hold: Hold) -> None:
    """What waited for its end goes with the next run. Raises ConflictError when it was ended meanwhile."""
    rights.require(actor, "retention.administer")
    with transaction.atomic():
        if not Hold.objects.live().filter(pk=hold.pk).update(ended_at=timezone.now(), ended_by=actor):
            raise ConflictError("This was ended meanwhile.")
        audit.record(actor=actor, action="hold.end", obj=hold, payload={"people": hold.people.count()})


def note_people(hold: Hold) -> None:
    """Remember who is in the group now, so that leaving it changes nothing. Every run of retention does it again."""
    if hold.group_id is not None:
        hold.people.add(*User.objects.filter(groups_reached=hold.group_id))
    elif hold.person is not None:
        hold.people.add(hold.person)


def note_everybody_held() -> None:
    for hold in Hold.objects.live():
        note_people(hold)


def held_people() -> QuerySet[User]:
    """Everybody whose things must not go now. For subqueries."""
    live = Hold.objects.live()
    return User.objects.filter(
        Q(pk__in=live.filter(person__isnull=False).values("person"))
        | Q(pk__in=live.filter(people__isnull=False).values("people"))
        | Q(pk__in=Belonging.objects.filter(group__in=live.values("group")).values("user"))
    )


def is_held(person: User) -> bool:
    return held_people().filter(pk=person.pk).exists()


def check_not_held(person: User) -> None:
    """Raises ConflictError where nothing of this person may go."""
    if is_held(person):
        raise ConflictError(f"{person} is under a legal hold: nothing of theirs may go. End the hold first.")
