"""The runs over a source: starting one, how far it is, what it found, and a word on what it took out."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpRequest
from ninja import Router, Status

from accounts.callers import caller
from app.web.paging import newest_first
from knowledge import queries
from knowledge.models import Sync
from knowledge.schemas import RemovedOut, SyncOut, SyncsOut, SyncStartedOut
from knowledge.sources import start_sync
from knowledge.syncs.removals import confirm_removals, undo_removals

router = Router()


@router.post("/sources/{uuid:source_id}/sync", response={202: SyncStartedOut}, summary="Look through a source again")
def sync_source(request: HttpRequest, source_id: UUID) -> Status[SyncStartedOut]:
    """Starts a sync, or answers with the one that runs already."""
    sync = start_sync(actor=caller(request), source=queries.get_source_kept(caller(request), source_id))
    return Status(202, SyncStartedOut(sync_id=sync.pk))


@router.get("/sources/{uuid:source_id}/syncs", response=SyncsOut, summary="The runs over a source, latest first")
def list_syncs(request: HttpRequest, source_id: UUID, limit: int = 50, cursor: str | None = None) -> dict[str, object]:
    source = queries.get_source_kept(caller(request), source_id)
    page = newest_first(Sync.objects.filter(source=source), by="started_at", limit=limit, cursor=cursor)
    return {"items": page.items, "next": page.next}


@router.get("/syncs/{uuid:sync_id}", response=SyncOut, summary="What a run over a source found")
def show_sync(request: HttpRequest, sync_id: UUID) -> Sync:
    return queries.get_sync(caller(request), sync_id)


@router.post("/syncs/{uuid:sync_id}/undo", response=RemovedOut, summary="Bring back what a run took out")
def undo_sync(request: HttpRequest, sync_id: UUID) -> RemovedOut:
    user = caller(request)
    return RemovedOut(documents=undo_removals(actor=user, sync=queries.get_sync(user, sync_id)))


@router.post("/syncs/{uuid:sync_id}/confirm", response=RemovedOut, summary="Take out what waits for a word")
def confirm_sync(request: HttpRequest, sync_id: UUID) -> RemovedOut:
    user = caller(request)
    return RemovedOut(documents=confirm_removals(actor=user, sync=queries.get_sync(user, sync_id)))
