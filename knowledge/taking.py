"""What can happen to a document of a source: it is taken, withdrawn, brought back, or moves to another place.

Each is one deed in the caller's transaction, with its audit event. The same bytes as the version in force, or as the
one that already waits, are no change: nothing is written. Anything else becomes the document's next version and waits
to be processed.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePath

from django.utils import timezone

from accounts.audit import digest, record
from accounts.models import User
from knowledge.extraction.formats import format_of
from knowledge.files import StoredFile
from knowledge.models import Copy, Document, Source, Sync, Version
from knowledge.syncs.tallying import Change

_LONGEST_FINGERPRINT = 200
_State = Document.State


@dataclass(frozen=True)
class Arrival:
    """Stored bytes, and what is known of the place they came from.

    ``name`` is the file name that decides their format, where the key does not. What ``is_uploaded`` by hand is not
    missed when a sync does not find it at its source. ``sync`` is the one that brought it.
    """

    key: str
    stored: StoredFile
    name: str = ""
    fingerprint: str = ""
    url: str = ""
    is_uploaded: bool = False
    sync: Sync | None = None

    @property
    def file_name(self) -> str:
        return self.name or self.key


def take(*, actor: User | str, source: Source, arrival: Arrival) -> tuple[Document, Change]:
    """Enter stored bytes as the document of their key.

    Raises ExtractionError for a kind of file that cannot be read.
    """
    media_type = format_of(arrival.file_name).media_type
    title = PurePath(arrival.file_name).name[:300]
    document, is_new = Document.objects.get_or_create(source=source, key=arrival.key, defaults={"title": title})
    document = Document.objects.select_for_update().get(pk=document.pk)
    if not is_new and is_unchanged(document, arrival.stored.sha256):
        return document, _settle(actor, document)
    last = document.versions.order_by("-number").values_list("number", flat=True).first() or 0
    document.versions.filter(published_at=None, withdrawn_at=None).update(withdrawn_at=timezone.now())
    version = Version.objects.create(
        document=document,
        number=last + 1,
        sha256=arrival.stored.sha256,
        media_type=media_type,
        size_bytes=arrival.stored.size_bytes,
        file=arrival.stored.place,
        name=_shortened(arrival.name) if arrival.name != arrival.key else "",
        taken_in=arrival.sync,
    )
    document.state, document.reason, document.attempts, document.lease_until = _State.QUEUED, "", 0, None
    document.is_uploaded, document.is_kept, document.withdrawn_in = arrival.is_uploaded, False, None
    document.url, document.fingerprint = arrival.url, kept_fingerprint(arrival.fingerprint)
    document.save()
    payload = {"version": version.number, "sha256": version.sha256, "bytes": version.size_bytes}
    record(actor=actor, action="document.take", obj=document, payload=payload)
    return document, Change.ADDED if is_new else Change.CHANGED


def is_unchanged(document: Document, sha256: str) -> bool:
    """Whether these bytes are what the document already says, or is about to say."""
    waiting = document.waiting_version()
    if waiting is not None:
        return waiting.sha256 == sha256
    in_force = document.published_version()
    return in_force is not None and in_force.sha256 == sha256


def kept_fingerprint(fingerprint: str) -> str:
    """A fingerprint as it is kept; one that is too long is none, and costs reading the bytes each time."""
    return fingerprint if len(fingerprint) <= _LONGEST_FINGERPRINT and "\0" not in fingerprint else ""


def withdraw(*, actor: User | str, document: Document, sync: Sync | None = None) -> bool:
    """Take a document out of every search; ``sync`` missed it. False when it was out already."""
    document = Document.objects.select_for_update().get(pk=document.pk)
    if document.state == _State.WITHDRAWN:
        return False
    number = document.versions.in_force().values_list("number", flat=True).first()
    document.versions.filter(withdrawn_at=None).update(withdrawn_at=timezone.now())
    document.state, document.reason, document.lease_until = _State.WITHDRAWN, "", None
    document.withdrawn_in, document.is_kept = sync, False
    document.save()
    record(actor=actor, action="document.withdraw", obj=document, payload={"version": number})
    return True


def bring_back(*, actor: User | str, document: Document, keep: bool = False) -> Document:
    """Undo a withdrawal: what was found last is found again; what was never published waits to be read.

    With ``keep`` it stays although its source no longer has it. The caller holds the row's lock.
    """
    published = document.versions.filter(published_at__isnull=False)
    version = published.order_by("-withdrawn_at", "-number").first()
    if version is None:
        version = document.versions.order_by("-number").first()
        document.state = _State.QUEUED if version else _State.REJECTED
    else:
        document.state = _State.PUBLISHED
    if version:
        version.withdrawn_at = None
        version.save(update_fields=["withdrawn_at"])
    document.attempts, document.lease_until, document.is_kept, document.withdrawn_in = 0, None, keep, None
    document.save()
    payload = {"version": version.number if version else None}
    record(actor=actor, action="document.restore", obj=document, payload=payload)
    return document


def move(*, actor: User | str, document: Document, key: str, fingerprint: str, url: str) -> None:
    """Let a document go on under another key: its bytes moved there. Its versions and links stay."""
    Copy.objects.filter(source_id=document.source_id, key=key).delete()
    payload = {"from": digest(document.key), "to": digest(key)}
    document.key, document.fingerprint, document.url = key, kept_fingerprint(fingerprint), url
    document.save()
    record(actor=actor, action="document.rename", obj=document, payload=payload)


def _settle(actor: User | str, document: Document) -> Change:
    """A newer version was refused, and now its source has again what is in force: it is in order."""
    if document.state != _State.REJECTED:
        return Change.UNCHANGED
    document.state, document.reason = _State.PUBLISHED, ""
    document.save()
    record(actor=actor, action="document.settle", obj=document)
    return Change.CHANGED


def _shortened(name: str) -> str:
    """A name of at most 300 characters with its ending, which decides how the file is read."""
    ending = PurePath(name).suffix[:20]
    return name if len(name) <= 300 else name[: 300 - len(ending)] + ending
