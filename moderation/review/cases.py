"""The life of a case: open → claimed → final, or superseded when its content changed under it; and once more from open,
when whom it is about appeals (``moderation.appeals``).

A claim is a lease with a fence number that rises with every claim. Each step is one conditional UPDATE on what must
still be true, so two reviewers can never both win, and one who was away too long cannot decide any more. Every step
writes its event and its audit event in the same transaction; a decision also reaches the content there
(``case_decided``). Nothing is ever released because time ran out.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now
from django.utils import timezone

from accounts import audit
from accounts.models import User
from accounts.rights import Capability, can, require
from app.errors import BadInputError, ConflictError, NotAllowedError, NotFoundError
from moderation.models import Case, CaseEvent, Decision, PolicyVersion
from moderation.screening.judging import Verdict
from moderation.signals import case_decided

LEASE = timedelta(minutes=10)
MAX_REASON_CHARACTERS = 2_000
MAX_TEXT_CHARACTERS = 50_000
CAPABILITY: Capability = "moderation.review"

Kind = CaseEvent.Kind
Action = Decision.Action
_KIND_OF = {
    Action.APPROVE: Kind.APPROVED,
    Action.EDIT: Kind.EDITED,
    Action.REJECT: Kind.REJECTED,
    Action.ESCALATE: Kind.ESCALATED,
}


def open_case(
    *,
    content_kind: str,
    content_id: UUID,
    revision: int,
    subject: User,
    verdict: Verdict,
    policy_version: PolicyVersion,
    question: str,
    answer: str,
    context: list[dict[str, Any]],
    shown: int = 0,
) -> Case:
    """Ask a person about a content, in the caller's transaction. The same revision again gives the same case.

    ``shown`` is how many characters of ``answer`` its reader already has. Waiting cases of earlier revisions are
    superseded. ``context`` is the passages as shown to the reader (``number``, ``passage_id``, ``document_title``, …).
    """
    content: dict[str, Any] = {"content_kind": content_kind, "content_id": content_id}
    with transaction.atomic():
        known = Case.objects.filter(**content, revision=revision).exclude(state=Case.State.SUPERSEDED).first()
        if known:
            return known
        supersede_cases(**content, below_revision=revision)
        now = timezone.now()
        case = Case(
            **content,
            revision=revision,
            subject=subject,
            policy_version=policy_version,
            rule=verdict.rule[:120],
            reason=verdict.reason[:300],
            question=question,
            answer=answer,
            shown=shown,
            context=context,
            opened_at=now,
            due_at=now + timedelta(minutes=verdict.due_minutes),
        )
        Case.objects.bulk_create([case], ignore_conflicts=True)
        opened = Case.objects.waiting().get(**content, revision=revision)
        if opened.pk == case.pk:
            note(opened, Kind.OPENED, None, payload={"rule": opened.rule, "policy_version": str(policy_version.pk)})
        return opened


def supersede_cases(*, content_kind: str, content_id: UUID, below_revision: int) -> int:
    """Close the waiting cases of this content's revisions below ``below_revision``; how many there were."""
    with transaction.atomic():
        older = Case.objects.waiting().filter(
            content_kind=content_kind, content_id=content_id, revision__lt=below_revision
        )
        cases = list(older.select_for_update().order_by("id"))
        for case in cases:
            case.state, case.lease_until, case.final_at = Case.State.SUPERSEDED, None, timezone.now()
            case.save(update_fields=["state", "lease_until", "final_at"])
            note(case, Kind.SUPERSEDED, None)
    return len(cases)


def note_case_read(actor: User, *, case: Case) -> None:
    """That a moderator has somebody's question and answer before them is an event of its own."""
    with transaction.atomic():
        audit.record(actor=actor, action="case.read", obj=case)


