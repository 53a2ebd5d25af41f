"""From a queued file to published passages: read, split, embed, publish. The work behind every way in.

Whoever processes a document holds a lease on its row; ``attempts`` rises with every owner and serves as the
fence, so that one who lost the lease cannot publish. Reading and embedding happen outside transactions;
publishing is one. A document that ends its reader twice is refused rather than tried for ever, and the queue
moves on.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import PurePath
from uuid import UUID

import numpy as np
from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from accounts.audit import record
from app.errors import ParleyError, UnavailableError
from knowledge import progress
from knowledge.extraction.running import extract
from knowledge.extraction.types import Extracted, ExtractionError
from knowledge.files import path_of
from knowledge.generations import embed_passages, serving_generation
from knowledge.indexing import Embedded, embedding_input, write_passages
from knowledge.models import Document, Version
from knowledge.splitting import Piece, split

ACTOR = "system:ingestion"
LEASE = timedelta(seconds=75)
TRIES = 2
BATCH = 32
_WAIT_FOR_A_PART = timedelta(seconds=30)
_DIED = "Reading it failed twice without a result."


@dataclass(frozen=True)
class Outcome:
    """How processing ended: ``state`` of the document, ``passages`` published, ``reason`` when refused."""

    state: str
    passages: int = 0
    reason: str = ""


def process_document(document_id: UUID) -> Outcome | None:
    """Process the newest waiting version of a document; None when there is nothing to do or another has it.

    Safe to call at any time, any number of times.
    """
    document = _claim(document_id)
    if document is None:
        return None
    version = document.waiting_version()
    if version is None:
        return _settle_without_work(document)
    if document.attempts > TRIES:
        return _refuse(document, version, _DIED)
    try:
        return _publish(document, version, *_prepare(document, version))
    except ExtractionError as error:
        if error.may_pass and document.attempts < TRIES:
            return _wait(document, timedelta())
        return _refuse(document, version, error.reason)
    except ParleyError as error:
        if not (error.retry or isinstance(error, UnavailableError)):
            raise
        return _wait(document, _WAIT_FOR_A_PART, counts=False)


def _claim(document_id: UUID) -> Document | None:
    now = timezone.now()
    free = Q(lease_until=None) | Q(lease_until__lt=now)
    claimed = Document.objects.filter(
        free, pk=document_id, state__in=[Document.State.QUEUED, Document.State.PROCESSING]
    ).update(
        state=Document.State.PROCESSING,
        attempts=F("attempts") + 1,
        lease_until=now + LEASE,
        reason="",
        updated_at=now,
    )
    return Document.objects.select_related("source").get(pk=document_id) if claimed else None


def _prepare(document: Document, version: Version) -> tuple[Extracted, list[Piece], Embedded]:
    """Read, split and embed. Raises ExtractionError for what cannot be published."""
    progress.tell(document.pk, "reading", 0.05)
    extracted = extract(path_of(version.file), document.key)
    _renew(document)
    pieces = split(extracted.text, extracted.pages)
    if not pieces:
        raise ExtractionError("There is no text in it that can be read. Is it a scan, or only pictures?")
    title = title_of(document, extracted)
    inputs = [embedding_input(title, piece.heading_path, extracted.text[piece.start : piece.end]) for piece in pieces]
    generation = serving_generation()
    vectors = np.zeros((len(inputs), generation.dimensions), dtype=np.float32)
    for start, end in _batches(len(inputs)):
        progress.tell(document.pk, "embedding", 0.1 + 0.85 * start / len(inputs))
        vectors[start:end] = embed_passages(generation, inputs[start:end])
        _renew(document)
    progress.tell(document.pk, "publishing", 0.97)
    return extracted, pieces, Embedded(generation, vectors)


def _batches(count: int) -> Iterator[tuple[int, int]]:
    """Larger and larger batches: small ones first so that progress shows at once, large ones for speed."""
    start, size = 0, BATCH
    while start < count:
        yield start, min(start + size, count)
        start, size = start + size, min(size * 2, BATCH * 8)


def title_of(document: Document, extracted: Extracted) -> str:
    """The text's own title, else its file name made readable."""
    name = PurePath(document.key)
    return extracted.title or name.stem.replace("_", " ").replace("-", " ").strip().capitalize() or name.name


def _renew(document: Document) -> None:
    Document.objects.filter(pk=document.pk, attempts=document.attempts).update(lease_until=timezone.now() + LEASE)


def _publish(
    document: Document, version: Version, extracted: Extracted, pieces: list[Piece], embedded: Embedded
) -> Outcome | None:
    """Make the version the one that is found, in one transaction; None when the lease was lost meanwhile."""
    now = timezone.now()
    with transaction.atomic():
        current = Document.objects.select_for_update().get(pk=document.pk)
        if (current.attempts, current.state) != (document.attempts, Document.State.PROCESSING):
            return None
        document.versions.filter(published_at__isnull=False, withdrawn_at=None).update(withdrawn_at=now)
        version.text, version.pages = extracted.text, [list(page) for page in extracted.pages]
        version.media_type, version.published_at = extracted.media_type, now
        current.title = version.title = title_of(document, extracted)
        version.passage_count = len(pieces)
        version.save(update_fields=["title", "text", "pages", "media_type", "passage_count", "published_at"])
        write_passages(version, current.title, pieces, embedded)
        newer = current.waiting_version()
        current.state = Document.State.QUEUED if newer else Document.State.PUBLISHED
        current.quality = {"characters": len(extracted.text), "notes": extracted.notes}
        current.attempts, current.lease_until, current.reason = 0, None, ""
        current.save()
        record(
            actor=ACTOR,
            action="document.publish",
            obj=current,
            payload={"version": version.number, "sha256": version.sha256, "passages": len(pieces)},
        )
    return Outcome(current.state, passages=len(pieces))


def _refuse(document: Document, version: Version, reason: str) -> Outcome | None:
    """End the attempt with a reason its owner can act on. An earlier published version stays in force."""
    with transaction.atomic():
        current = Document.objects.select_for_update().get(pk=document.pk)
        if (current.attempts, current.state) != (document.attempts, Document.State.PROCESSING):
            return None
        Version.objects.filter(pk=version.pk).update(withdrawn_at=timezone.now())
        current.state, current.reason = Document.State.REJECTED, reason[:500]
        current.attempts, current.lease_until = 0, None
        current.save()
        record(
            actor=ACTOR,
            action="document.reject",
            obj=current,
            payload={"version": version.number, "sha256": version.sha256},
        )
    return Outcome(Document.State.REJECTED, reason=reason)


def _wait(document: Document, time: timedelta, *, counts: bool = True) -> Outcome:
    """Put it back in the queue for later; an attempt that failed for want of a part of Parley does not count."""
    now = timezone.now()
    Document.objects.filter(pk=document.pk, attempts=document.attempts, state=Document.State.PROCESSING).update(
        state=Document.State.QUEUED,
        attempts=F("attempts") if counts else F("attempts") - 1,
        lease_until=now + time if time else None,
        updated_at=now,
    )
    return Outcome(Document.State.QUEUED)


def _settle_without_work(document: Document) -> Outcome:
    state = Document.State.PUBLISHED if document.published_version() else Document.State.REJECTED
    Document.objects.filter(pk=document.pk, attempts=document.attempts).update(
        state=state, attempts=0, lease_until=None
    )
    return Outcome(state)
