"""REST: sharing conversations, reading what is shared, and exporting, with the same verbs as the pages."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID

from django.conf import settings
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from ninja import Field, Router, Schema, Status

from accounts.callers import caller
from accounts.models import Group, User
from app.errors import BadInputError, NotFoundError
from chat.composing.withholding import Seen, as_seen_by
from chat.models import Conversation, Share
from chat.pages.exporting import as_download
from chat.verbs import sharing
from chat.verbs.exporting import export_conversation

router = Router(tags=["Chat"])
USUAL_DAYS = 7


class ShareIn(Schema):
    people: list[str] = Field(default_factory=list, description="E-mail addresses of people in your groups.")
    groups: list[str] = Field(default_factory=list, description="Names of groups that you are in.")
    expires_in_days: int | None = Field(None, ge=1, le=36500, description="7 without this and expires_at.")
    expires_at: datetime | None = None
    note: str = ""


class ShareOut(Schema):
    id: UUID
    conversation_id: UUID
    title: str
    url: str | None = Field(description="Its link; null when it was made with another secret key.")
    people: list[str]
    groups: list[str]
    note: str
    created_at: datetime
    expires_at: datetime
    revoked_at: datetime | None
    opened_count: int


class ShareList(Schema):
    items: list[ShareOut]
    next: str | None = None


class SharedCitation(Schema):
    number: int
    passage_id: UUID
    document_title: str
    version: int
    source: str
    heading_path: list[str]
    page: int | None
    start: int
    end: int
    quote: str


class SharedMessage(Schema):
    role: Literal["user", "assistant"]
    state: str
    text: str = Field(description="Words that rest on sources closed to you are left out, with words in their place.")
    at: datetime
    mode: str
    model: str
    citations: list[SharedCitation] = Field(description="Those whose source you may read.")
    withheld: list[int] = Field(description="The numbers of the others.")


class SharedOut(Schema):
    id: UUID
    title: str
    owner: str
    assistant: str
    note: str
    taken_at: datetime
    expires_at: datetime
    written_by_ai: Literal[True] = True
    messages: list[SharedMessage]


@router.post("/conversations/{uuid:conversation_id}/shares", response={201: ShareOut})
def share(request: HttpRequest, conversation_id: UUID, body: ShareIn) -> Any:
    """Let people and groups read the conversation as it is now."""
    user = caller(request)
    expires_at = body.expires_at or timezone.now() + timedelta(days=body.expires_in_days or _usual_days())
    if timezone.is_naive(expires_at):
        expires_at = timezone.make_aware(expires_at)
    made = sharing.share_conversation(
        user,
        conversation=_conversation(user, conversation_id),
        people=_people(user, body.people),
        groups=_groups(user, body.groups),
        expires_at=expires_at,
        note=body.note,
    )
    return Status(201, _data(request, made))


@router.get("/conversations/{uuid:conversation_id}/shares", response=ShareList)
def list_shares(request: HttpRequest, conversation_id: UUID) -> dict[str, Any]:
    """What you share of a conversation, ended shares too; the newest first."""
    user = caller(request)
    rows = Share.objects.owned_by(user).filter(conversation=_conversation(user, conversation_id))
    found = rows.prefetch_related("people", "groups").order_by("-created_at", "-pk")[:200]
    return {"items": [_data(request, one) for one in found], "next": None}


@router.delete("/conversations/{uuid:conversation_id}/shares", response={204: None})
def revoke_all(request: HttpRequest, conversation_id: UUID) -> Any:
    """Revoke everything that you share of a conversation."""
    user = caller(request)
    sharing.revoke_shares_of(user, conversation=_conversation(user, conversation_id))
    return Status(204, None)


@router.get("/shares/{uuid:share_id}", response=SharedOut)
def read_share(request: HttpRequest, share_id: UUID) -> dict[str, Any]:
    """A shared conversation as you may see it."""
    user = caller(request)
    found = Share.objects.visible_to(user).select_related("owner").filter(pk=share_id).first()
    if found is None:
        raise NotFoundError()
    seen = as_seen_by(user, found.snapshot, found.note)
    sharing.open_share(user, share=found)
    return _shared(found, seen)


@router.delete("/shares/{uuid:share_id}", response={204: None})
def revoke(request: HttpRequest, share_id: UUID) -> Any:
    """Revoke one of your shares."""
    user = caller(request)
    sharing.revoke_share(user, share=_own(user, share_id))
    return Status(204, None)


@router.post("/shares/{uuid:share_id}/restore", response={204: None})
def restore(request: HttpRequest, share_id: UUID) -> Any:
    """Undo that, as long as it has not expired."""
    user = caller(request)
    sharing.restore_share(user, share=_own(user, share_id))
    return Status(204, None)


@router.get("/conversations/{uuid:conversation_id}/export")
def export(request: HttpRequest, conversation_id: UUID, format: str = "json") -> HttpResponse:
    """The conversation as a file: ``md``, ``json`` or ``pdf``."""
    user = caller(request)
    return as_download(export_conversation(user, conversation=_conversation(user, conversation_id), kind=format))


def _usual_days() -> int:
    return min(USUAL_DAYS, int(settings.SHARE_MAX_DAYS))


def _conversation(user: User, conversation_id: UUID) -> Conversation:
    mine = Conversation.objects.visible_to(user).select_related("assistant__model")
    found = mine.filter(pk=conversation_id).first()
    if found is None:
        raise NotFoundError()
    return found


def _own(user: User, share_id: UUID) -> Share:
    found = Share.objects.owned_by(user).filter(pk=share_id).first()
    if found is None:
        raise NotFoundError()
    return found


def _people(user: User, addresses: list[str]) -> list[User]:
    """Raises BadInputError for one that is not within reach; whether there is such a person is not told."""
    named = Q(pk__in=[])
    for address in addresses:
        named |= Q(email__iexact=address)
    found = {one.email.casefold(): one for one in sharing.people_within_reach(user).filter(named)}
    for address in addresses:
        if address.casefold() not in found:
            raise BadInputError(f"people: nobody in your groups has the address {address}.")
    return list(found.values())


def _groups(user: User, names: list[str]) -> list[Group]:
    found = {one.name: one for one in Group.objects.visible_to(user).filter(name__in=names)}
    for name in names:
        if name not in found:
            raise BadInputError(f"groups: you are in no group called {name}.")
    return list(found.values())


def _data(request: HttpRequest, one: Share) -> dict[str, Any]:
    token = sharing.find_token(one)
    named = ("id", "conversation_id", "title", "note", "created_at", "expires_at", "revoked_at", "opened_count")
    return {name: getattr(one, name) for name in named} | {
        "url": request.build_absolute_uri(reverse("chat:shared", args=[token])) if token else None,
        "people": [person.email for person in one.people.all()],
        "groups": [group.name for group in one.groups.all()],
    }


def _shared(one: Share, seen: Seen) -> dict[str, Any]:
    messages = [
        {name: getattr(turn, name) for name in ("role", "state", "text", "at", "mode", "model")}
        | {"citations": turn.cited, "withheld": turn.closed}
        for turn in seen.turns
    ]
    facts = {"id": one.id, "owner": str(one.owner), "note": seen.note, "expires_at": one.expires_at}
    return facts | {"title": seen.title, "assistant": seen.assistant, "taken_at": seen.taken_at, "messages": messages}