def claim_case(actor: User, *, case_id: UUID) -> Case:
    """Take a case to decide it, for ten minutes that ``renew_claim`` prolongs. Claiming one's own claim renews it.

    Raises NotFoundError to whoever may not see it, and ConflictError when somebody else holds it or it is decided.
    """
    _require_reviewer(actor, case_id)
    with transaction.atomic():
        claimed = (
            Case.objects.free_for(actor)
            .filter(pk=case_id)
            .update(state=Case.State.CLAIMED, reviewer=actor, lease_until=Now() + LEASE, fence=F("fence") + 1)
        )
        if claimed:
            case = _load(case_id)
            note(case, Kind.CLAIMED, actor)
            return case
    if _prolong(actor, case_id):
        return _load(case_id)
    raise _conflict(actor, case_id)


def renew_claim(actor: User, *, case_id: UUID, fence: int) -> Case:
    """Prolong a claim that is still one's own. Raises ConflictError when it is not."""
    _require_reviewer(actor, case_id)
    if not _prolong(actor, case_id, fence=fence):
        raise _conflict(actor, case_id)
    return _load(case_id)


def _prolong(actor: User, case_id: UUID, **still: int) -> bool:
    mine = Case.objects.held_by(actor).filter(pk=case_id, **still)
    return mine.update(lease_until=Now() + LEASE) == 1


def release_claim(actor: User, *, case_id: UUID, fence: int | None = None) -> Case:
    """Give a claimed case back to the queue. Raises ConflictError when it is not one's own (any more)."""
    _require_reviewer(actor, case_id)
    still = {} if fence is None else {"fence": fence}
    with transaction.atomic():
        mine = Case.objects.held_by(actor).filter(pk=case_id, **still)
        if mine.update(state=Case.State.OPEN, reviewer=None, lease_until=None):
            case = _load(case_id)
            note(case, Kind.RELEASED, actor)
            return case
    raise _conflict(actor, case_id)


def give_back_all(reviewer: User) -> int:
    """Give back everything that somebody works on, for whoever hands over their work; how many cases that were."""
    count = 0
    for case_id in Case.objects.filter(state=Case.State.CLAIMED, reviewer=reviewer).values_list("pk", flat=True):
        with transaction.atomic():
            theirs = Case.objects.filter(pk=case_id, state=Case.State.CLAIMED, reviewer=reviewer)
            if theirs.update(state=Case.State.OPEN, reviewer=None, lease_until=None):
                note(_load(case_id), Kind.RELEASED, reviewer)
                count += 1
    return count


def release_expired_claims() -> int:
    """Give back what reviewers left lying; how many cases that were. Safe beside decisions and other runs of itself."""
    count = 0
    for case_id in Case.objects.with_expired_claim().values_list("pk", flat=True):
        with transaction.atomic():
            expired = Case.objects.with_expired_claim().filter(pk=case_id)
            if expired.update(state=Case.State.OPEN, reviewer=None, lease_until=None):
                note(_load(case_id), Kind.EXPIRED, None)
                count += 1
    return count


def decide_case(actor: User, *, case_id: UUID, action: str, reason: str, fence: int, text: str = "") -> Decision:
    """Decide a case one has claimed; what follows for its content happens in the same transaction.

    ``action`` is approve, edit (``text`` goes out instead of the part kept back), reject or escalate (the case goes
    back to the queue for another person). Reject and escalate need a ``reason``; whoever asked is shown that of a
    rejection. Raises BadInputError, NotFoundError, and ConflictError when ``fence`` or the lease is no longer current.
    """
    _require_reviewer(actor, case_id)
    reason, text = _check(action, reason, text)
    escalates = action == Action.ESCALATE
    change: dict[str, Any] = {"state": Case.State.FINAL, "final_at": Now(), "lease_until": None}
    if escalates:
        change = {"state": Case.State.OPEN, "reviewer": None, "lease_until": None}
    with transaction.atomic():
        if Case.objects.held_by(actor).filter(pk=case_id, fence=fence).update(**change):
            case = _load(case_id)
            said = {"action": action, "reason": reason, "text": text}
            decision = Decision.objects.create(case=case, reviewer=actor, fence=fence, round=case.round, **said)
            case_decided.send(sender=Case, case=case, decision=decision)
            named = {"policy_version": str(case.policy_version_id), "reason": audit.digest(reason) if reason else ""}
            note(case, _KIND_OF[Action(action)], actor, words=reason, payload=named)
            return decision
    raise _conflict(actor, case_id)


