"""Knowledge for programs: the same verbs as the pages, as the caller."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpRequest
from ninja import File, Router, Status
from ninja.files import UploadedFile

from accounts.callers import caller
from accounts.models import User
from accounts.rights import can, require
from app.web.paging import newest_first
from knowledge import queries
from knowledge.found import Found
from knowledge.ingestion import Readers, create_source, start_sync, upload_document
from knowledge.models import Source, Sync
from knowledge.retrieval import search
from knowledge.schemas import (
    DocumentOut,
    PassageOut,
    SearchIn,
    SearchOut,
    SourceIn,
    SourceOut,
    SourcesOut,
    SyncOut,
    SyncStartedOut,
    TakenOut,
)

router = Router(tags=["knowledge"])


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


@router.post("/sources/{uuid:source_id}/documents", response={202: TakenOut}, summary="Bring a file in")
def add_document(request: HttpRequest, source_id: UUID, file: File[UploadedFile]) -> Status[TakenOut]:
    source = queries.get_source_kept(caller(request), source_id)
    document = upload_document(actor=caller(request), source=source, file=file, name=file.name or "")
    return Status(202, TakenOut(id=document.pk, state=document.state))


@router.post("/sources/{uuid:source_id}/sync", response={202: SyncStartedOut}, summary="Look through a folder again")
def sync_source(request: HttpRequest, source_id: UUID) -> Status[SyncStartedOut]:
    sync = start_sync(actor=caller(request), source=queries.get_source_kept(caller(request), source_id))
    return Status(202, SyncStartedOut(sync_id=sync.pk))


@router.get("/syncs/{uuid:sync_id}", response=SyncOut, summary="What a run over a source found")
def show_sync(request: HttpRequest, sync_id: UUID) -> Sync:
    return queries.get_sync(caller(request), sync_id)


@router.get("/documents/{uuid:document_id}", response=DocumentOut, summary="A document and how far it is")
def show_document(request: HttpRequest, document_id: UUID) -> DocumentOut:
    document = queries.get_document(caller(request), document_id)
    version = document.published_version()
    return DocumentOut(
        id=document.pk,
        source_id=document.source_id,
        state=document.state,
        reason=document.reason,
        title=document.title,
        version=version.number if version else None,
        passages=version.passages.count() if version else 0,
        quality=document.quality,
    )


@router.post("/search", response=SearchOut, summary="Find passages among those you may read")
def find(request: HttpRequest, body: SearchIn) -> SearchOut:
    user = caller(request)
    require(user, "knowledge.search")
    found = search(user=user, query=body.query, limit=body.limit, source_ids=body.source_ids)
    return SearchOut(passages=[_passage(one) for one in found])


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


def _passage(found: Found) -> PassageOut:
    return PassageOut(
        id=found.passage_id,
        document_id=found.document_id,
        document_title=found.document_title,
        source=found.source,
        heading_path=list(found.heading_path),
        text=found.text,
        page=found.page,
        start=found.start,
        end=found.end,
        score=found.score,
        quote=found.quote,
    )
