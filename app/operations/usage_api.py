"""REST: what was used up, and limits to it."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any, Literal
from uuid import UUID

from django.conf import settings
from django.http import HttpRequest
from ninja import Field, Query, Router, Schema, Status

from accounts import rights
from accounts.callers import caller
from accounts.limits import limits, usage
from accounts.limits.limits import Terms
from accounts.limits.notices import Standing, standings_of, standings_of_limits
from accounts.models import Limit, User
from app.errors import NotFoundError
from app.operations.names import named, with_subject_named
from app.operations.spans import today

router = Router(tags=["Usage and limits"])

Subject = Literal["each", "person", "group", "key", "assistant", "all"]
Measure = Literal["questions", "tokens", "money"]
Period = Literal["minute", "hour", "day", "month"]


class SumsOut(Schema):
    answers: int
    tokens_in: int
    tokens_cached: int = Field(description="The part of tokens_in that servers still had.")
    tokens_out: int
    seconds: float = Field(description="On model servers.")
    cost: Decimal
    watt_hours: float = Field(description="An estimate.")


class LineOut(SumsOut):
    key: str | None = Field(description="The day, the id, or the model's name; null for what is nobody's.")
    name: str


class UsageOut(Schema):
    currency: str
    first: date
    last: date
    by: str
    total: SumsOut
    items: list[LineOut]
    next: None = None


class Asked(Schema):
    first: date | None = Field(None, alias="from", description="The first day (UTC); without it that of this month.")
    last: date | None = Field(None, alias="to", description="The last day; without it today.")
    by: Literal["day", "user", "group", "assistant", "model", "key"] = "day"


class OwnAsked(Asked):
    by: Literal["day", "assistant", "model", "key"] = "day"


class LimitIn(Schema):
    subject: Subject
    subject_id: UUID | None = Field(None, description="Of the person, group, key, program or assistant.")
    measure: Measure
    amount: Decimal
    period: Period
    warn_percent: int = 80


class LimitChange(Schema):
    amount: Decimal | None = None
    warn_percent: int | None = None


class LimitOut(Schema):
    id: UUID
    subject: str
    subject_id: UUID | None
    subject_name: str
    measure: str
    amount: Decimal
    period: str
    warn_percent: int
    used: Decimal = Field(description="In the period at hand; where each person has it, by whom used most.")
    reserved: Decimal = Field(description="Set aside for answers under way.")
    turns_at: datetime


class LimitsOut(Schema):
    items: list[LimitOut]
    next: None = None


@router.get("/usage", response=UsageOut)
def get_usage(request: HttpRequest, asked: Query[Asked]) -> dict[str, Any]:
    """What everybody used up. Administrators and auditors. Groups are summed by today's members."""
    rights.require(caller(request), "usage.read")
    return _usage(asked, None)


@router.get("/usage/mine", response=UsageOut)
def get_own_usage(request: HttpRequest, asked: Query[OwnAsked]) -> dict[str, Any]:
    """What you used up."""
    return _usage(asked, caller(request))


@router.get("/limits", response=LimitsOut)
def list_limits(request: HttpRequest) -> dict[str, Any]:
    """Every limit in force, with how full it is. Administrators and auditors."""
    rights.require(caller(request), "usage.read")
    found = Limit.objects.live().order_by("created_at", "pk")
    return {"items": [_limit(one) for one in standings_of_limits(list(found))]}


@router.get("/limits/mine", response=LimitsOut)
def list_own_limits(request: HttpRequest) -> dict[str, Any]:
    """The limits that apply to you, by the key you call with too."""
    return {"items": [_limit(one) for one in standings_of(caller(request))]}


@router.post("/limits", response={201: LimitOut})
def create_limit(request: HttpRequest, body: LimitIn) -> Any:
    """Set a limit. Administrators."""
    actor = caller(request)
    rights.require(actor, "accounts.administer")
    limit = limits.create_limit(actor=actor, terms=with_subject_named(Terms(**body.dict())))
    return Status(201, _one(limit))


@router.patch("/limits/{uuid:limit_id}", response=LimitOut)
def change_limit(request: HttpRequest, limit_id: UUID, body: LimitChange) -> dict[str, Any]:
    """Another amount, or another share of it at which to warn."""
    actor = caller(request)
    rights.require(actor, "accounts.administer")
    limit = _find(Limit.objects.live().filter(pk=limit_id).first())
    amount = limit.amount if body.amount is None else body.amount
    warn_percent = limit.warn_percent if body.warn_percent is None else body.warn_percent
    limits.change_limit(actor=actor, limit=limit, amount=amount, warn_percent=warn_percent)
    return _one(limit)


@router.delete("/limits/{uuid:limit_id}", response={204: None})
def remove_limit(request: HttpRequest, limit_id: UUID) -> Any:
    """It no longer holds."""
    actor = caller(request)
    rights.require(actor, "accounts.administer")
    limits.remove_limit(actor=actor, limit=_find(Limit.objects.live().filter(pk=limit_id).first()))
    return Status(204, None)


@router.post("/limits/{uuid:limit_id}/restore", response=LimitOut)
def restore_limit(request: HttpRequest, limit_id: UUID) -> dict[str, Any]:
    """Undo a removal."""
    actor = caller(request)
    rights.require(actor, "accounts.administer")
    limit = _find(Limit.objects.filter(pk=limit_id).first())
    limits.restore_limit(actor=actor, limit=limit)
    return _one(limit)


def _find(limit: Limit | None) -> Limit:
    if limit is None:
        raise NotFoundError
    return limit


def _usage(asked: Asked, user: User | None) -> dict[str, Any]:
    last = asked.last or today()
    first = asked.first or last.replace(day=1)
    lines = named(asked.by, usage.summed(asked.by, first, last, user=user))
    return {
        "currency": settings.CURRENCY,
        "first": first,
        "last": last,
        "by": asked.by,
        "total": _sums(usage.total(first, last, user=user)),
        "items": [
            {"key": None if line.key in (None, "") else str(line.key), "name": line.name, **_sums(line.sums)}
            for line in lines
        ],
    }


def _sums(sums: usage.Sums) -> dict[str, Any]:
    return {name: getattr(sums, name) for name in SumsOut.model_fields}


def _one(limit: Limit) -> dict[str, Any]:
    return _limit(standings_of_limits([limit])[0])


def _limit(standing: Standing) -> dict[str, Any]:
    told = {name: getattr(standing.limit, name) for name in LimitOut.model_fields if hasattr(standing.limit, name)}
    return told | {"used": standing.used, "reserved": standing.reserved, "turns_at": standing.turns_at}
