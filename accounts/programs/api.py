"""REST: registered programs and what they may do, and permissions to read somebody's conversations.

Programs are closed to limited keys and tokens, as keys are: registering one is a way to more access.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from django.db.models import Q
from django.http import HttpRequest
from ninja import Field, Router, Schema, Status

from accounts import rights
from accounts.callers import caller
from accounts.models import Group, Insight, Program, User
from accounts.people import insights
from accounts.people.queries import find_by_address, get_person
from accounts.programs.oauth import programs
from accounts.programs.oauth.programs import Registration
from app.errors import BadInputError, NotFoundError
from app.web.paging import Page, newest_first

router = Router()
PROGRAMS, INSIGHTS = ["Programs"], ["Insights"]
Grant = Literal["authorization_code", "client_credentials"]


class ProgramIn(Schema):
    """`capabilities` are the most it may be given. `groups` are those of its own account, where it acts for itself."""

    name: str = Field(max_length=120)
    owner: str = Field("", max_length=254, description="Who answers for it: an e-mail address. Left out: you.")
    grants: list[Grant] = Field(max_length=2)
    capabilities: list[str] = Field(max_length=50)
    assistants: list[UUID] | None = Field(None, max_length=200, description="Left out: all that its person may use.")
    redirect_uris: list[str] = Field([], max_length=20)
    groups: list[UUID] = Field([], max_length=500)
    expires_in_days: int | None = Field(None, ge=1, le=36_500)
    keeps_a_secret: bool = True


class ProgramChangeIn(Schema):
    """What is left out stays."""

    name: str | None = Field(None, max_length=120)
    owner: str | None = Field(None, max_length=254)
    grants: list[Grant] | None = Field(None, max_length=2)
    capabilities: list[str] | None = Field(None, max_length=50)
    assistants: list[UUID] | None = Field(None, max_length=200, description="`null`: all.")
    redirect_uris: list[str] | None = Field(None, max_length=20)
    groups: list[UUID] | None = Field(None, max_length=500)
    expires_in_days: int | None = Field(None, ge=1, le=36_500)


class ProgramOut(Schema):
    """`id` is its `client_id`."""

    id: UUID
    name: str
    owner_id: UUID
    grants: list[str]
    capabilities: list[str]
    assistants: list[UUID] | None
    redirect_uris: list[str]
    groups: list[UUID]
    keeps_a_secret: bool = Field(alias="is_confidential")
    hint: str
    created_at: datetime
    expires_at: datetime
    last_used_at: datetime | None

    @staticmethod
    def resolve_groups(program: Program | dict[str, Any]) -> list[UUID]:
        """Of a program, or of what was told of one already."""
        return program["groups"] if isinstance(program, dict) else [group.pk for group in _groups_of(program)]


class NewProgramOut(ProgramOut):
    secret: str | None = Field(description="Told this once; null for a program that cannot keep one.")


class ProgramsOut(Schema):
    items: list[ProgramOut]
    next: str | None


class InsightIn(Schema):
    reason: str = Field(min_length=10, max_length=500, description="The person concerned will read it.")
    hours: int = Field(4, ge=1, le=24)


class InsightOut(Schema):
    id: UUID
    reader_id: UUID
    person_id: UUID
    reason: str
    hours: int
    state: Literal["waiting", "live", "expired", "refused", "ended"]
    asked_at: datetime
    approved_by_id: UUID | None
    approved_at: datetime | None
    expires_at: datetime | None
    ended_by_id: UUID | None
    ended_at: datetime | None
    views: int


class InsightsOut(Schema):
    items: list[InsightOut]
    next: str | None


@router.get("/programs", response=ProgramsOut, tags=PROGRAMS)
def list_programs(request: HttpRequest, limit: int = 50, cursor: str | None = None) -> Page[Program]:
    """All that have not ended, newest first. For administrators."""
    rights.require(caller(request), "accounts.administer")
    rows = Program.objects.filter(revoked_at=None).select_related("account").prefetch_related("account__groups_joined")
    return newest_first(rows, by="created_at", limit=limit, cursor=cursor)


@router.post("/programs", response={201: NewProgramOut}, tags=PROGRAMS)
def register(request: HttpRequest, body: ProgramIn) -> Any:
    """Register one. Its secret is told this once."""
    actor = caller(request)
    rights.require(actor, "accounts.administer")
    registration = Registration(
        name=body.name,
        owner=find_by_address(body.owner) if body.owner else actor,
        grants=body.grants,
        capabilities=body.capabilities,
        days=body.expires_in_days,
        redirect_uris=body.redirect_uris,
        assistants=body.assistants,
        groups=_groups(body.groups),
    )
    program, secret = programs.register_program(
        actor=actor, registration=registration, is_confidential=body.keeps_a_secret
    )
    return Status(201, _told(program, secret))


@router.get("/programs/{uuid:program_id}", response=ProgramOut, tags=PROGRAMS)
def show_program(request: HttpRequest, program_id: UUID) -> Program:
    """One program."""
    return _program(caller(request), program_id)


@router.patch("/programs/{uuid:program_id}", response=ProgramOut, tags=PROGRAMS)
def change_program(request: HttpRequest, program_id: UUID, body: ProgramChangeIn) -> Program:
    """Other terms, from now on: what it was given holds only as far as they do, and its sockets are closed."""
    actor = caller(request)
    program = _program(actor, program_id)
    said = body.dict(exclude_unset=True)
    registration = Registration(
        name=said.get("name") or program.name,
        owner=find_by_address(said["owner"]) if said.get("owner") else program.owner,
        grants=_given(said, "grants", program.grants),
        capabilities=_given(said, "capabilities", program.capabilities),
        days=said.get("expires_in_days"),
        redirect_uris=_given(said, "redirect_uris", program.redirect_uris),
        assistants=said.get("assistants", program.assistants),
        groups=_groups(said["groups"]) if said.get("groups") is not None else _groups_of(program),
    )
    programs.change_program(actor=actor, program=program, registration=registration)
    return _program(actor, program_id)


@router.post("/programs/{uuid:program_id}/renew-secret", response=NewProgramOut, tags=PROGRAMS)
def renew_secret(request: HttpRequest, program_id: UUID) -> dict[str, Any]:
    """Another secret, told this once; the one before works no longer, what it was given does."""
    actor = caller(request)
    program = _program(actor, program_id)
    return _told(program, programs.renew_secret(actor=actor, program=program))


@router.delete("/programs/{uuid:program_id}", response={204: None}, tags=PROGRAMS)
def end_program(request: HttpRequest, program_id: UUID) -> Any:
    """It comes in no more, nor does anything it was given."""
    actor = caller(request)
    programs.end_program(actor=actor, program=_program(actor, program_id))
    return Status(204, None)


@router.get("/insights", response=InsightsOut, tags=INSIGHTS)
def list_insights(request: HttpRequest, limit: int = 50, cursor: str | None = None) -> Page[Insight]:
    """All, for who may allow them; those one asked for, for who may only ask."""
    actor = caller(request)
    decides = rights.can(actor, "insight.approve")
    if not decides:
        rights.require(actor, "insight.ask")
    rows = Insight.objects.all() if decides else Insight.objects.filter(reader=actor)
    return newest_first(rows, by="asked_at", limit=limit, cursor=cursor)


@router.get("/insights/mine", response=InsightsOut, tags=INSIGHTS)
def list_own_insights(request: HttpRequest, limit: int = 50, cursor: str | None = None) -> Page[Insight]:
    """Who was ever allowed to read your conversations, and why."""
    return newest_first(Insight.objects.about(caller(request)), by="asked_at", limit=limit, cursor=cursor)


@router.post("/people/{uuid:person_id}/insights", response={201: InsightOut}, tags=INSIGHTS)
def ask_insight(request: HttpRequest, person_id: UUID, body: InsightIn) -> Any:
    """Ask to read somebody's conversations. Somebody else has to allow it, unless the house lets one do so alone."""
    actor = caller(request)
    rights.require(actor, "insight.ask")
    found = insights.ask_insight(actor=actor, person=get_person(person_id), reason=body.reason, hours=body.hours)
    return Status(201, found)


