"""Files in a conversation: bringing one in, asking with it, and taking it out; and what becomes of those nobody needs.

A file is its person's alone. Until a question goes out with it, it waits where one writes; from then on it belongs to
its conversation, is searched for every question there and for none elsewhere, and goes with it, when what was
deleted cannot be brought back any more.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import PurePath
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts import audit, rights
from accounts.models import User
from app.errors import BadInputError, NotFoundError
from chat.composing.gathering import cannot_see
from chat.models import Assistant, Attachment, Conversation, Message
from chat.tasks import read_soon
from chat.verbs.standing import Standing
from chat.writing import file_bytes
from chat.writing.forgetting_files import delete_file
from knowledge.errors import CannotReadError
from knowledge.extraction.formats import FORMATS, format_of
from knowledge.extraction.types import ExtractionError
from knowledge.files import Draft
from knowledge.ingestion import safe_name

GIF = ".gif"  # a picture that can be looked at, and no document


def attach_file(
    actor: User,
    *,
    file: UploadedFile[Any] | Iterable[bytes],
    name: str,
    conversation: Conversation | None = None,
) -> Attachment:
    """Bring a file into ``conversation``, or before one has begun, and have it read. ``name`` decides its kind.

    Raises CannotReadError for a kind that is not taken, TooLargeError past CHAT_FILE_MAX_BYTES, BadInputError for an
    empty file and for one too many.
    """
    rights.require(actor, "chat.ask")
    name = safe_name(name)
    media_type = _checked_kind(name)
    pieces = file.chunks() if isinstance(file, UploadedFile) else file
    with Draft(pieces, most_bytes=settings.CHAT_FILE_MAX_BYTES) as draft:
        if not draft.size_bytes:
            raise BadInputError(_("%(name)s is empty.") % {"name": name})
        with transaction.atomic():
            _check_count(actor, conversation)
            attached = Attachment(
                owner=actor,
                conversation=conversation,
                name=name,
                media_type=media_type,
                size_bytes=draft.size_bytes,
                sha256=draft.sha256,
            )
            attached.file = file_bytes.keep(draft, attached)
            attached.save(force_insert=True)
            payload = {"conversation": str(conversation.pk) if conversation else None, "bytes": draft.size_bytes}
            audit.record(actor=actor, action="file.attach", obj=attached, payload=payload)
            transaction.on_commit(partial(read_soon, attached.pk))
    return attached


def remove_file(actor: User, *, file: Attachment) -> None:
    """Take a file out for good: its bytes, its text, and what cards of answers quoted of it."""
    rights.require(actor, "chat.ask")
    with transaction.atomic():
        delete_file(actor, file)


def take_for_question(actor: User, standing: Standing, file_ids: Sequence[UUID]) -> list[Attachment]:
    """The files that a question is to go out with, locked until the transaction ends.

    Raises NotFoundError for one that is not the actor's or is another conversation's, BadInputError for one that was
    refused, CannotSeeError for a picture that nothing here could use.
    """
    here = Q(conversation=None) | Q(conversation=standing.conversation.pk)
    mine = Attachment.objects.filter(here, owner=actor, pk__in=file_ids).without_text().order_by("created_at", "pk")
    files = list(mine.select_for_update())
    if len(files) != len(set(file_ids)):
        raise NotFoundError(_("A file of this question is not here any more. Take it out, or bring it in again."))
    for file in files:
        if file.state == Attachment.State.REFUSED:
            words = {"name": file.name, "reason": file.reason}
            raise BadInputError(_("%(name)s cannot be used. %(reason)s Remove it first.") % words)
        if file.is_picture and file.state == Attachment.State.READY and not file.passages.exists():
            _check_seen(standing, file)
    return files


def bind(question: Message, files: Sequence[Attachment]) -> None:
    """Let a question that was just written go out with ``files``. In its transaction; the verb that asks records it."""
    ids = [file.pk for file in files]
    Attachment.objects.filter(pk__in=ids).update(conversation=question.conversation_id)
    Attachment.objects.filter(pk__in=ids, asked_at=None).update(asked_at=timezone.now())
    question.files.add(*files)


def accepted_kinds() -> list[str]:
    """The endings of the files that are taken."""
    readable = [*FORMATS, GIF]
    chosen = {f".{kind.lower().lstrip('.')}" for kind in settings.CHAT_FILE_KINDS}
    return [kind for kind in readable if kind in chosen] if chosen else readable


def _checked_kind(name: str) -> str:
    ending = PurePath(name).suffix.lower()
    kinds = accepted_kinds()
    if ending in kinds:
        return "image/gif" if ending == GIF else format_of(name).media_type
    try:
        format_of(name)
    except ExtractionError as error:
        raise CannotReadError(error.reason) from error
    kept = ", ".join(kinds)
    words = {"name": name, "kinds": kept}
    raise CannotReadError(_("Files like %(name)s are not taken here, but these are: %(kinds)s.") % words)


def _check_count(actor: User, conversation: Conversation | None) -> None:
    """One after the other for each person, so that no two of them are the last one."""
    User.objects.select_for_update(no_key=True).only("pk").get(pk=actor.pk)
    most = settings.CHAT_FILES_MOST
    there = Attachment.objects.filter(owner=actor, conversation=conversation)
    if (there if conversation else there.unasked()).count() >= most:
        words = ngettext(
            "A conversation can have %(most)d file. Remove it first, or start a new conversation.",
            "A conversation can have %(most)d files. Remove one first, or start a new conversation.",
            most,
        )
        raise BadInputError(words % {"most": most})


def _check_seen(standing: Standing, file: Attachment) -> None:
    setup, conversation = standing.setup, standing.conversation
    models = setup.models_for(conversation.pk, conversation.model_id)
    if setup.assistant.mode == Assistant.Mode.QUOTE or not models or models[0] not in setup.seeing:
        raise cannot_see(file.name)
