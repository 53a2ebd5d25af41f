"""Sources and their kinds: making, changing, pausing, deleting and reviewing them."""

from __future__ import annotations

from typing import Any, cast
from uuid import UUID

from django.http import HttpRequest
from ninja import Router, Status

from accounts.callers import caller
from accounts.models import User
from accounts.rights import can
from app.web.paging import newest_first
from knowledge import queries, sources
from knowledge.connectors.registry import all_connectors
from knowledge.models import Source
from knowledge.schemas import KindOut, KindsOut, ReviewedIn, SourceChangesIn, SourceIn, SourceOut, SourcesOut
from knowledge.sources import Readers, SourceChanges

router = Router()


@router.get("/source-kinds", response=KindsOut, summary="What sources can be made of, and their settings")
def list_kinds(request: HttpRequest) -> dict[str, Any]:
    caller(request)
    kinds = [
        KindOut(
            kind=kind.kind,
            label=kind.label,
            summary=kind.summary,
            config=kind.settings_schema.model_json_schema(),
            credential_label=kind.credential_label,
        )
        for kind in all_connectors()
    ]
    return {"items": kinds, "next": None}


@router.get("/sources", response=SourcesOut, summary="Sources you keep or may read")
def list_sources(request: HttpRequest, limit: int = 50, cursor: str | None = None) -> dict[str, object]:
    user = caller(request)
    page = newest_first(queries.sources_of(user), by="created_at", limit=limit, cursor=cursor)
    return {"items": [_source(source, user) for source in page.items], "next": page.next}


@router.post("/sources", response={201: SourceOut}, summary="Make a source")
def make_source(request: HttpRequest, body: SourceIn) -> Status[SourceOut]:
    user = caller(request)
    wanted = body.dict(exclude={"groups", "kind", "name"})
    readers = Readers(groups=tuple(body.groups), everyone=not body.groups)
    source = sources.create_source(actor=user, name=body.name, kind=body.kind, readers=readers, **wanted)
    return Status(201, _source(source, user))


@router.get("/sources/{uuid:source_id}", response=SourceOut, summary="A source")
def show_source(request: HttpRequest, source_id: UUID) -> SourceOut:
    user = caller(request)
    return _source(queries.get_source(user, source_id), user)


@router.patch("/sources/{uuid:source_id}", response=SourceOut, summary="Change a source, or hand it over")
def change_source(request: HttpRequest, source_id: UUID, body: SourceChangesIn) -> SourceOut:
    """What is left out stays. A credential of "" clears the stored one; it is never told."""
    user = caller(request)
    source = queries.get_source_kept(user, source_id)
    owner = queries.get_keeper(body.owner) if body.owner else None
    changes = _changes(body)
    if changes:
        source = sources.change_source(actor=user, source=source, **changes)
    if owner is not None:
        source = sources.hand_over_source(actor=user, source=source, owner=owner)
    return _source(source, user)


@router.delete("/sources/{uuid:source_id}", response={204: None}, summary="Delete a source; it can be restored")
def delete_source(request: HttpRequest, source_id: UUID) -> Status[None]:
    user = caller(request)
    sources.delete_source(actor=user, source=queries.get_source_kept(user, source_id))
    return Status(204, None)


@router.post("/sources/{uuid:source_id}/restore", response=SourceOut, summary="Undo a deletion")
def restore_source(request: HttpRequest, source_id: UUID) -> SourceOut:
    user = caller(request)
    return _source(sources.restore_source(actor=user, source=queries.get_source_deleted(user, source_id)), user)


@router.post("/sources/{uuid:source_id}/pause", response=SourceOut, summary="Take nothing more in for now")
def pause_source(request: HttpRequest, source_id: UUID) -> SourceOut:
    user = caller(request)
    return _source(sources.pause_source(actor=user, source=queries.get_source_kept(user, source_id)), user)


@router.post("/sources/{uuid:source_id}/resume", response=SourceOut, summary="Go on after a pause")
def resume_source(request: HttpRequest, source_id: UUID) -> SourceOut:
    user = caller(request)
    return _source(sources.resume_source(actor=user, source=queries.get_source_kept(user, source_id)), user)


@router.post("/sources/{uuid:source_id}/reviewed", response=SourceOut, summary="Say that its content is right")
def mark_reviewed(request: HttpRequest, source_id: UUID, body: ReviewedIn) -> SourceOut:
    user = caller(request)
    source = queries.get_source_kept(user, source_id)
    return _source(sources.mark_reviewed(actor=user, source=source, next_review_by=body.next_review_by), user)


def _changes(body: SourceChangesIn) -> SourceChanges:
    changes = cast("SourceChanges", body.dict(exclude_unset=True, exclude={"owner", "groups"}))
    if body.groups is not None:
        changes["readers"] = Readers(groups=tuple(body.groups), everyone=not body.groups)
    return changes


def _source(source: Source, user: User) -> SourceOut:
    """A source as this person may know it: where it comes from is its keepers' affair."""
    keeps = can(user, "knowledge.edit_source", source)
    return SourceOut(
        id=source.pk,
        name=source.name,
        kind=source.kind,
        config=source.config if keeps else {},
        include=source.include if keeps else [],
        exclude=source.exclude if keeps else [],
        quality_lines=source.quality_lines if keeps else {},
        has_credential=source.has_credential if keeps else False,
        owner=str(source.owner),
        groups=[group.name for group in source.groups.all()],
        is_for_everyone=source.is_for_everyone,
        schedule=source.schedule,
        next_sync_at=source.next_sync_at if keeps else None,
        paused_at=source.paused_at,
        review_by=source.review_by,
        reviewed_at=source.reviewed_at,
        created_at=source.created_at,
    )
