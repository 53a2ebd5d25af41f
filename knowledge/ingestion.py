"""The deeds of people who keep knowledge: making sources, bringing documents in, taking them out and back.

Pages, the API and commands all call these. Each checks the right, changes the rows and writes the audit event
in one transaction; reading the file is left to a task, queued when that transaction has been committed.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path, PurePath
from typing import Any

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts.audit import record
from accounts.models import Group, Role, User
from accounts.rights import require
from app.errors import BadInputError
from knowledge import taking
from knowledge.errors import CannotReadError, NotReadyError
from knowledge.extraction.formats import format_of
from knowledge.extraction.types import ExtractionError
from knowledge.files import keep
from knowledge.models import Document, Source, Sync
from knowledge.tasks import process, run_sync


@dataclass(frozen=True)
class Readers:
    """Who may read a source besides its owner: the groups of these names, or everyone."""

    groups: Sequence[str] = ()
    everyone: bool = False


def create_source(
    *,
    actor: User,
    name: str,
    kind: str = "upload",
    config: dict[str, Any] | None = None,
    readers: Readers = Readers(),
    schedule: str = "",
    review_by: date | None = None,
) -> Source:
    """A new source kept by ``actor``.

    Raises BadInputError for a name in use, an unknown kind or group, or a folder that may not be read.
    """
    require(actor, "knowledge.create_source")
    name = " ".join(name.split())
    if not name or len(name) > 120:
        raise BadInputError("A source needs a name of at most 120 characters.")
    config = _checked_config(actor, kind, config or {})
    groups = _groups_named(actor, readers.groups)
    try:
        with transaction.atomic():
            source = Source.objects.create(
                name=name,
                kind=kind,
                config=config,
                owner=actor,
                is_for_everyone=readers.everyone,
                schedule=schedule,
                review_by=review_by,
            )
            source.groups.set(groups)
            record(
                actor=actor,
                action="source.create",
                obj=source,
                payload={"kind": kind, "groups": [str(group.pk) for group in groups], "everyone": readers.everyone},
            )
    except IntegrityError as error:
        raise BadInputError(f"There is already a source called {name}. Choose another name.") from error
    return source


def upload_document(*, actor: User, source: Source, file: UploadedFile[Any] | Iterable[bytes], name: str) -> Document:
    """Take a file into a source and queue it to be read. ``name`` decides its format and which document it is.

    The bytes go to disk in pieces. The same bytes as before change nothing. Raises CannotReadError for a kind of file
    Parley does not read, TooLargeError past UPLOAD_MAX_BYTES.
    """
    require(actor, "knowledge.edit_source", source)
    key = safe_name(name)
    try:
        format_of(key)
    except ExtractionError as error:
        raise CannotReadError(error.reason) from error
    stored = keep(file.chunks() if isinstance(file, UploadedFile) else file)
    if stored.size_bytes == 0:
        raise BadInputError("This file is empty.")
    with transaction.atomic():
        document, change = taking.take_file(actor=actor, source=source, key=key, stored=stored, is_uploaded=True)
        if change is not taking.Change.UNCHANGED:
            transaction.on_commit(partial(process.delay, str(document.pk)))
    return document


def safe_name(name: str) -> str:
    """The last part of a file's name, without what cannot be seen. Raises BadInputError when none is left."""
    last = PurePath(name.replace("\\", "/")).name
    key = "".join(sign for sign in unicodedata.normalize("NFC", last) if unicodedata.category(sign)[0] != "C").strip()
    if not key or key in (".", ".."):
        raise BadInputError("This file has no name.")
    ending = PurePath(key).suffix[:20]
    return key if len(key) <= 300 else key[: 300 - len(ending)] + ending


