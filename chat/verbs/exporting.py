"""Taking one's own away: one conversation as a file, or everything in one zip that a worker writes.

The zip waits a day for its owner and is then removed. Every export and every download is in the audit log, since both
take things out of Parley that its rights no longer guard.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal, get_args

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from accounts import audit, rights
from accounts.models import User
from app.errors import BadInputError, NotFoundError
from chat.composing.snapshots import Transcript, transcript_of
from chat.exporting import data, markdown, pdf, wording
from chat.exporting.archiving import path_of
from chat.models import Conversation, Export
from chat.tasks import export_soon

Format = Literal["md", "json", "pdf"]
FORMATS: tuple[str, ...] = get_args(Format)
_KINDS: dict[str, tuple[str, Callable[[Transcript], str | bytes]]] = {
    "md": ("text/markdown; charset=utf-8", markdown.written),
    "json": ("application/json", data.written),
    "pdf": ("application/pdf", pdf.written),
}


@dataclass(frozen=True)
class ExportedFile:
    """A conversation as a file; ``name`` has plain letters alone."""

    name: str
    media_type: str
    content: bytes


def export_conversation(actor: User, *, conversation: Conversation, kind: str) -> ExportedFile:
    """The branch that is shown, as Markdown or PDF; as JSON all branches. Raises BadInputError for another kind."""
    rights.require(actor, "chat.ask")
    if kind not in _KINDS:
        raise BadInputError(_("Choose a format: %(formats)s.") % {"formats": ", ".join(FORMATS)})
    media_type, write = _KINDS[kind]
    transcript = transcript_of(conversation, whole_tree=kind == "json")
    written = write(transcript)
    content = written.encode() if isinstance(written, str) else written
    with transaction.atomic():
        payload = {"format": kind, "messages": len(transcript.entries), "bytes": len(content)}
        audit.record(actor=actor, action="conversation.export", obj=conversation, payload=payload)
    return ExportedFile(wording.file_name(transcript, kind), media_type, content)


def request_export(actor: User) -> Export:
    """Have a worker write everything; what was asked for already goes on."""
    rights.require(actor, "chat.ask")
    under_way = Export.objects.visible_to(actor).filter(state__in=Export.UNDER_WAY)
    if found := under_way.first():
        return found
    try:
        with transaction.atomic():
            export = Export.objects.create(owner=actor)
            audit.record(actor=actor, action="account.export_request", obj=export)
            transaction.on_commit(partial(export_soon, export.pk))
    except IntegrityError:  # two clicks at the same moment
        return under_way.get()
    return export


def download_export(actor: User, *, export: Export) -> Path:
    """The file, for its owner. Raises NotFoundError when it is not there, or not any more."""
    rights.require(actor, "chat.ask")
    path = path_of(export)
    is_ready = Export.objects.visible_to(actor).ready().filter(pk=export.pk).exists()
    if not is_ready or not path.exists():
        raise NotFoundError()
    with transaction.atomic():
        audit.record(actor=actor, action="account.export_download", obj=export)
    return path


def discard_export(actor: User, *, export: Export) -> None:
    """Remove the file before its time, or give up what is being written."""
    rights.require(actor, "chat.ask")
    with transaction.atomic():
        Export.objects.filter(pk=export.pk).delete()
        audit.record(actor=actor, action="account.export_discard", obj=export)
    path_of(export).unlink(missing_ok=True)