@router.post("/insights/{uuid:insight_id}/approve", response=InsightOut, tags=INSIGHTS)
def approve_insight(request: HttpRequest, insight_id: UUID) -> Insight:
    """Allow it, from now on. Not one's own, and not about oneself."""
    actor = caller(request)
    return insights.approve_insight(actor=actor, insight=_insight(actor, insight_id))


@router.post("/insights/{uuid:insight_id}/refuse", response=InsightOut, tags=INSIGHTS)
def refuse_insight(request: HttpRequest, insight_id: UUID) -> Insight:
    """Say no."""
    actor = caller(request)
    insights.refuse_insight(actor=actor, insight=_insight(actor, insight_id))
    return _insight(actor, insight_id)


@router.post("/insights/{uuid:insight_id}/end", response=InsightOut, tags=INSIGHTS)
def end_insight(request: HttpRequest, insight_id: UUID) -> Insight:
    """End it at once, or take the request back."""
    actor = caller(request)
    insights.end_insight(actor=actor, insight=_insight(actor, insight_id))
    return _insight(actor, insight_id)


def _program(actor: User, program_id: UUID) -> Program:
    """To others there is nothing here."""
    if not rights.can(actor, "accounts.administer"):
        raise NotFoundError
    rows = Program.objects.filter(revoked_at=None).select_related("account", "owner")
    program = rows.filter(pk=program_id).first()
    if program is None:
        raise NotFoundError
    return program


def _insight(actor: User, insight_id: UUID) -> Insight:
    if not rights.can(actor, "insight.ask"):
        rights.require(actor, "insight.approve")
    seen = Q() if rights.can(actor, "insight.approve") else Q(reader=actor)
    insight = Insight.objects.filter(seen, pk=insight_id).select_related("person").first()
    if insight is None:
        raise NotFoundError
    return insight


def _given(said: dict[str, Any], name: str, before: list[str]) -> list[str]:
    value = said.get(name)
    return before if value is None else list(value)


def _groups_of(program: Program) -> list[Group]:
    return list(program.account.groups_joined.all()) if program.account else []


def _groups(wanted: list[UUID]) -> list[Group]:
    found = list(Group.objects.filter(pk__in=wanted))
    if len(found) < len(set(wanted)):
        raise BadInputError("groups: one of these ids is no group's.")
    return found


def _told(program: Program, secret: str | None) -> dict[str, Any]:
    told = ProgramOut.from_orm(program).dict()
    return told | {"is_confidential": program.is_confidential, "secret": secret}
