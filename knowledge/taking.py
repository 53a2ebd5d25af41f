"""Taking a file into a source: which document it is, and whether it says anything new.

The same bytes as the version in force, or as the one that already waits, are no change: nothing is written.
Anything else becomes the document's next version and waits to be processed.
"""

from __future__ import annotations

from enum import StrEnum

from django.utils import timezone

from accounts.audit import record
from accounts.models import User
from knowledge.extraction.formats import format_of
from knowledge.files import StoredFile
from knowledge.models import Document, Source, Version


class Change(StrEnum):
    ADDED = "added"
    CHANGED = "changed"
    UNCHANGED = "unchanged"


def take_file(
    *, actor: User | str, source: Source, key: str, stored: StoredFile, is_uploaded: bool = False
) -> tuple[Document, Change]:
    """Enter stored bytes as the document ``key`` of ``source``, in the caller's transaction.

    What ``is_uploaded`` by hand is not missed when a sync does not find it in the source's folder.

    Raises ExtractionError for a kind of file that cannot be read.
    """
    media_type = format_of(key).media_type
    document, is_new = Document.objects.get_or_create(source=source, key=key, defaults={"title": key[:300]})
    document = Document.objects.select_for_update().get(pk=document.pk)
    if not is_new and is_unchanged(document, stored.sha256):
        return document, Change.UNCHANGED
    last = document.versions.order_by("-number").values_list("number", flat=True).first() or 0
    document.versions.filter(published_at=None, withdrawn_at=None).update(withdrawn_at=timezone.now())
    version = Version.objects.create(
        document=document,
        number=last + 1,
        sha256=stored.sha256,
        media_type=media_type,
        size_bytes=stored.size_bytes,
        file=stored.place,
    )
    document.state, document.reason, document.attempts = Document.State.QUEUED, "", 0
    document.lease_until, document.is_uploaded = None, is_uploaded
    document.save()
    record(
        actor=actor,
        action="document.take",
        obj=document,
        payload={"version": version.number, "sha256": stored.sha256, "bytes": stored.size_bytes},
    )
    return document, Change.ADDED if is_new else Change.CHANGED


def is_unchanged(document: Document, sha256: str) -> bool:
    """Whether these bytes are what the document already says, or is about to say."""
    waiting = document.waiting_version()
    if waiting is not None:
        return waiting.sha256 == sha256
    in_force = document.published_version()
    return in_force is not None and in_force.sha256 == sha256


def withdraw(*, actor: User | str, document: Document) -> bool:
    """Take a document out of every search, in the caller's transaction. False when it was out already."""
    document = Document.objects.select_for_update().get(pk=document.pk)
    if document.state == Document.State.WITHDRAWN:
        return False
    number = document.versions.in_force().values_list("number", flat=True).first()
    document.versions.filter(withdrawn_at=None).update(withdrawn_at=timezone.now())
    document.state, document.reason, document.lease_until = Document.State.WITHDRAWN, "", None
    document.save()
    record(actor=actor, action="document.withdraw", obj=document, payload={"version": number})
    return True
