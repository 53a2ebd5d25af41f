"""REST: one's own keys, and everybody's for who administers accounts. Limited keys and tokens get none of it."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from django.conf import settings
from django.http import HttpRequest
from ninja import Field, Router, Schema, Status

from accounts import rights
from accounts.callers import caller
from accounts.models import ApiKey, User
from accounts.programs import keys
from app.errors import NotFoundError
from app.web.paging import Page, newest_first

router = Router(tags=["Keys"])


class KeyIn(Schema):
    name: str = Field(max_length=120)
    capabilities: list[str] | None = Field(
        None, max_length=50, description="Rights of yours. Left out: the usual ones."
    )
    everything: bool = Field(False, description="All that you may do, now and later, instead of `capabilities`.")
    assistants: list[UUID] | None = Field(None, max_length=200, description="Left out: all that you may use.")
    expires_in_days: int | None = Field(None, ge=1, le=36_500, description="Left out: 90, or the longest allowed.")


class RotateIn(Schema):
    overlap_hours: Literal[0, 1, 24, 72, 168] = Field(24, description="How long the secret before works on.")


class PreviousOut(Schema):
    """The secret before the present one, while it still works."""

    hint: str
    works_until: datetime
    last_used_at: datetime | None


class KeyOut(Schema):
    """`capabilities` and `assistants` are null where it may all that its person may."""

    id: UUID
    name: str
    hint: str
    person_id: UUID = Field(alias="user_id")
    capabilities: list[str] | None
    assistants: list[UUID] | None
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    last_used_from: str
    rotated_at: datetime | None
    previous: PreviousOut | None = None

    @staticmethod
    def resolve_previous(key: ApiKey) -> dict[str, Any] | None:
        if not key.has_previous:
            return None
        used = key.previous_used_at
        return {"hint": key.previous_hint, "works_until": key.previous_until, "last_used_at": used}


class NewKeyOut(KeyOut):
    secret: str = Field(description="Told this once.")


class KeysOut(Schema):
    items: list[KeyOut]
    next: str | None


class ScopeOut(Schema):
    """What the key or token of this very call may; null: all that its person may."""

    kind: Literal["key", "token", "session"]
    capabilities: list[str] | None
    assistants: list[UUID] | None
    ends_at: datetime | None


@router.get("/keys", response=KeysOut)
def list_keys(
    request: HttpRequest, everybodys: bool = False, limit: int = 50, cursor: str | None = None
) -> Page[ApiKey]:
    """Your live keys, newest first; with `everybodys` those of all people, for administrators."""
    user = caller(request)
    if everybodys:
        rights.require(user, "accounts.administer")
    rows = ApiKey.objects.administered_by(user) if everybodys else ApiKey.objects.visible_to(user)
    return newest_first(rows.live(), by="created_at", limit=limit, cursor=cursor)


@router.get("/keys/current", response=ScopeOut)
def get_current(request: HttpRequest) -> dict[str, Any]:
    """What you may with what you sent."""
    scope = caller(request).scope
    if scope is None:
        return {"kind": "session", "capabilities": None, "assistants": None, "ends_at": None}
    capabilities = None if scope.capabilities is None else sorted(scope.capabilities)
    assistants = None if scope.assistants is None else sorted(scope.assistants)
    return {"kind": scope.what, "capabilities": capabilities, "assistants": assistants, "ends_at": scope.until}


@router.post("/keys", response={201: NewKeyOut})
def create_key(request: HttpRequest, body: KeyIn) -> Any:
    """Make a key of your own. The secret is told this once."""
    user = caller(request)
    usual = [one for one in keys.USUAL if one in rights.granted_to(user)]
    terms = keys.Terms(
        capabilities=None if body.everything else usual if body.capabilities is None else body.capabilities,
        assistants=body.assistants,
        days=body.expires_in_days or min(keys.USUAL_DAYS, settings.KEY_MAX_DAYS),
    )
    key, secret = keys.create_key(actor=user, user=user, name=body.name, terms=terms)
    return Status(201, _told(key, secret))


@router.post("/keys/{uuid:key_id}/rotate", response=NewKeyOut)
def rotate_key(request: HttpRequest, key_id: UUID, body: RotateIn) -> dict[str, Any]:
    """Another secret for the same key. The one before works on for the chosen hours."""
    user = caller(request)
    key = _own(user, key_id)
    return _told(key, keys.rotate_key(actor=user, key=key, overlap_hours=body.overlap_hours))


@router.delete("/keys/{uuid:key_id}/previous", response={204: None})
def end_previous(request: HttpRequest, key_id: UUID) -> Any:
    """The secret before the present one works no longer."""
    user = caller(request)
    keys.end_previous_secret(actor=user, key=_own(user, key_id))
    return Status(204, None)


@router.delete("/keys/{uuid:key_id}", response={204: None})
def revoke_key(request: HttpRequest, key_id: UUID) -> Any:
    """End a key at once: your own, or anybody's as an administrator."""
    user = caller(request)
    rows = ApiKey.objects.visible_to(user) | ApiKey.objects.administered_by(user)
    key = rows.select_related("user").filter(pk=key_id).first()
    if key is None:
        raise NotFoundError
    keys.revoke_key(actor=user, key=key)
    return Status(204, None)


def _own(user: User, key_id: UUID) -> ApiKey:
    key = ApiKey.objects.visible_to(user).filter(pk=key_id).first()
    if key is None:
        raise NotFoundError
    return key


def _told(key: ApiKey, secret: str) -> dict[str, Any]:
    return KeyOut.from_orm(key).dict() | {"user_id": key.user_id, "secret": secret}
