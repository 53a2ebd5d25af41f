"""REST: the review queue for programs that act for a moderator, with the same verbs as the page."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import HttpRequest
from ninja import Router

from accounts.callers import caller
from accounts.models import User
from accounts.rights import require
from app.errors import NotFoundError
from moderation.models import Case
from moderation.review import cases, queries, schemas

router = Router(tags=["Review"])


@router.get("/cases", response=schemas.CaseList)
def list_cases(
    request: HttpRequest, state: schemas.State | None = None, limit: int = 50, cursor: str | None = None
) -> dict[str, Any]:
    """Cases you may decide, the earliest due first; without ``state`` those that wait."""
    user = caller(request)
    require(user, "moderation.review")
    page = queries.listed(user, state=state, limit=limit, cursor=cursor)
    return {"items": [case_data(case) for case in page.items], "next": page.next}


@router.get("/cases/{uuid:case_id}", response=schemas.CaseOut)
def get_case(request: HttpRequest, case_id: UUID) -> dict[str, Any]:
    """A case as it is now. Looking at one is recorded."""
    found = queries.find_case(caller(request), case_id)
    if found is None:
        raise NotFoundError()
    cases.note_case_read(caller(request), case=found)
    return case_data(found)


@router.post("/cases/{uuid:case_id}/claim", response=schemas.CaseOut)
def claim_case(request: HttpRequest, case_id: UUID) -> dict[str, Any]:
    """Take a case for ten minutes; claim it again to keep it longer. 409 when somebody else has it."""
    cases.claim_case(caller(request), case_id=case_id)
    return _case(request, case_id)


@router.post("/cases/{uuid:case_id}/release", response=schemas.CaseOut)
def release_case(request: HttpRequest, case_id: UUID, body: schemas.ReleaseIn | None = None) -> dict[str, Any]:
    """Give a case you claimed back to the queue. 409 when it is not yours (any more)."""
    cases.release_claim(caller(request), case_id=case_id, fence=body.fence if body else None)
    return _case(request, case_id)


@router.post("/cases/{uuid:case_id}/decide", response=schemas.CaseOut)
def decide_case(request: HttpRequest, case_id: UUID, body: schemas.DecisionIn) -> dict[str, Any]:
    """Decide a case you claimed. 409 with the newer state when ``fence`` or your claim is not current."""
    cases.decide_case(
        caller(request),
        case_id=case_id,
        action=body.action,
        reason=body.reason,
        fence=body.fence,
        text=body.text,
    )
    return _case(request, case_id)


def _case(request: HttpRequest, case_id: UUID) -> dict[str, Any]:
    found = queries.find_case(caller(request), case_id)
    if found is None:
        raise NotFoundError()
    return case_data(found)


def case_data(case: Case) -> dict[str, Any]:
    """A case as programs get it. Who asked is left out, as on the page."""
    fields = (
        "id state content_kind content_id revision rule reason question answer shown context lease_until fence "
        "opened_at due_at final_at round appeal"
    )
    decisions = sorted(case.decisions.all(), key=lambda decision: decision.fence)
    return {name: getattr(case, name) for name in fields.split()} | {
        "policy": case.policy_version.policy.slug,
        "policy_version": case.policy_version.number,
        "reviewer": _person(case.reviewer),
        "decisions": [
            {
                "action": decision.action,
                "reason": decision.reason,
                "text": decision.text,
                "reviewer": _person(decision.reviewer),
                "decided_at": decision.decided_at,
            }
            for decision in decisions
        ],
    }


def _person(user: User | None) -> dict[str, Any] | None:
    return {"id": user.pk, "name": str(user)} if user else None
