"""Passages: one as its reader sees it, and taking one out of answers."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpRequest
from ninja import Router

from accounts.callers import caller
from knowledge import queries
from knowledge.models import Passage
from knowledge.passages import disable_passage, enable_passage
from knowledge.schemas import DisabledOut, DisableIn, OpenedPassageOut
from knowledge.viewing import inspecting

router = Router()


@router.get("/passages/{uuid:passage_id}", response=OpenedPassageOut, summary="A passage that you may read")
def show_passage(request: HttpRequest, passage_id: UUID) -> OpenedPassageOut:
    passage = queries.get_passage(caller(request), passage_id, with_text=False)
    version = passage.version
    document, newer = version.document, inspecting.find_newer(passage)
    return OpenedPassageOut(
        id=passage.pk,
        document_id=document.pk,
        document_title=document.title,
        source=document.source.name,
        version=version.number,
        heading_path=passage.heading_path,
        text=passage.text,
        page=passage.page,
        start=passage.start,
        end=passage.end,
        is_disabled=passage.disabled_at is not None,
        is_withdrawn=version.withdrawn_at is not None,
        is_overdue=document.source.is_overdue,
        replaced_by=newer.version.number if newer else None,
    )


@router.post("/passages/{uuid:passage_id}/disable", response=DisabledOut, summary="Take a passage out of answers")
def disable(request: HttpRequest, passage_id: UUID, body: DisableIn) -> DisabledOut:
    user = caller(request)
    found = queries.get_passage_kept(user, passage_id)
    return _told(disable_passage(actor=user, passage=found, reason=body.reason))


@router.post("/passages/{uuid:passage_id}/enable", response=DisabledOut, summary="Put a passage back")
def enable(request: HttpRequest, passage_id: UUID) -> DisabledOut:
    user = caller(request)
    return _told(enable_passage(actor=user, passage=queries.get_passage_kept(user, passage_id)))


def _told(passage: Passage) -> DisabledOut:
    is_disabled = passage.disabled_at is not None
    return DisabledOut(id=passage.pk, is_disabled=is_disabled, reason=passage.disabled_reason)
