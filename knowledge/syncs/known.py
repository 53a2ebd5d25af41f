"""What is known of a source before it is looked through, all of it in memory: documents, their other places, and which
bytes each is known to say. A sync compares with this and asks the database for nothing that has not changed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import Enum
from pathlib import PurePath
from uuid import UUID

from knowledge.models import Copy, Document, Source, Version

_S = Document.State


class Verdict(Enum):
    """What it means for a document that these bytes lie at its key."""

    UNCHANGED = "unchanged"
    FAILED = "failed"
    RETURNED = "returned"
    NEWS = "news"


@dataclass(slots=True)
class KnownDocument:
    """A document as it was when the sync began, and where this sync found it.

    ``current`` is what it says or is about to say (or said last, when it is withdrawn), ``newest`` what was taken
    last, ``number`` the newest version's.
    ``is_here``: its bytes were found in this sync at its own key, or it moved to where they are.
    """

    id: UUID
    key: str
    fingerprint: str = ""
    state: str = _S.QUEUED
    reason: str = ""
    current: str = ""
    newest: str = ""
    ignored: str = ""
    number: int = 0
    taken_in: UUID | None = None
    withdrawn_in: UUID | None = None
    is_uploaded: bool = False
    is_kept: bool = False
    is_here: bool = False

    @property
    def is_withdrawn_by_hand(self) -> bool:
        return self.state == _S.WITHDRAWN and self.withdrawn_in is None

    @property
    def is_missed_before(self) -> bool:
        """Out because an earlier sync missed it."""
        return self.state == _S.WITHDRAWN and self.withdrawn_in is not None

    @property
    def can_be_missed(self) -> bool:
        return not (self.is_uploaded or self.is_kept or self.state == _S.WITHDRAWN)

    def says(self, sha256: str) -> bool:
        """Whether these bytes are its own: the present ones, or those its keeper did not want."""
        return sha256 in (self.current or self.newest, self.ignored)

    def judge(self, sha256: str) -> Verdict:
        """What these bytes at its key mean. What was withdrawn by hand stays out, whatever its source has."""
        if self.is_withdrawn_by_hand:
            return Verdict.UNCHANGED
        if self.is_missed_before and self.current and sha256 in (self.current, self.ignored):
            return Verdict.RETURNED
        if sha256 == self.ignored:
            return Verdict.UNCHANGED
        if self.state == _S.REJECTED and sha256 == self.newest:
            return Verdict.FAILED
        stays = sha256 == self.current and self.state not in (_S.REJECTED, _S.WITHDRAWN)
        return Verdict.UNCHANGED if stays else Verdict.NEWS


@dataclass(slots=True)
class KnownCopy:
    """Another place of a document's bytes. ``is_here``: found in this sync, with the same bytes."""

    key: str
    fingerprint: str
    sha256: str
    document: KnownDocument
    is_here: bool = False


@dataclass
class Known:
    """All documents of a source by key and by their bytes, and the copies by key."""

    by_key: dict[str, KnownDocument] = field(default_factory=dict)
    by_bytes: dict[str, KnownDocument] = field(default_factory=dict)
    copies: dict[str, KnownCopy] = field(default_factory=dict)

    @classmethod
    def of(cls, source: Source) -> Known:
        """Read in three statements, however many documents there are."""
        known = cls()
        by_id = _documents(source)
        # Live ones last, so that they are found first by their bytes.
        for document in sorted(by_id.values(), key=lambda one: one.state != _S.WITHDRAWN):
            known.add(document)
        copies = Copy.objects.filter(source=source).values_list("key", "fingerprint", "sha256", "document_id")
        for key, fingerprint, sha256, document_id in copies:
            if document_id in by_id:
                known.copies[key] = KnownCopy(key, fingerprint, sha256, by_id[document_id])
        return known

    def add(self, document: KnownDocument) -> None:
        self.by_key[document.key] = document
        for sha256 in (document.ignored, document.current or document.newest):
            if sha256:
                self.by_bytes[sha256] = document

    def fingerprints(self) -> dict[str, str]:
        """What its connector is told of the last time. A copy stands before a former document of its key."""
        found = {one.key: one.fingerprint for one in self.by_key.values() if one.fingerprint}
        return found | {one.key: one.fingerprint for one in self.copies.values() if one.fingerprint}

    def holder_of(self, sha256: str, name: str) -> KnownDocument | None:
        """The document that says these bytes, or None.

        What could not be read under one name may be readable under another: refused ones count for their format alone.
        """
        found = self.by_bytes.get(sha256)
        if found is None or not found.says(sha256):
            return None
        is_refused = found.state == _S.REJECTED and sha256 != found.ignored
        return None if is_refused and PurePath(found.key).suffix != PurePath(name).suffix else found

    def took(self, document_id: UUID, key: str, sha256: str) -> None:
        """A document of this key has these bytes as its newest version. One that is known stays the same object."""
        document = self.by_key.get(key) or KnownDocument(document_id, key)
        document.state, document.current, document.newest = _S.QUEUED, sha256, sha256
        document.withdrawn_in, document.is_kept, document.is_here = None, False, True
        self.add(document)

    def moved(self, document: KnownDocument, key: str) -> None:
        self.by_key.pop(document.key, None)
        document.key, document.is_here = key, True
        self.by_key[key] = document


def _documents(source: Source) -> dict[UUID, KnownDocument]:
    rows = Document.objects.filter(source=source).values_list(
        "pk", "key", "fingerprint", "state", "reason", "ignored_sha256", "withdrawn_in_id", "is_uploaded", "is_kept"
    )
    found: dict[UUID, KnownDocument] = {}
    for pk, key, fingerprint, state, reason, ignored, withdrawn_in, is_uploaded, is_kept in rows:
        found[pk] = KnownDocument(
            id=pk,
            key=key,
            fingerprint=fingerprint,
            state=state,
            reason=reason,
            ignored=ignored,
            withdrawn_in=withdrawn_in,
            is_uploaded=is_uploaded,
            is_kept=is_kept,
        )
    _add_versions(found, source)
    return found


def _add_versions(found: dict[UUID, KnownDocument], source: Source) -> None:
    last: dict[UUID, datetime] = {}
    columns = ("document_id", "number", "sha256", "taken_in_id", "published_at", "withdrawn_at")
    versions = Version.objects.filter(document__source=source).order_by("document_id", "number").values_list(*columns)
    for document_id, number, sha256, taken_in, published_at, withdrawn_at in versions:
        document = found.get(document_id)
        if document is None:  # taken by hand since
            continue
        document.number, document.newest, document.taken_in = number, sha256, taken_in
        if withdrawn_at is None:  # one that waits comes after the one in force
            document.current, last[document_id] = sha256, datetime.max.replace(tzinfo=UTC)
        elif published_at and withdrawn_at >= last.get(document_id, withdrawn_at):
            document.current, last[document_id] = sha256, withdrawn_at
