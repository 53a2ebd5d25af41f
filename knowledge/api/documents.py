"""Bringing documents in, how far they are, and what their keepers decide about them."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import HttpRequest
from ninja import File, Router, Status
from ninja.files import UploadedFile

from accounts.callers import caller
from accounts.models import User
from accounts.rights import can
from app.errors import BadInputError, NotFoundError
from knowledge import ingestion, queries, versions
from knowledge.models import Document, Source, Version
from knowledge.quality.findings import level
from knowledge.schemas import (
    DocumentOut,
    FindingOut,
    RefuseIn,
    ReportOut,
    RollBackIn,
    TakenOut,
    VersionOut,
    VersionsOut,
)
from knowledge.viewing import histories

router = Router()


@router.post("/sources/{uuid:source_id}/documents", response={202: TakenOut}, summary="Bring a file in")
def add_document(request: HttpRequest, source_id: UUID, file: File[UploadedFile]) -> Status[TakenOut]:
    source = queries.get_source_kept(caller(request), source_id)
    document = ingestion.upload_document(actor=caller(request), source=source, file=file, name=file.name or "")
    return Status(202, TakenOut(id=document.pk, state=document.state))


@router.get("/documents/{uuid:document_id}", response=DocumentOut, summary="A document and how far it is")
def show_document(request: HttpRequest, document_id: UUID) -> DocumentOut:
    user = caller(request)
    return _document(queries.get_document(user, document_id), user)


@router.get("/documents/{uuid:document_id}/versions", response=VersionsOut, summary="Its versions, newest first")
def list_versions(request: HttpRequest, document_id: UUID, limit: int = 50, cursor: str | None = None) -> VersionsOut:
    document = queries.get_document_kept(caller(request), document_id)
    if cursor is not None and not (cursor.isascii() and cursor.isdigit() and len(cursor) < 10):
        raise BadInputError("This cursor is not one of ours.")
    rows, below = histories.versions_of(document, before=int(cursor) if cursor else None, limit=min(max(limit, 1), 200))
    return VersionsOut(items=[_version(row) for row in rows], next=str(below) if below else None)


@router.get("/documents/{uuid:document_id}/report", response=ReportOut, summary="What the quality checks found")
def show_report(request: HttpRequest, document_id: UUID) -> ReportOut:
    user = caller(request)
    document = queries.get_document_kept(user, document_id)
    version = histories.find_judged_version(document)
    if version is None:
        raise NotFoundError("No version of this document has been checked yet.")
    reads = Source.objects.visible_to(user).filter(pk=document.source_id).exists()
    return ReportOut(
        document_id=document.pk,
        version=version.number,
        state=document.state,
        reason=document.reason,
        characters=version.report["characters"],
        notes=version.report["notes"],
        findings=[_finding(one, version.report["holds"], reads=reads) for one in version.report["findings"]],
    )


@router.post("/documents/{uuid:document_id}/release", response=DocumentOut, summary="Publish what was held")
def release(request: HttpRequest, document_id: UUID) -> DocumentOut:
    user, document = _kept(request, document_id)
    return _document(versions.release_document(actor=user, document=document), user)


@router.post("/documents/{uuid:document_id}/refuse", response=DocumentOut, summary="Refuse what was held")
def refuse(request: HttpRequest, document_id: UUID, body: RefuseIn) -> DocumentOut:
    user, document = _kept(request, document_id)
    return _document(versions.refuse_document(actor=user, document=document, reason=body.reason), user)


@router.post("/documents/{uuid:document_id}/retry", response=DocumentOut, summary="Read what was refused once more")
def retry(request: HttpRequest, document_id: UUID) -> DocumentOut:
    user, document = _kept(request, document_id)
    return _document(ingestion.retry_document(actor=user, document=document), user)


@router.post("/documents/{uuid:document_id}/withdraw", response=DocumentOut, summary="Take it out of every search")
def withdraw(request: HttpRequest, document_id: UUID) -> DocumentOut:
    user, document = _kept(request, document_id)
    return _document(ingestion.withdraw_document(actor=user, document=document), user)


@router.post("/documents/{uuid:document_id}/restore", response=DocumentOut, summary="Bring a withdrawn one back")
def restore(request: HttpRequest, document_id: UUID) -> DocumentOut:
    user, document = _kept(request, document_id)
    return _document(ingestion.restore_document(actor=user, document=document), user)


@router.post("/documents/{uuid:document_id}/rollback", response=DocumentOut, summary="Put another version in force")
def roll_back(request: HttpRequest, document_id: UUID, body: RollBackIn) -> DocumentOut:
    user, document = _kept(request, document_id)
    return _document(versions.roll_back(actor=user, document=document, number=body.version), user)


def _kept(request: HttpRequest, document_id: UUID) -> tuple[User, Document]:
    user = caller(request)
    return user, queries.get_document_kept(user, document_id)


def _document(document: Document, user: User) -> DocumentOut:
    """Readers are told of what is in force alone: why a newer version is held is its keeper's business."""
    keeps = can(user, "knowledge.edit_source", document.source)
    version = document.versions.in_force().defer("text", "pages", "signature").first()
    return DocumentOut(
        id=document.pk,
        source_id=document.source_id,
        state=document.state if keeps or version is None else Document.State.PUBLISHED,
        reason=document.reason if keeps else "",
        title=document.title,
        version=version.number if version else None,
        passages=version.passage_count if version else 0,
        quality=document.quality if keeps else {},
    )


def _version(version: Version) -> VersionOut:
    if version.published_at:
        state = "earlier" if version.withdrawn_at else "in_force"
    else:
        state = "not_published" if version.withdrawn_at else "waiting"
    return VersionOut(
        id=version.pk,
        number=version.number,
        state=state,
        title=version.title,
        sha256=version.sha256,
        media_type=version.media_type,
        size_bytes=version.size_bytes,
        passages=version.passage_count,
        created_at=version.created_at,
        published_at=version.published_at,
        withdrawn_at=version.withdrawn_at,
        accepted_at=version.accepted_at,
    )


def _finding(finding: dict[str, Any], holds: list[str], *, reads: bool) -> FindingOut:
    detail = {name: value for name, value in finding["detail"].items() if reads or name != "hidden"}
    return FindingOut(
        check=finding["check"],
        severity=finding["severity"],
        level=level(finding["severity"]),
        message=finding["message"],
        holds=finding["check"] in holds,
        places=finding["places"],
        detail=detail,
    )