def _check(action: str, reason: str, text: str) -> tuple[str, str]:
    """Reason and text as they will be kept. Raises BadInputError."""
    reason = reason.strip()
    if action not in Action.values:
        raise BadInputError(f"A case can be decided by {', '.join(Action.values)}, not by {action[:40]!r}.")
    if action in (Action.REJECT, Action.ESCALATE) and not reason:
        raise BadInputError("Write the reason. The person who waits for the answer deserves to know why.")
    if len(reason) > MAX_REASON_CHARACTERS:
        raise BadInputError(f"A reason has at most {MAX_REASON_CHARACTERS:,} characters.")
    if action != Action.EDIT:
        return reason, ""
    if not text.strip():
        raise BadInputError("Write the text that goes out instead.")
    if len(text) > MAX_TEXT_CHARACTERS:
        raise BadInputError(f"A text has at most {MAX_TEXT_CHARACTERS:,} characters.")
    return reason, text.replace("\r\n", "\n")


def _require_reviewer(actor: User, case_id: UUID) -> None:
    """A case that one may not judge looks like none; that somebody tried is recorded. Raises NotFoundError."""
    case = Case(pk=case_id)
    if not can(actor, CAPABILITY):
        try:
            require(actor, CAPABILITY, case)
        except NotAllowedError as error:
            raise NotFoundError from error
    if Case.objects.visible_to(actor).filter(pk=case_id).exists():
        return
    with transaction.atomic():
        audit.record(actor=actor, action=CAPABILITY, obj=case, outcome="denied")
    raise NotFoundError


def _load(case_id: UUID) -> Case:
    return Case.objects.select_related("reviewer", "policy_version__policy").get(pk=case_id)


def note(case: Case, kind: Kind, actor: User | None, *, words: str = "", payload: dict[str, Any] | None = None) -> None:
    """Write the step down twice: where people see it, and where nobody can change it."""
    CaseEvent.objects.create(case=case, kind=kind, actor=actor, fence=case.fence, note=words)
    details = {"fence": case.fence, "revision": case.revision} | (payload or {})
    audit.record(actor=actor or audit.SYSTEM, action=f"case.{kind}", obj=case, payload=details)


def state_of(case: Case) -> dict[str, object]:
    """What a case is now, for somebody who had an older idea of it."""
    return {
        "id": str(case.pk),
        "state": case.state,
        "fence": case.fence,
        "reviewer": str(case.reviewer) if case.reviewer else None,
        "lease_until": case.lease_until.isoformat() if case.lease_until else None,
    }


def _conflict(actor: User, case_id: UUID) -> ConflictError:
    case = _load(case_id)
    return ConflictError(_why_not(actor, case), current=state_of(case))


def _why_not(actor: User, case: Case) -> str:
    if case.state == Case.State.FINAL:
        return f"{case.reviewer} decided this case in the meantime."
    if case.state == Case.State.SUPERSEDED:
        return "The answer changed, so this case has gone."
    if case.state == Case.State.OPEN:
        if case.decisions.filter(reviewer=actor, round=case.round).exists():
            return "You passed this case on, so somebody else decides it."
        if case.decisions.filter(reviewer=actor).exclude(action=Decision.Action.ESCALATE).exists():
            return "You decided this case the first time, so somebody else looks at the appeal."
        return "Your claim has ended. Claim the case again to decide it."
    if case.reviewer_id == actor.pk:
        return "Your claim ran out or was renewed elsewhere. Look at the case again before you decide."
    return f"{case.reviewer} is working on this case."
