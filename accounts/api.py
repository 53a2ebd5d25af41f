"""REST: the groups one is in, and the audit log for those who audit."""

from __future__ import annotations

from django.http import HttpRequest
from ninja import Router

from accounts import rights
from accounts.callers import caller
from accounts.models import AuditEvent, Group
from accounts.queries import find_events
from accounts.schemas import EventsOut, GroupsOut
from app.web.paging import Page, newest_first

router = Router()


@router.get("/groups", response=GroupsOut, tags=["accounts"])
def list_groups(request: HttpRequest, limit: int = 50, cursor: str | None = None) -> Page[Group]:
    """The caller's groups; all of them for an administrator."""
    return newest_first(Group.objects.visible_to(caller(request)), by="created_at", limit=limit, cursor=cursor)


@router.get("/audit/events", response=EventsOut, tags=["audit"])
def list_events(
    request: HttpRequest,
    after: str | None = None,
    actor: str | None = None,
    action: str | None = None,
    limit: int = 50,
    cursor: str | None = None,
) -> Page[AuditEvent]:
    """The audit log, newest first. Auditors only.

    `after` is a time or the id of an event; `actor` a person's id or e-mail address, or `system`.
    """
    rights.require(caller(request), "audit.read")
    return newest_first(find_events(after=after, actor=actor, action=action), by="at", limit=limit, cursor=cursor)
