"""The passages that a question brings up, by meaning and by words, each with both scores: one SQL statement.

Rights hold at every step: both lists take only what the sources' ``visible_to`` gives, and the last step asks again, of
the tables themselves. Rarity is counted among the allowed passages, so that a score tells nothing of others' words; of
words too common to seek it is the share among all passages, which is no secret.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import connection

from knowledge.retrieval.reach import Reach, Rights, Word
from knowledge.retrieval.scoring import K1, USUAL_LENGTH, B, fused, worded

NEAR, WORDED = 60, 60
FEWEST_NEAR = 24
EF_SEARCH = 100
_TSQUERY_SIGNS = str.maketrans({"'": "''", "\\": "\\\\"})

# How often a passage holds a word, t, follows from ts_rank by that word alone, r: it sums 1/i² over the places, against
# π²/6, so t ≈ 0.608 / (1 - r) - 0.5. The word's part of BM25, t / (t + c), is put in terms of r.
_RANK = "ts_rank('{1, 1, 1, 1}', p.words, a.word)"
_PART = f"""
(0.108 + 0.5 * rank) / (0.108 + 0.5 * rank + (1 - rank) * ({K1 * (1 - B):.4f} + {K1 * B / USUAL_LENGTH:.6f} * length))
"""

_CANDIDATES = """
WITH may AS MATERIALIZED (SELECT id FROM knowledge_source WHERE id IN ({rights})),
size AS MATERIALIZED (SELECT {size}::float AS n),
asked AS MATERIALIZED (
    SELECT word::tsquery AS word, seek::tsquery AS seek, share
    FROM unnest(%(words)s::text[], %(seeks)s::text[], %(shares)s::float[]) AS a(word, seek, share)
),
hits AS MATERIALIZED (
    SELECT p.id, a.word, {rank} AS rank, length(p.words) AS length
    FROM asked a
    JOIN knowledge_passage p ON p.words @@ a.seek
    JOIN knowledge_version v ON v.id = p.version_id AND v.published_at IS NOT NULL AND v.withdrawn_at IS NULL
    JOIN knowledge_document d ON d.id = v.document_id AND d.source_id = ANY(ARRAY(SELECT id FROM may))
    WHERE p.disabled_at IS NULL
),
holders AS (
    SELECT a.word,
           CASE WHEN a.seek = a.word THEN count(hits.id) ELSE greatest(a.share * size.n, count(hits.id)) END AS n
    FROM size, asked a LEFT JOIN hits ON hits.word = a.word GROUP BY a.word, a.seek, a.share, size.n
),
rarity AS MATERIALIZED (
    SELECT h.word, ln(1 + (greatest(size.n, h.n) - h.n + 0.5) / (h.n + 0.5)) AS weight FROM size, holders h
),
whole AS MATERIALIZED (SELECT greatest(sum(weight), 1e-9) AS weight FROM rarity),
worded AS (
    SELECT hits.id FROM hits JOIN rarity ON rarity.word = hits.word
    GROUP BY hits.id ORDER BY sum({part} * rarity.weight) * sqrt(sum(rarity.weight)) DESC, hits.id LIMIT %(worded)s
),
near AS ({near}),
best AS (SELECT id FROM near UNION SELECT id FROM worded)
SELECT p.id, d.id, d.title, s.name, s.id, v.id, v.number, p.ordinal, p.heading_path, p.text, p.page, p.start, p."end",
       coalesce(1 - (e.vector <=> %(vector)s::halfvec), 0), coalesce(w.score, 0), coalesce(w.weight, 0) / whole.weight
FROM best
JOIN knowledge_passage p ON p.id = best.id AND p.disabled_at IS NULL
JOIN knowledge_version v ON v.id = p.version_id AND v.published_at IS NOT NULL AND v.withdrawn_at IS NULL
JOIN knowledge_document d ON d.id = v.document_id
JOIN knowledge_source s ON s.id = d.source_id AND s.id = ANY(ARRAY(SELECT id FROM may))
LEFT JOIN knowledge_embedding e ON e.passage_id = p.id AND e.generation_id = %(generation)s
CROSS JOIN whole
CROSS JOIN LATERAL (
    SELECT sum({part} * weight) AS score, sum(weight) AS weight
    FROM (SELECT a.weight, {rank} AS rank, length(p.words) AS length FROM rarity a WHERE p.words @@ a.word OFFSET 0) one
) w
"""
_MAY = "SELECT id FROM knowledge_source WHERE id IN ({rights})"
_COUNTED = """(
    SELECT coalesce(sum(v.passage_count), 0) FROM knowledge_version v
    JOIN knowledge_document d ON d.id = v.document_id AND d.source_id = ANY(ARRAY(SELECT id FROM may))
    WHERE v.published_at IS NOT NULL AND v.withdrawn_at IS NULL
)"""
# OFFSET 0 keeps the planner from sorting everybody's vectors first: it cannot know how few one source has.
_NEAR_EXACTLY = """
    SELECT one.id FROM may, LATERAL (
        SELECT e.passage_id AS id, e.vector <=> %(vector)s::halfvec AS distance FROM knowledge_embedding e
        WHERE e.generation_id = %(generation)s AND e.is_found AND e.source_id = may.id
        AND e.passage_id NOT IN (SELECT id FROM knowledge_passage WHERE disabled_at IS NOT NULL)
        OFFSET 0
    ) one ORDER BY one.distance LIMIT %(near)s