def retry_document(*, actor: User, document: Document) -> Document:
    """Read a refused document's file once more. Raises NotReadyError when it was not refused."""
    require(actor, "knowledge.edit_source", document.source)
    with transaction.atomic():
        document = Document.objects.select_for_update().select_related("source").get(pk=document.pk)
        version = document.versions.order_by("-number").first()
        if document.state != Document.State.REJECTED or version is None or version.published_at:
            raise NotReadyError("Only a document that was refused can be tried again.")
        version.withdrawn_at = None
        version.save(update_fields=["withdrawn_at"])
        document.state, document.reason, document.attempts = Document.State.QUEUED, "", 0
        document.save()
        record(actor=actor, action="document.retry", obj=document, payload={"version": version.number})
        transaction.on_commit(partial(process.delay, str(document.pk)))
    return document


def withdraw_document(*, actor: User, document: Document) -> Document:
    """Take a document out of every search and answer from now on; what was cited can still be opened, and says so."""
    require(actor, "knowledge.edit_source", document.source)
    with transaction.atomic():
        taking.withdraw(actor=actor, document=document)
    return Document.objects.select_related("source").get(pk=document.pk)


def restore_document(*, actor: User, document: Document) -> Document:
    """Undo a withdrawal: the last published version is found again.

    Raises NotReadyError when the document was not withdrawn.
    """
    require(actor, "knowledge.edit_source", document.source)
    with transaction.atomic():
        document = Document.objects.select_for_update().select_related("source").get(pk=document.pk)
        if document.state != Document.State.WITHDRAWN:
            raise NotReadyError("Only a withdrawn document can be brought back.")
        version = document.versions.filter(published_at__isnull=False).order_by("-number").first()
        if version is None:
            version = document.versions.order_by("-number").get()
            document.state = Document.State.QUEUED
            transaction.on_commit(partial(process.delay, str(document.pk)))
        else:
            document.state = Document.State.PUBLISHED
        version.withdrawn_at = None
        version.save(update_fields=["withdrawn_at"])
        document.attempts = 0
        document.save()
        record(actor=actor, action="document.restore", obj=document, payload={"version": version.number})
    return document


def start_sync(*, actor: User, source: Source) -> Sync:
    """Look through a folder source again, in the background. Raises BadInputError for a source that has no folder."""
    require(actor, "knowledge.edit_source", source)
    if source.kind != "folder":
        raise BadInputError("Only a source that follows a folder can be synced. Upload files to this one.")
    with transaction.atomic():
        sync = Sync.objects.create(source=source, started_at=timezone.now())
        record(actor=actor, action="source.sync", obj=source, payload={"sync": str(sync.pk)})
        transaction.on_commit(partial(run_sync.delay, str(sync.pk)))
    return sync


def _checked_config(actor: User, kind: str, config: dict[str, Any]) -> dict[str, Any]:
    if kind not in ("upload", "folder"):
        raise BadInputError(f"Sources of kind {kind} cannot be made here; the kinds are upload, folder.")
    if kind == "upload":
        return {}
    path = config.get("path")
    if not isinstance(path, str) or not Path(path).is_absolute():
        raise BadInputError('A folder source needs config {"path": "/an/absolute/folder"}.')
    folder = Path(path).resolve()
    if folder.is_relative_to(settings.DATA.root) or Path(settings.DATA.root).is_relative_to(folder):
        raise BadInputError("A folder source must lie outside Parley's own data folder.")
    allowed = [Path(root).resolve() for root in settings.SOURCE_FOLDERS]
    if not actor.has_role(Role.ADMIN) and not any(folder.is_relative_to(root) for root in allowed):
        raise BadInputError("This folder may not be read. Ask an administrator to add it to SOURCE_FOLDERS.")
    if not folder.is_dir():
        raise BadInputError("There is no such folder on the machine Parley runs on.")
    return {"path": str(folder)}


def _groups_named(actor: User, names: Sequence[str]) -> list[Group]:
    """Groups by name among those the actor may see. Raises BadInputError naming one that is not there."""
    found = {group.name: group for group in Group.objects.visible_to(actor).filter(name__in=names)}
    for name in names:
        if name not in found:
            raise BadInputError(f"There is no group called {name} that you are in.")
    return [found[name] for name in dict.fromkeys(names)]
