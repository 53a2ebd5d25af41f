"""Bringing documents in, and how far they are."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpRequest
from ninja import File, Router, Status
from ninja.files import UploadedFile

from accounts.callers import caller
from knowledge import queries
from knowledge.ingestion import upload_document
from knowledge.schemas import DocumentOut, TakenOut

router = Router()


@router.post("/sources/{uuid:source_id}/documents", response={202: TakenOut}, summary="Bring a file in")
def add_document(request: HttpRequest, source_id: UUID, file: File[UploadedFile]) -> Status[TakenOut]:
    source = queries.get_source_kept(caller(request), source_id)
    document = upload_document(actor=caller(request), source=source, file=file, name=file.name or "")
    return Status(202, TakenOut(id=document.pk, state=document.state))


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
