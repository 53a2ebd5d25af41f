"""What a search may look through, how much that is, and which of its words are worth looking for.

How many passages one may read decides how to search: a few are all compared with the question, which is exact; of many
the approximate index passes those one may read, which is quick. Comparing few is quick as well, and passing over nearly
everything is slow and misses half, so the choice is the program's and not the planner's.

Words that stand everywhere bring up thousands of passages and tell little, so where there are many passages only the
rarer words of a question seek; the others still count in what these bring up. How many passages there are, and which
words are common, is a copy up to a minute old: it steers how to search, never what may be found.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.core.exceptions import EmptyResultSet
from django.db import connection

from accounts.models import User
from knowledge.index import vector_index
from knowledge.models import Source, SourceQuerySet

EXACT_UP_TO = 2_500  # passages; measured: about where comparing all takes as long as the index (bench/search_acl.py)
HITS = 2_500  # passages that words may bring up before the commoner ones no longer seek
FRESH_SECONDS = 60.0

_SURVEY = """
SELECT ARRAY({rights}), tsvector_to_array(to_tsvector('english', %s)), to_regclass(%s) IS NOT NULL
"""
_SIZES = """
SELECT s.id, coalesce(sum(v.passage_count), 0)::int
FROM knowledge_source s
LEFT JOIN knowledge_document d ON d.source_id = s.id
LEFT JOIN knowledge_version v ON v.document_id = d.id AND v.published_at IS NOT NULL AND v.withdrawn_at IS NULL
GROUP BY s.id
"""
# What PostgreSQL itself notes of the commonest words (a thousand of them) whenever it analyses the table.
_COMMON = """
SELECT most_common_elems::text::text[], most_common_elem_freqs FROM pg_stats
WHERE schemaname = 'public' AND tablename = 'knowledge_passage' AND attname = 'words'
"""


@dataclass(frozen=True)
class Rights:
    """The SQL that gives the ids of the sources one may search, with its values."""

    sql: str
    values: tuple[Any, ...]


@dataclass(frozen=True)
class Word:
    """A word of the question as the index knows it. ``seeks``: the words a passage must hold to be brought up by it;
    none when it only counts. ``share`` is the part of all passages that hold it, 0 when they are few.
    """

    text: str
    seeks: tuple[str, ...]
    share: float


@dataclass(frozen=True)
class Reach:
    """``passages`` that may be searched, of ``total``: about, and exactly counted by the search itself when few. They
    are in the sources ``allowed``.
    """

    rights: Rights
    words: tuple[Word, ...]
    passages: int
    total: int
    is_indexed: bool
    allowed: tuple[UUID, ...] = ()

    @property
    def is_few(self) -> bool:
        return self.passages <= EXACT_UP_TO

    @property
    def share(self) -> float:
        return min(1.0, self.passages / max(self.total, 1))


def survey(user: User, query: str, source_ids: Sequence[UUID], generation_id: int) -> Reach | None:
    """One statement; None when there is nothing that this person may search."""
    sources = Source.objects.visible_to(user)
    return survey_of(sources.filter(pk__in=source_ids) if source_ids else sources, query, generation_id)


def survey_of(sources: SourceQuerySet, query: str, generation_id: int) -> Reach | None:
    """The same over these sources, whoever may read them."""
    try:
        sql, values = sources.order_by().values("pk").query.sql_with_params()
    except EmptyResultSet:  # Django knows already that this person may read nothing
        return None
    with connection.cursor() as cursor:
        cursor.execute(_SURVEY.format(rights=sql), [*values, query, vector_index.name_of(generation_id)])
        allowed, texts, is_indexed = cursor.fetchone()
    if not allowed:
        return None
    census = _census(allowed)
    passages = sum(census.sizes.get(source_id, 0) for source_id in allowed)
    words = choose_words(texts, census.common, census.total)
    return Reach(Rights(sql, values), words, passages, census.total, is_indexed, tuple(allowed))


def choose_words(texts: Sequence[str], common: Mapping[str, float], total: int) -> tuple[Word, ...]:
    """Which words seek: the rarest, until they bring up enough; of common words alone, passages that hold several."""
    by_rarity = sorted(texts, key=lambda text: common.get(text, 0.0))
    seeking: list[str] = []
    hits = 0.0
    for text in by_rarity:
        hits += common.get(text, 0.0) * total
        if hits > HITS:
            break
        seeking.append(text)
    if seeking or not by_rarity:
        return tuple(Word(text, (text,) if text in seeking else (), common.get(text, 0.0)) for text in texts)
    together = _together(by_rarity, common, total)
    return tuple(Word(text, together if text in together else (), common.get(text, 0.0)) for text in texts)


def _together(by_rarity: Sequence[str], common: Mapping[str, float], total: int) -> tuple[str, ...]:
    """As many of the rarest words as it takes until few passages hold all of them, were they independent."""
    hits = float(total)
    for count, text in enumerate(by_rarity, 1):
        hits *= common.get(text, 0.0)
        if hits <= HITS:
            return tuple(by_rarity[:count])
    return tuple(by_rarity)


@dataclass(frozen=True)
class _Census:
    taken_at: float
    sizes: dict[UUID, int]
    common: dict[str, float]

    @property
    def total(self) -> int:
        return sum(self.sizes.values())


_lock = threading.Lock()
_latest: _Census | None = None


def _census(source_ids: Sequence[UUID]) -> _Census:
    """The latest copy, unless it is old or does not know one of these sources."""
    global _latest
    with _lock:
        known = _latest
    is_fresh = known is not None and time.monotonic() - known.taken_at < FRESH_SECONDS
    if known is None or not is_fresh or any(source_id not in known.sizes for source_id in source_ids):
        known = _count()
        with _lock:
            _latest = known
    return known


def _count() -> _Census:
    with connection.cursor() as cursor:
        cursor.execute(_SIZES)
        sizes = dict(cursor.fetchall())
        cursor.execute(_COMMON)
        row = cursor.fetchone()
    common = dict(zip(row[0], row[1], strict=False)) if row and row[0] else {}
    return _Census(time.monotonic(), sizes, common)
