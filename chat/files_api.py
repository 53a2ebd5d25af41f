"""REST: the files of one's conversations."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import HttpRequest
from ninja import File, Router, Status
from ninja.files import UploadedFile

from accounts.callers import caller
from app.errors import NotFoundError
from chat import schemas
from chat.models import Attachment, Conversation
from chat.verbs.attaching import attach_file, remove_file

router = Router(tags=["Chat"])


@router.post("/conversations/{uuid:conversation_id}/files", response={202: schemas.FileTaken})
def add_file(request: HttpRequest, conversation_id: UUID, file: File[UploadedFile]) -> Any:
    """Bring a file into a conversation. It is read in the background; name its id in ``files`` when you ask."""
    user = caller(request)
    conversation = Conversation.objects.visible_to(user).filter(pk=conversation_id).first()
    if conversation is None:
        raise NotFoundError()
    attached = attach_file(user, file=file, name=file.name or "", conversation=conversation)
    return Status(202, {"id": attached.pk, "state": attached.state})


@router.get("/files/{uuid:file_id}", response=schemas.FileOut)
def show_file(request: HttpRequest, file_id: UUID) -> dict[str, Any]:
    """A file as it is now."""
    file = _file(request, file_id)
    names = ("id", "conversation_id", "name", "media_type", "size_bytes", "state", "reason", "note", "asked_at")
    return {name: getattr(file, name) for name in names} | {"passages": file.passages.count()}


@router.delete("/files/{uuid:file_id}", response={204: None})
def delete_file(request: HttpRequest, file_id: UUID) -> Any:
    """Delete a file for good."""
    remove_file(caller(request), file=_file(request, file_id))
    return Status(204, None)


def _file(request: HttpRequest, file_id: UUID) -> Attachment:
    file = Attachment.objects.visible_to(caller(request)).without_text().filter(pk=file_id).first()
    if file is None:
        raise NotFoundError()
    return file
