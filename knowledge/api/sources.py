"""Sources and the runs over them."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpRequest
from ninja import Router, Status

from accounts.callers import caller
from accounts.models import User
from accounts.rights import can
from app.web.paging import newest_first
from knowledge import queries
from knowledge.ingestion import Readers, create_source, start_sync
from knowledge.models import Source, Sync
from knowledge.schemas import SourceIn, SourceOut, SourcesOut, SyncOut, SyncStartedOut

router = Router()


@router.get("/sources", response=SourcesOut, summary="Sources you keep or may read")
def list_sources(request: HttpRequest, limit: int = 50, cursor: str | None = None) -> dict[str, object]:
    user = caller(request)
    page = newest_first(queries.sources_of(user), by="created_at", limit=limit, cursor=cursor)
    return {"items": [_source(source, user) for source in page.items], "next": page.next}


@router.post("/sources", response={201: SourceOut}, summary="Make a source")
def make_source(request: HttpRequest, body: SourceIn) -> Status[SourceOut]:
    user = caller(request)
    source = create_source(
        actor=user,
        name=body.name,
        kind=body.kind,
        config=body.config,
        readers=Readers(groups=tuple(body.groups), everyone=not body.groups),
        schedule=body.schedule,
        review_by=body.review_by,
    )
    return Status(201, _source(source, user))


@router.post("/sources/{uuid:source_id}/sync", response={202: SyncStartedOut}, summary="Look through a folder again")
def sync_source(request: HttpRequest, source_id: UUID) -> Status[SyncStartedOut]:
    sync = start_sync(actor=caller(request), source=queries.get_source_kept(caller(request), source_id))
    return Status(202, SyncStartedOut(sync_id=sync.pk))


@router.get("/syncs/{uuid:sync_id}", response=SyncOut, summary="What a run over a source found")
def show_sync(request: HttpRequest, sync_id: UUID) -> Sync:
    return queries.get_sync(caller(request), sync_id)


def _source(source: Source, user: User) -> SourceOut:
    """A source as this person may know it: where it comes from is its keepers' affair."""
    return SourceOut(
        id=source.pk,
        name=source.name,
        kind=source.kind,
        config=source.config if can(user, "knowledge.edit_source", source) else {},
        groups=[group.name for group in source.groups.all()],
        is_for_everyone=source.is_for_everyone,
        schedule=source.schedule,
        review_by=source.review_by,
        created_at=source.created_at,
    )
