"""From a queued file to published passages: prepare, embed, publish. The work behind every way in.

Preparing and embedding happen outside transactions; publishing is one. Several documents may go together, so that
short ones fill the embedder's batches. A document that ends its reader twice is refused rather than tried for ever,
and the queue moves on.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from itertools import accumulate
from uuid import UUID

import numpy as np

from app.errors import ParleyError, UnavailableError
from knowledge.extraction.types import ExtractionError
from knowledge.index.generations import embed_passages, serving_generation
from knowledge.index.indexing import Embedded
from knowledge.models import Document
from knowledge.publication import progress
from knowledge.publication.leasing import claim, give_back, renew
from knowledge.publication.preparing import Prepared, prepare
from knowledge.publication.publishing import ACTOR, Outcome, hold, publish, refuse

__all__ = ["ACTOR", "Outcome", "process_document", "process_documents"]

TRIES = 2
BATCH = 32
LARGE_BATCH = 256
_WAIT_FOR_A_PART = timedelta(seconds=30)
_DIED = "Reading it failed twice without a result."


def process_document(document_id: UUID) -> Outcome | None:
    """Process the waiting version of a document; None when there is nothing to do or another has it.

    Safe to call at any time, any number of times.
    """
    return process_documents([document_id])[document_id]


def process_documents(document_ids: Sequence[UUID]) -> dict[UUID, Outcome | None]:
    """The same for several documents, which are embedded together. All their texts are in memory at once."""
    outcomes: dict[UUID, Outcome | None] = {}
    ready: list[Prepared] = []
    for document_id in document_ids:
        begun = begin_document(document_id)
        if isinstance(begun, Prepared):
            ready.append(begun)
        else:
            outcomes[document_id] = begun
        renew(*(one.document for one in ready))
    return outcomes | end_documents(ready, embed(ready))


def begin_document(document_id: UUID) -> Prepared | Outcome | None:
    """Prepare a document for publishing, unless it ends here already. What is prepared is held by a lease."""
    document = claim(document_id)
    if document is None:
        return None
    version = document.waiting_version()
    if version is None:
        return _settle_without_work(document)
    if document.attempts > TRIES:
        return refuse(document, version, _DIED)
    try:
        prepared = prepare(document, version)
    except ExtractionError as error:
        if error.may_pass and document.attempts < TRIES:
            give_back(document, timedelta())
            return Outcome(Document.State.QUEUED)
        return refuse(document, version, error.reason)
    except ParleyError as error:
        return _later(document, error)
    return hold(prepared) if prepared.reason else prepared


def embed(ready: Sequence[Prepared], first: int = BATCH) -> list[Embedded | ParleyError]:
    """The vectors of each, made in common batches of ``first`` passages and more; or why there are none now."""
    if not ready:
        return []
    try:
        return [*_embed(ready, first)]
    except ParleyError as error:
        return [error] * len(ready)


def end_documents(ready: Sequence[Prepared], vectors: Sequence[Embedded | ParleyError]) -> dict[UUID, Outcome | None]:
    """Publish what was embedded; what cannot be done for want of a part of Parley waits for it."""
    outcomes: dict[UUID, Outcome | None] = {}
    for one, embedded in zip(ready, vectors, strict=True):
        progress.tell(one.document.pk, "publishing", 0.97)
        try:
            if isinstance(embedded, ParleyError):
                raise embedded
            outcomes[one.document.pk] = publish(one, embedded)
        except ParleyError as error:
            outcomes[one.document.pk] = _later(one.document, error)
    return outcomes


def _embed(ready: Sequence[Prepared], first: int) -> list[Embedded]:
    inputs = [text for one in ready for text in one.inputs]
    ends = list(accumulate(len(one.pieces) for one in ready))
    generation = serving_generation()
    vectors = np.zeros((len(inputs), generation.dimensions), dtype=np.float32)
    for start, stop in _batches(len(inputs), first):
        for one, end in zip(ready, ends, strict=True):
            if end > start:
                done = max(start - (end - len(one.pieces)), 0) / len(one.pieces)
                progress.tell(one.document.pk, "embedding", 0.1 + 0.85 * done)
        vectors[start:stop] = embed_passages(generation, inputs[start:stop])
        renew(*(one.document for one in ready))
    return [Embedded(generation, vectors[end - len(one.pieces) : end]) for one, end in zip(ready, ends, strict=True)]


def _batches(count: int, first: int) -> Iterator[tuple[int, int]]:
    """Larger and larger batches: small ones first so that progress shows at once, large ones for speed.

    In a large one texts of like length find each other, which spares the model padding: a third of the time and more.
    """
    start, size = 0, first
    while start < count:
        yield start, min(start + size, count)
        start, size = start + size, min(size * 2, LARGE_BATCH)


def _later(document: Document, error: ParleyError) -> Outcome:
    """Wait for the part of Parley that did not answer. Raises the error when waiting does not help."""
    if not (error.retry or isinstance(error, UnavailableError)):
        raise error
    give_back(document, _WAIT_FOR_A_PART, counts=False)
    return Outcome(Document.State.QUEUED)


def _settle_without_work(document: Document) -> Outcome:
    state = Document.State.PUBLISHED if document.published_version() else Document.State.REJECTED
    Document.objects.filter(pk=document.pk, attempts=document.attempts).update(
        state=state, attempts=0, lease_until=None
    )
    return Outcome(state)
