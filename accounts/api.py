"""REST: the audit log, for those who audit."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import HttpRequest
from ninja import Query, Router

from accounts import rights
from accounts.auditing.proving import prove_event
from accounts.auditing.reading import read_chosen, read_events
from accounts.auditing.standing import read_standing
from accounts.callers import caller
from accounts.models import AuditEvent
from accounts.schemas import EventsIn, EventsOut, StandingOut
from app.web.paging import Page

router = Router()


@router.get("/audit/events", response=EventsOut, tags=["audit"])
def list_events(
    request: HttpRequest,
    chosen: Query[EventsIn],
    after: str | None = None,
    limit: int = 50,
    cursor: str | None = None,
) -> Page[AuditEvent]:
    """The audit log, newest first. Auditors only; looking is recorded.

    `after` is a time or the id of an event; `actor` a person's id, e-mail address or name, or `system`; `action` and
    `object` that end in `.` and `:` stand for all that begin so; `since` and `until` are days, both included.
    """
    return read_events(
        actor=caller(request), chosen=read_chosen(chosen.dict()), after=after, limit=limit, cursor=cursor
    )


@router.get("/audit/events/{event_id}/proof", tags=["audit"])
def show_proof(request: HttpRequest, event_id: UUID) -> dict[str, Any]:
    """What proves to an outsider that this event is in the log. Auditors only; asking is recorded."""
    return prove_event(actor=caller(request), event_id=event_id)


@router.get("/audit/standing", response=StandingOut, tags=["audit"])
def show_standing(request: HttpRequest) -> StandingOut:
    """How the log's proof stands: the last checkpoint, what the last checks found, witnesses. Auditors only."""
    rights.require(caller(request), "audit.read")
    return StandingOut.of(read_standing())