"""
_NEAR_BY_INDEX = """
    SELECT e.passage_id AS id FROM knowledge_embedding e
    WHERE e.generation_id = %(generation)s AND e.is_found AND e.source_id = ANY(ARRAY(SELECT id FROM may))
    AND e.passage_id NOT IN (SELECT id FROM knowledge_passage WHERE disabled_at IS NOT NULL)
    ORDER BY (e.vector::halfvec({dimensions})) <=> %(vector)s::halfvec({dimensions}) LIMIT %(near)s
"""
# For one statement each. Joins go in the order they are written, the one that few rows pass through: looking for a
# better one takes longer than the search. The index goes on until enough allowed ones are found, and the planner may
# not sort everything instead.
_AS_WRITTEN = {"join_collapse_limit": "1", "jit": "off"}
_BY_INDEX = {"hnsw.ef_search": str(EF_SEARCH), "hnsw.iterative_scan": "relaxed_order", "enable_sort": "off"}


@dataclass(frozen=True)
class Candidate:
    """A passage that was brought up: its ``cosine`` to the question; ``words``, BM25 of what it shares with it; and
    ``held``, the part (0 to 1) of the question's words that it holds, rare ones counting more.
    """

    passage_id: UUID
    document_id: UUID
    document_title: str
    source: str
    source_id: UUID
    version_id: UUID
    version_number: int
    ordinal: int
    heading_path: list[str]
    text: str
    page: int | None
    start: int
    end: int
    cosine: float
    words: float
    held: float

    @property
    def worded(self) -> float:
        return worded(self.words, self.held)

    @property
    def score(self) -> float:
        return fused(self.cosine, self.words, self.held)


@dataclass(frozen=True)
class Vector:
    """The question as the generation's model sees it; ``text`` is how PostgreSQL reads it."""

    generation_id: int
    dimensions: int
    text: str


def candidates(reach: Reach, vector: Vector, *, by_index: bool | None = None) -> list[Candidate]:
    """Every passage that either list brings up, in no order. One statement.

    ``by_index`` says how to find the nearest; unless told, as the number of allowed passages asks for.
    """
    by_index = _is_by_index(reach) if by_index is None else by_index
    select = _CANDIDATES.format(
        rights=_named(reach.rights)[0],
        size=_COUNTED if reach.is_few else "%(passages)s",
        rank=_RANK,
        part=_PART.strip(),
        near=_near(vector, by_index=by_index),
    )
    near = near_count(reach.share) if by_index else NEAR
    values = _values(reach, vector, near) | _words(reach.words) | {"passages": reach.passages, "worded": WORDED}
    return [Candidate(*row) for row in _rows(select, values, by_index=by_index)]


def nearest(reach: Reach, vector: Vector, limit: int, *, by_index: bool | None = None) -> list[UUID]:
    """The list of vectors alone: the ids of the nearest allowed passages, about in order."""
    by_index = _is_by_index(reach) if by_index is None else by_index
    select = f"WITH may AS MATERIALIZED ({_MAY}) {_near(vector, by_index=by_index)}"
    rows = _rows(select.format(rights=_named(reach.rights)[0]), _values(reach, vector, limit), by_index=by_index)
    return [row[0] for row in rows]


def _is_by_index(reach: Reach) -> bool:
    return reach.is_indexed and not reach.is_few


def _near(vector: Vector, *, by_index: bool) -> str:
    return _NEAR_BY_INDEX.format(dimensions=vector.dimensions) if by_index else _NEAR_EXACTLY


def _values(reach: Reach, vector: Vector, near: int) -> dict[str, Any]:
    own = {"vector": vector.text, "generation": vector.generation_id, "near": near}
    return _named(reach.rights)[1] | own


def near_count(share: float) -> int:
    """How many the index is asked for: fewer where it has to pass over many that one may not read."""
    return max(FEWEST_NEAR, min(NEAR, round(2 * EF_SEARCH * share)))


def _named(rights: Rights) -> tuple[str, dict[str, Any]]:
    """The rights with named places, as the rest of the statement has them."""
    names = [f"right_{number}" for number in range(len(rights.values))]
    return rights.sql % tuple(f"%({name})s" for name in names), dict(zip(names, rights.values, strict=True))


def _words(words: tuple[Word, ...]) -> dict[str, Any]:
    return {
        "words": [_quoted(word.text) for word in words],
        "seeks": [" & ".join(map(_quoted, word.seeks)) or None for word in words],
        "shares": [word.share for word in words],
    }


def _quoted(word: str) -> str:
    """A word as tsquery reads it."""
    return f"'{word.translate(_TSQUERY_SIGNS)}'"


def _rows(select: str, values: dict[str, Any], *, by_index: bool) -> list[tuple[Any, ...]]:
    """The rows of a statement that runs with its own settings of the planner, in one round trip."""
    settings = _AS_WRITTEN | _BY_INDEX if by_index else _AS_WRITTEN
    before = "".join(f"SET LOCAL {name} = {value};" for name, value in settings.items())
    after = "".join(f";SET LOCAL {name} TO DEFAULT" for name in settings)
    with connection.cursor() as cursor:
        cursor.execute(before + select + after, values)
        while cursor.description is None:
            cursor.nextset()
        return list(cursor.fetchall())
