"""Completing an index generation: the vectors that passages still lack in it, batch after batch.

The same work builds a new generation, takes in what is published while it waits to serve, and keeps the former one
ready to serve again. It goes in slices of some seconds, so that documents are read meanwhile. Who builds holds a lease
on the row with ``attempts`` as its fence, and every batch is kept in one transaction with its renewal: a builder killed
at any moment loses one batch, and one that was slow can write nothing more. What is left to do is whatever has no
vector, so there is no other state that could be wrong.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from django.core.cache import cache
from django.db import connection, transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone
from redis.exceptions import RedisError

from app.errors import ParleyError
from knowledge.index import vector_index
from knowledge.index.generations import Vectors, embed_passages
from knowledge.index.indexing import copy_vectors, embedding_input
from knowledge.models import Embedding, IndexGeneration, Passage

State = IndexGeneration.State
KEPT = (State.BUILDING, State.READY, State.SERVING)
LEASE = timedelta(seconds=60)
INDEXING_LEASE = timedelta(minutes=15)
SLICE_SECONDS = 15.0
BATCH, CHUNK = 64, 2048
TRIES = 6
LONGEST_PAUSE = 60.0
REST = timedelta(minutes=5)
DELETED_AT_ONCE = 5000
_RATE_SECONDS = 120

_LACKING = """
SELECT p.id, coalesce(nullif(v.title, ''), d.title), p.heading_path, p.text
FROM knowledge_passage p
JOIN knowledge_version v ON v.id = p.version_id
JOIN knowledge_document d ON d.id = v.document_id
WHERE NOT EXISTS (SELECT 1 FROM knowledge_embedding e WHERE e.generation_id = %s AND e.passage_id = p.id)
ORDER BY (v.published_at IS NOT NULL AND v.withdrawn_at IS NULL) DESC, p.id
LIMIT %s
"""


@dataclass(frozen=True)
class Again:
    """The work is not done: go on with this ``fence`` in ``seconds``."""

    fence: int
    seconds: float = 0.0


def build(generation_id: int, fence: int | None = None, seconds: float = SLICE_SECONDS) -> Again | None:
    """Work for about ``seconds``; None when nothing is left to do here, or somebody else does it.

    ``fence`` is what the slice before handed on. Safe to call at any time, any number of times.
    """
    generation = _claim(generation_id, fence)
    if generation is None:
        return None
    until = time.monotonic() + seconds
    try:
        for rows in _lacking(generation):
            begun = time.monotonic()
            inputs = [embedding_input(title, path, text) for _, title, path, text in rows]
            if not _keep(generation, [row[0] for row in rows], embed_passages(generation, inputs)):
                return None
            _tell_rate(generation, len(rows) / max(time.monotonic() - begun, 0.001))
            if time.monotonic() > until:
                return Again(generation.attempts)
        _finish(generation)
    except ParleyError as error:
        return _note_failure(generation, error)
    return None


def lacks_vectors(generation: IndexGeneration) -> bool:
    """Whether some passage has no vector in it."""
    return Passage.objects.exclude(embeddings__generation=generation).order_by().exists()


def clear(generation_id: int, seconds: float = SLICE_SECONDS) -> Again | None:
    """Delete a generation that was given up, in batches; its row goes last."""
    now = timezone.now()
    removed = IndexGeneration.objects.filter(
        Q(lease_until=None) | Q(lease_until__lt=now), pk=generation_id, state=State.REMOVING
    ).first()
    if removed is None:
        return None
    if vector_index.exists(removed.pk) and not vector_index.drop(removed):
        return Again(removed.attempts, 5.0)
    until = time.monotonic() + seconds
    vectors = Embedding.objects.filter(generation=removed)
    while ids := list(vectors.values_list("pk", flat=True)[:DELETED_AT_ONCE]):
        Embedding.objects.filter(pk__in=ids).delete()
        if time.monotonic() > until:
            return Again(removed.attempts)
    removed.delete()
    return None


def waiting() -> list[IndexGeneration]:
    """Generations with work that nobody has in hand: some to be completed, some to be cleared."""
    now = timezone.now()
    free = IndexGeneration.objects.filter(Q(lease_until=None) | Q(lease_until__lt=now)).exclude(state=State.FAILED)
    return [one for one in free if one.state in (State.BUILDING, State.REMOVING) or lacks_vectors(one)]


def tend_vectors() -> None:
    """Let what can serve be searched as quickly as its size asks for; see ``vector_index``."""
    for generation in IndexGeneration.objects.filter(state__in=[State.READY, State.SERVING]):
        vector_index.tend(generation)


def rate(generation: IndexGeneration) -> float | None:
    """Passages a second, as the builder last saw it; None when it has not worked for two minutes."""
    try:
        value = cache.get(_rate_key(generation))
    except RedisError:
        return None
    return float(value) if value else None


def _claim(generation_id: int, fence: int | None) -> IndexGeneration | None:
    now = timezone.now()
    mine = IndexGeneration.objects.filter(pk=generation_id, state__in=KEPT)
    goes_on = fence is not None and mine.filter(attempts=fence).update(lease_until=now + LEASE)
    free = mine.filter(Q(lease_until=None) | Q(lease_until__lt=now))
    if not goes_on and not free.update(lease_until=now + LEASE, attempts=F("attempts") + 1):
        return None
    return IndexGeneration.objects.select_related("model").filter(pk=generation_id).first()


def _lacking(generation: IndexGeneration) -> Iterator[list[tuple[UUID, str, list[str], str]]]:
    """Batches of (id, title, heading path, text) of passages without a vector, those that are found now first."""
    while True:
        with connection.cursor() as cursor:
            cursor.execute(_LACKING, [generation.pk, CHUNK])
            rows = cursor.fetchall()
        if not rows:
            return
        yield from (rows[start : start + BATCH] for start in range(0, len(rows), BATCH))


def _keep(generation: IndexGeneration, ids: list[UUID], vectors: Vectors) -> bool:
    """Write a batch and renew the lease; False when the lease was lost."""
    with transaction.atomic():
        if not _own(generation).update(lease_until=timezone.now() + LEASE, failures=0, error=""):
            return False
        # Locked, so that a passage deleted while it was embedded neither fails the batch nor leaves a vector behind.
        there = set(Passage.objects.select_for_update(no_key=True).filter(pk__in=ids).values_list("pk", flat=True))
        kept = [index for index, passage_id in enumerate(ids) if passage_id in there]
        copy_vectors(generation.pk, [ids[index] for index in kept], vectors[kept])
    generation.failures = 0
    return True


def _own(generation: IndexGeneration) -> QuerySet[IndexGeneration]:
    return IndexGeneration.objects.filter(pk=generation.pk, attempts=generation.attempts, state__in=KEPT)


def _finish(generation: IndexGeneration) -> None:
    """Every passage has its vector: make them quick to search, and say so."""
    if generation.state == State.BUILDING:
        _own(generation).update(lease_until=timezone.now() + INDEXING_LEASE)
        vector_index.tend(generation)
        _own(generation).filter(state=State.BUILDING).update(state=State.READY, ready_at=timezone.now())
    _own(generation).update(lease_until=None, failures=0, error="")


def _note_failure(generation: IndexGeneration, error: ParleyError) -> Again | None:
    """Try again later, each time later; a generation that is being built fails in the end, the others stay as they
    are and are completed when their model answers again.
    """
    failures = generation.failures + 1
    pause = min(2.0**failures, LONGEST_PAUSE)
    told = {"failures": failures, "error": error.message[:500]}
    if error.retry and failures < TRIES:
        is_mine = _own(generation).update(**told, lease_until=timezone.now() + timedelta(seconds=pause) + LEASE)
        return Again(generation.attempts, pause) if is_mine else None
    if generation.state == State.BUILDING:
        _own(generation).update(**told, state=State.FAILED, lease_until=None)
    else:
        _own(generation).update(**told, lease_until=timezone.now() + REST)
    return None


def _tell_rate(generation: IndexGeneration, latest: float) -> None:
    try:
        known = cache.get(_rate_key(generation))
        cache.set(_rate_key(generation), 0.7 * known + 0.3 * latest if known else latest, _RATE_SECONDS)
    except RedisError:
        return


def _rate_key(generation: IndexGeneration) -> str:
    return f"knowledge:index:rate:{generation.pk}"
