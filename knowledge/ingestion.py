"""The deeds of people who bring documents in by hand, and take single ones out and back.

Pages, the API and commands all call these. Each checks the right, changes the rows and writes the audit event
in one transaction; reading the file is left to a task, queued when that transaction has been committed.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from functools import partial
from pathlib import PurePath
from typing import Any

from django.core.files.uploadedfile import UploadedFile
from django.db import transaction

from accounts.audit import record
from accounts.models import User
from accounts.rights import require
from app.errors import BadInputError
from knowledge import taking
from knowledge.errors import CannotReadError, NotReadyError
from knowledge.extraction.formats import format_of
from knowledge.extraction.types import ExtractionError
from knowledge.files import StoredFile, keep, stored_already
from knowledge.models import Copy, Document, Source, Version
from knowledge.syncs.tallying import Change
from knowledge.tasks import process

LONGEST_KEY = 500


def upload_document(
    *, actor: User, source: Source, file: UploadedFile[Any] | Iterable[bytes], name: str, folder: str = ""
) -> Document:
    """Take a file into a source and queue it to be read. ``name`` decides its format, and together with ``folder``
    (where it lay in a folder that was brought as a whole) which document it is.

    The bytes go to disk in pieces. The same bytes as before change nothing; under another name they are another place
    of the document that has them. Raises CannotReadError for a kind of file Parley does not read, TooLargeError past
    UPLOAD_MAX_BYTES.
    """
    require(actor, "knowledge.edit_source", source)
    key = safe_key(folder, name)
    try:
        format_of(key)
    except ExtractionError as error:
        raise CannotReadError(error.reason) from error
    stored = keep(file.chunks() if isinstance(file, UploadedFile) else file)
    if stored.size_bytes == 0:
        raise BadInputError("This file is empty.")
    with transaction.atomic():
        Source.objects.select_for_update(no_key=True).get(pk=source.pk)  # the same file may be on its way twice
        holder = _holder_of(source, key, stored.sha256)
        if holder is not None:
            return _note_copy(actor, holder, key, stored.sha256)
        return _take(actor, source, key, stored)


def safe_key(folder: str, name: str) -> str:
    """The safe name below its folders, without steps upwards. Raises BadInputError when that is too long."""
    parts = [_visible(part) for part in folder.replace("\\", "/").split("/")]
    key = "/".join([*(part for part in parts if part not in ("", ".", "..")), safe_name(name)])
    if len(key) > LONGEST_KEY:
        raise BadInputError("This file lies too deep: the names of its folders are too long together.")
    return key


def safe_name(name: str) -> str:
    """The last part of a file's name, without what cannot be seen. Raises BadInputError when none is left."""
    key = _visible(PurePath(name.replace("\\", "/")).name)
    if not key or key in (".", ".."):
        raise BadInputError("This file has no name.")
    ending = PurePath(key).suffix[:20]
    return key if len(key) <= 300 else key[: 300 - len(ending)] + ending


def retry_document(*, actor: User, document: Document) -> Document:
    """Read a refused document's file once more. Raises NotReadyError when it was not refused."""
    require(actor, "knowledge.edit_source", document.source)
    with transaction.atomic():
        document = _locked(document)
        version = document.versions.order_by("-number").first()
        if document.state != Document.State.REJECTED or version is None or version.published_at:
            raise NotReadyError("Only a document that was refused can be tried again.")
        version.withdrawn_at = None
        version.save(update_fields=["withdrawn_at"])
        document.state, document.reason, document.attempts = Document.State.QUEUED, "", 0
        document.ignored_sha256 = "" if document.ignored_sha256 == version.sha256 else document.ignored_sha256
        document.save()
        record(actor=actor, action="document.retry", obj=document, payload={"version": version.number})
        transaction.on_commit(partial(process.delay, str(document.pk)))
    return document


def withdraw_document(*, actor: User, document: Document) -> Document:
    """Take a document out of every search and answer from now on; what was cited can still be opened, and says so.

    It stays out, whatever its source has, until it is brought back.
    """
    require(actor, "knowledge.edit_source", document.source)
    with transaction.atomic():
        taking.withdraw(actor=actor, document=document)
    return Document.objects.select_related("source").get(pk=document.pk)


def restore_document(*, actor: User, document: Document) -> Document:
    """Undo a withdrawal: what was found last is found again, also when its source has it no more.

    Raises NotReadyError when the document was not withdrawn.
    """
    require(actor, "knowledge.edit_source", document.source)
    with transaction.atomic():
        document = _locked(document)
        if document.state != Document.State.WITHDRAWN:
            raise NotReadyError("Only a withdrawn document can be brought back.")
        was_missed = document.withdrawn_in_id is not None
        document = taking.bring_back(actor=actor, document=document, keep=was_missed)
        if document.state == Document.State.QUEUED:
            transaction.on_commit(partial(process.delay, str(document.pk)))
    return document


def _visible(text: str) -> str:
    """One spelling, without signs that cannot be seen and spaces around it."""
    return "".join(sign for sign in unicodedata.normalize("NFC", text) if unicodedata.category(sign)[0] != "C").strip()


def _take(actor: User, source: Source, key: str, stored: StoredFile) -> Document:
    arrival = taking.Arrival(key=key, stored=stored, is_uploaded=True)
    Copy.objects.filter(source=source, key=key).delete()
    document, change = taking.take(actor=actor, source=source, arrival=arrival)
    if change == Change.CHANGED:
        _part_copies(actor, source, document, stored.sha256)
    if document.state == Document.State.QUEUED and change != Change.UNCHANGED:
        transaction.on_commit(partial(process.delay, str(document.pk)))
    return document


def _holder_of(source: Source, key: str, sha256: str) -> Document | None:
    """The live document of other names that says these bytes; None where ``key`` is a document itself."""
    if Document.objects.filter(source=source, key=key).exists():
        return None
    version = (
        Version.objects.filter(sha256=sha256, withdrawn_at=None, document__source=source)
        .exclude(document__state__in=[Document.State.REJECTED, Document.State.WITHDRAWN])
        .select_related("document")
        .first()
    )
    return version.document if version else None


def _note_copy(actor: User, document: Document, key: str, sha256: str) -> Document:
    """Remember another name of a document's bytes. What came by hand is not missed by a sync."""
    known = Copy.objects.filter(source=document.source_id, key=key, document=document, sha256=sha256)
    if known.exists() and document.is_uploaded:
        return document
    Copy.objects.update_or_create(
        source_id=document.source_id, key=key, defaults={"document": document, "sha256": sha256, "fingerprint": ""}
    )
    Document.objects.filter(pk=document.pk).update(is_uploaded=True)
    record(actor=actor, action="document.copy", obj=document, payload={"sha256": sha256})
    return document


def _part_copies(actor: User, source: Source, document: Document, sha256: str) -> None:
    """Files of other names that had the document's former bytes keep them, as a document of their own."""
    copies = list(document.copies.exclude(sha256=sha256).order_by("pk"))
    parted: Document | None = None
    for copy in copies:
        if parted is None:
            arrival = taking.Arrival(key=copy.key, stored=stored_already(copy.sha256), is_uploaded=True)
            copy.delete()
            parted, _ = taking.take(actor=actor, source=source, arrival=arrival)
            transaction.on_commit(partial(process.delay, str(parted.pk)))
        else:
            Copy.objects.filter(pk=copy.pk).update(document=parted)


def _locked(document: Document) -> Document:
    return Document.objects.select_for_update(of=("self",)).select_related("source").get(pk=document.pk)
