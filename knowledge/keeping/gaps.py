"""What keepers do with gaps: give them to somebody, close, dismiss and reopen them, join two, take a question out.

A gap is looked after by its assignee, the keeper of its source, and admins; nobody else may know of it.
"""

from __future__ import annotations

from django.db import transaction
from django.utils import timezone

from accounts import audit, rights
from accounts.models import User
from app.errors import BadInputError, ConflictError, NotFoundError
from knowledge.index.generations import serving_generation
from knowledge.keeping.noting import embed_anew, settle
from knowledge.models import Gap, GapQuestion

LONGEST_REASON = 300


def assign_gap(*, actor: User, gap: Gap, person: User | None) -> Gap:
    """Give it to somebody who keeps content, or to nobody again. Raises BadInputError for anybody else."""
    rights.require(actor, "knowledge.edit_source", gap)
    if person is not None and not rights.can(person, "knowledge.edit_source"):
        raise BadInputError(f"{person} does not keep content. Choose a content owner or an administrator.")
    with transaction.atomic():
        found = _locked(gap)
        _check_waiting(found)
        found.assignee = person
        found.state = Gap.State.ASSIGNED if person else Gap.State.OPEN
        found.save(update_fields=["assignee", "state"])
        payload = {"to": str(person.pk) if person else ""}
        audit.record(actor=actor, action="gap.assign", obj=found, payload=payload)
    return found


def close_gap(*, actor: User, gap: Gap, reason: str) -> Gap:
    """It is answered, or will not be; ``reason`` says which. Raises BadInputError without one."""
    if not reason.strip():
        raise BadInputError("Say why: where it is answered now, or why it will not be.")
    return _end(actor, gap, Gap.State.CLOSED, reason.strip()[:LONGEST_REASON])


def dismiss_gap(*, actor: User, gap: Gap) -> Gap:
    """Nothing that knowledge should answer. Further questions of its kind go to it, and bother nobody."""
    return _end(actor, gap, Gap.State.DISMISSED, "")


def _end(actor: User, gap: Gap, state: Gap.State, reason: str) -> Gap:
    rights.require(actor, "knowledge.edit_source", gap)
    with transaction.atomic():
        found = _locked(gap)
        _check_waiting(found)
        found.state, found.close_reason, found.closed_at = state, reason, timezone.now()
        found.save(update_fields=["state", "close_reason", "closed_at"])
        action = "gap.close" if state == Gap.State.CLOSED else "gap.dismiss"
        audit.record(actor=actor, action=action, obj=found, payload={"reason": audit.digest(reason)})
    return found


def reopen_gap(*, actor: User, gap: Gap) -> Gap:
    """It waits again, for whoever had it."""
    rights.require(actor, "knowledge.edit_source", gap)
    with transaction.atomic():
        found = _locked(gap)
        if found.is_waiting:
            raise ConflictError("It is open already.", current={"state": found.state})
        found.state = Gap.State.ASSIGNED if found.assignee_id else Gap.State.OPEN
        found.closed_at, found.close_reason, found.answered_by = None, "", None
        found.save(update_fields=["state", "closed_at", "close_reason", "answered_by"])
        audit.record(actor=actor, action="gap.reopen", obj=found)
    return found


def merge_gaps(*, actor: User, gap: Gap, other: Gap) -> Gap:
    """Both are about the same: the questions of ``other`` go to ``gap``, and ``other`` goes.

    Raises BadInputError for one and the same, UnavailableError when vectors of another model have to be made anew and
    the model does not answer.
    """
    rights.require(actor, "knowledge.edit_source", gap)
    rights.require(actor, "knowledge.edit_source", other)
    if gap.pk == other.pk:
        raise BadInputError("These are one and the same. Choose another one to join it with.")
    if gap.embedding_name != other.embedding_name:
        embed_anew([gap, other], serving_generation())
    with transaction.atomic():
        found, going = (_locked(one) for one in sorted((gap, other), key=lambda one: one.pk))
        if found.pk != gap.pk:
            found, going = going, found
        count = going.questions.update(gap=found)
        if found.assignee is None and going.assignee is not None and found.is_waiting:
            found.assignee, found.state = going.assignee, Gap.State.ASSIGNED
            found.save(update_fields=["assignee", "state"])
        payload = {"other": str(going.pk), "questions": count}
        going.delete()
        settle(found)
        audit.record(actor=actor, action="gap.merge", obj=found, payload=payload)
    return found


def take_out(*, actor: User, question: GapQuestion) -> Gap:
    """This question is about something else: it gets a gap of its own. Raises ConflictError for the only one."""
    rights.require(actor, "knowledge.edit_source", question.gap)
    with transaction.atomic():
        gap = _locked(question.gap)
        if gap.questions.count() < 2:
            raise ConflictError("It is the only question here.", current={"questions": 1})
        own = Gap.objects.create(title=question.text[:300], centre=question.vector, embedding_name=gap.embedding_name)
        GapQuestion.objects.filter(pk=question.pk, gap=gap).update(gap=own)
        settle(gap)
        settle(own)
        audit.record(actor=actor, action="gap.take_out", obj=gap, payload={"question": str(question.pk)})
    return own


def keepers() -> list[User]:
    """Who a gap can be given to, by name."""
    people = User.objects.holding("knowledge.edit_source").filter(is_service=False)
    return sorted(people, key=lambda person: str(person).casefold())


def find_keeper(text: str) -> User | None:
    """The keeper of this id or e-mail address; None for an empty one. Raises BadInputError for anybody else."""
    if not text:
        return None
    found = next((one for one in keepers() if text.lower() in (str(one.pk), one.email.lower())), None)
    if found is None:
        raise BadInputError("Choose a content owner or an administrator.")
    return found


def _locked(gap: Gap) -> Gap:
    """The row as it is now, and nobody else's until the transaction ends. Raises NotFoundError when it is gone."""
    found = Gap.objects.select_for_update(of=["self"]).select_related("source", "assignee").filter(pk=gap.pk).first()
    if found is None:
        raise NotFoundError
    return found


def _check_waiting(gap: Gap) -> None:
    if not gap.is_waiting:
        raise ConflictError("It was closed meanwhile. Reopen it first.", current={"state": gap.state})
