"""What the review pages and lists show, read in a constant number of statements."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.db.models import Count, Q
from django.db.models.functions import Now
from django.utils.translation import gettext_noop as _

from accounts.models import User
from app.web import markdown
from app.web.paging import Page, earliest_first, newest_first
from moderation.models import Case, CaseEvent, CaseQuerySet

ROWS = 50
FILTERS = {"open": _("Waiting"), "mine": _("Mine"), "overdue": _("Overdue"), "final": _("Decided")}


@dataclass(frozen=True)
class CasePane:
    """One case with all that is needed to judge it. Who asked is left out: the words are judged, not the person."""

    case: Case
    passages: list[dict[str, Any]]
    html_shown: str
    html_waiting: str
    history: list[CaseEvent]
    is_mine: bool
    may_claim: bool
    next_id: UUID | None

    @property
    def mark(self) -> str:
        """Changes whenever the case takes a step."""
        return f"{self.case.state}-{self.case.fence}-{int(self.may_claim)}"


def chosen(user: User, name: str) -> CaseQuerySet:
    """The cases that a filter chip of the queue names."""
    cases = Case.objects.visible_to(user)
    if name == "mine":
        return cases.filter(pk__in=Case.objects.held_by(user).values("pk"))
    if name == "overdue":
        return cases.overdue()
    return cases.ended() if name == "final" else cases.waiting()


def queue_of(user: User, name: str, cursor: str | None = None) -> Page[Case]:
    """A page of the queue: what waits by due time, what is decided the latest first."""
    rows = chosen(user, name).select_related("reviewer").defer("answer", "context")
    if name == "final":
        return newest_first(rows, by="final_at", limit=ROWS, cursor=cursor)
    return earliest_first(rows, by="due_at", limit=ROWS, cursor=cursor)


def counts_of(user: User) -> dict[str, int]:
    """How many cases wait, are mine, and are overdue."""
    mine = Q(state=Case.State.CLAIMED, reviewer=user, lease_until__gt=Now())
    waiting = Case.objects.visible_to(user).waiting()
    return waiting.aggregate(
        open=Count("pk"), mine=Count("pk", filter=mine), overdue=Count("pk", filter=Q(due_at__lt=Now()))
    )


def waiting_count(user: User) -> int:
    """How many cases this person could look at."""
    return Case.objects.visible_to(user).waiting().count()


def listed(user: User, *, state: str | None, limit: int, cursor: str | None) -> Page[Case]:
    """Cases in ``state`` for programs; without one, what waits. Ended ones come latest first, others by due time."""
    rows = Case.objects.visible_to(user)
    rows = rows.filter(state=state) if state else rows.waiting()
    rows = rows.select_related("reviewer", "policy_version__policy").prefetch_related("decisions__reviewer")
    if state in (Case.State.FINAL, Case.State.SUPERSEDED):
        return newest_first(rows, by="final_at", limit=limit, cursor=cursor)
    return earliest_first(rows, by="due_at", limit=limit, cursor=cursor)


def find_case(user: User, case_id: UUID) -> Case | None:
    """A case this person may see, with its decisions."""
    cases = Case.objects.visible_to(user).select_related("reviewer", "policy_version__policy")
    return cases.prefetch_related("decisions__reviewer").filter(pk=case_id).first()


def pane_of(user: User, case: Case) -> CasePane:
    """The case as the review page shows it."""
    passages = [passage | {"url": _passage_url(passage)} for passage in case.context]
    links = {passage["number"]: passage["url"] for passage in passages if "number" in passage and passage["url"]}
    following = Case.objects.free_for(user).exclude(pk=case.pk).order_by("due_at", "pk")
    return CasePane(
        case=case,
        passages=passages,
        html_shown=markdown.render(case.answer_shown, links),
        html_waiting=markdown.render(case.answer_waiting, links),
        history=list(case.events.select_related("actor")),
        is_mine=case.is_claimed and case.reviewer_id == user.pk,
        may_claim=Case.objects.free_for(user).filter(pk=case.pk).exists(),
        next_id=following.values_list("pk", flat=True).first(),
    )


def _passage_url(passage: Mapping[str, Any]) -> str:
    """Where the passage opens; "" when it is none that a moderator can open. Named by its address, because knowledge
    lies above this package.
    """
    if not passage.get("passage_id"):
        return ""
    span = {name: passage[name] for name in ("start", "end") if name in passage}
    return f"/knowledge/passages/{passage['passage_id']}/?{urlencode(span)}"
