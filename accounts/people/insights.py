"""Reading somebody else's conversations: never as a right, only for a reason, some hours and in their sight.

Whoever may ask (``insight.ask``) says why and for how long; a second person (``insight.approve``) allows it, unless the
house lets one do so alone (INSIGHT_ALONE). From then until it ends, or is ended, the conversations can be read on a
page of their own and nowhere else: no search, no list, no interface knows of it. Every page opened is an event of the
audit log, and the person concerned sees all of it.
"""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, models, transaction
from django.db.models import F
from django.utils import timezone

from accounts import audit, rights
from accounts.models import Insight, User
from accounts.models.organising import MOST_HOURS
from accounts.signals import insight_changed
from app.errors import BadInputError, ConflictError, NotAllowedError, NotFoundError


def ask_insight(*, actor: User, person: User, reason: str, hours: int) -> Insight:
    """Ask to read ``person``'s conversations. Raises BadInputError without a reason, for more than a day, or for
    oneself; ConflictError when one has asked already.
    """
    rights.require(actor, "insight.ask", person)
    reason = " ".join(reason.split())
    if not 10 <= len(reason) <= 500:
        raise BadInputError("Say why, in 10 to 500 characters. The person concerned will read it.")
    if not 1 <= hours <= MOST_HOURS:
        raise BadInputError(f"Ask for 1 to {MOST_HOURS} hours.")
    if actor == person:
        raise BadInputError("Your own conversations are yours to read.")
    try:
        with transaction.atomic():
            insight = Insight.objects.create(reader=actor, person=person, reason=reason, hours=hours)
            payload = {"insight": str(insight.pk), "hours": hours, "reason": audit.digest(reason)}
            audit.record(actor=actor, action="insight.ask", obj=person, payload=payload)
            if settings.INSIGHT_ALONE:
                _open(insight, actor)
    except IntegrityError as error:
        raise ConflictError("You have asked already. Somebody else has to decide.") from error
    insight.refresh_from_db()
    return insight


def approve_insight(*, actor: User, insight: Insight) -> Insight:
    """Allow it, from now on. Raises NotAllowedError to who asked and to the person concerned, ConflictError when it was
    decided meanwhile.
    """
    _check_second(actor, insight)
    with transaction.atomic():
        _open(insight, actor)
    insight.refresh_from_db()
    return insight


def refuse_insight(*, actor: User, insight: Insight) -> None:
    """Say no. Raises as ``approve_insight``."""
    _check_second(actor, insight)
    with transaction.atomic():
        waiting = Insight.objects.waiting().filter(pk=insight.pk)
        if not waiting.update(ended_at=timezone.now(), ended_by=actor):
            raise ConflictError("This was decided meanwhile.")
        audit.record(actor=actor, action="insight.refuse", obj=insight.person, payload={"insight": str(insight.pk)})


def end_insight(*, actor: User, insight: Insight) -> None:
    """End it at once, or take the request back. Who reads may, and whoever may allow it. Twice is as once."""
    if actor.pk != insight.reader_id:
        rights.require(actor, "insight.approve", insight.person)
    with transaction.atomic():
        going_on = Insight.objects.filter(pk=insight.pk, ended_at=None).exclude(expires_at__lt=timezone.now())
        if going_on.update(ended_at=timezone.now(), ended_by=actor):
            audit.record(actor=actor, action="insight.end", obj=insight.person, payload={"insight": str(insight.pk)})
            _tell(insight)


def open_into(person: User) -> list[Insight]:
    """Those under which somebody may read this person's conversations now."""
    return list(Insight.objects.live().filter(person=person).select_related("reader").order_by("approved_at"))


def get_readable(actor: User, insight_id: UUID) -> Insight:
    """The insight under which ``actor`` may read now. Raises NotFoundError for any other."""
    insight = Insight.objects.of_reader(actor).select_related("person").filter(pk=insight_id).first()
    if insight is None:
        raise NotFoundError
    return insight


def reveal(*, actor: User, insight: Insight, obj: models.Model | None = None) -> None:
    """Write down that this was opened: the list of conversations, or one of them (``obj``).

    Asked in the same breath whether it still may be, so that an end that came meanwhile holds. Raises NotFoundError.
    """
    with transaction.atomic():
        live = Insight.objects.of_reader(actor).filter(pk=insight.pk)
        if not live.update(views=F("views") + (1 if obj else 0)):
            raise NotFoundError
        payload = {"insight": str(insight.pk), "person": str(insight.person_id)}
        action = "insight.reveal" if obj else "insight.list"
        audit.record(actor=actor, action=action, obj=obj or insight.person, payload=payload)


def _open(insight: Insight, actor: User) -> None:
    now = timezone.now()
    opened = Insight.objects.waiting().filter(pk=insight.pk)
    if not opened.update(approved_by=actor, approved_at=now, expires_at=now + timedelta(hours=insight.hours)):
        raise ConflictError("This was decided meanwhile.")
    payload = {"insight": str(insight.pk), "reader": str(insight.reader_id), "hours": insight.hours}
    audit.record(actor=actor, action="insight.approve", obj=insight.person, payload=payload)
    _tell(insight)


def _check_second(actor: User, insight: Insight) -> None:
    rights.require(actor, "insight.approve", insight.person)
    if actor.pk in (insight.reader_id, insight.person_id):
        raise NotAllowedError("Somebody else has to decide this: you asked, or it is about you.")


def _tell(insight: Insight) -> None:
    person_id = insight.person_id
    transaction.on_commit(lambda: insight_changed.send(sender=Insight, user_id=person_id))
