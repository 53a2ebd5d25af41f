"""The approximate index (HNSW) of a generation's vectors, and when it is worth having.

Without it a search compares the question with every vector one may read: exact, and quick for some thousands. With it a
search over 100,000 takes a millisecond, but every vector written later costs about two, where writing one without it
costs hundredths. So it is made once there are enough vectors, in one go, and dropped when few are left. The database
makes it as its owner (migration 0009), since the role that Parley serves as owns no tables.

Writing vectors waits while it is made: half a minute for 100,000.
"""

from __future__ import annotations

import logging

from django.db import connection

from knowledge.models import Embedding, IndexGeneration

WORTH_FROM = 10_000
NOT_WORTH_BELOW = 4_000  # far enough below, so that a corpus at the edge is not indexed again and again

log = logging.getLogger(__name__)


def name_of(generation_id: int) -> str:
    return f"knowledge_embedding_hnsw_{generation_id}"


def exists(generation_id: int) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass(%s) IS NOT NULL", [name_of(generation_id)])
        return bool(cursor.fetchone()[0])


def ensure(generation: IndexGeneration) -> bool:
    """Make the index unless it is there; False when another process is at it, or the vectors are too long for one.

    Outside of transactions that wrote vectors.
    """
    return _call(generation.pk, wanted=True)


def drop(generation: IndexGeneration) -> bool:
    """Drop the index if it is there; False when another process is at an index just now."""
    return _call(generation.pk, wanted=False)


def tend(generation: IndexGeneration) -> None:
    """Make or drop the index, as the number of vectors that are found asks for. Cheap when there is nothing to do."""
    count = Embedding.objects.filter(generation=generation, is_found=True)[:WORTH_FROM].count()
    is_there = exists(generation.pk)
    if count >= WORTH_FROM and not is_there:
        log.info("indexing the vectors of generation %s", generation.pk)
        ensure(generation)
    elif count < NOT_WORTH_BELOW and is_there:
        drop(generation)


def _call(generation_id: int, *, wanted: bool) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT knowledge_index_vectors(%s, %s)", [generation_id, wanted])
        return bool(cursor.fetchone()[0])
