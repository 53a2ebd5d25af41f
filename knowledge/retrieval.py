"""Finding the passages that answer a question, among those its asker may read.

Two lists see different things: vectors know paraphrases, words know names, numbers and rare terms. Joined by
rank alone (reciprocal-rank fusion) a weak word match counts as much as a strong one, which was measured worse
than vectors alone on paraphrased questions. Here each candidate gets both scores, whichever list found it: its
cosine, and how much of the question it holds word for word (each word weighed by its inverse document frequency
among the passages one may read, saturating within a passage, absolute rather than relative to the best), and
the weighed sum decides. The rights are part of both lists' SQL, so that a passage one may not read is never
even a candidate.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.core.exceptions import EmptyResultSet
from django.db import connection

from accounts.models import User
from knowledge.found import Found
from knowledge.generations import embed_query, serving_generation
from knowledge.indexing import as_text
from knowledge.models import Source
from knowledge.quoting import quote_spans
from knowledge.wording import plain

CANDIDATES = 60
PER_DOCUMENT = 3
QUOTED = 8
LONGEST_QUERY = 1000
WORDS_WEIGHT = 1.0
WORDS_POWER = 1.4  # a strong match of words counts more than two half ones
SAME_WORDS = 0.85

_CANDIDATES = """
WITH allowed AS MATERIALIZED (
    SELECT v.id, v.number, d.id AS document_id, d.title, s.name AS source
    FROM knowledge_version v
    JOIN knowledge_document d ON d.id = v.document_id
    JOIN knowledge_source s ON s.id = d.source_id
    WHERE v.published_at IS NOT NULL AND v.withdrawn_at IS NULL AND s.id IN ({rights})
),
asked AS (SELECT unnest(tsvector_to_array(to_tsvector('english', %s))) AS word),
hits AS MATERIALIZED (
    SELECT p.id, a.word, ts_rank('{{1, 0.7, 0.6, 0.5}}', p.words, quote_literal(a.word)::tsquery) AS rank
    FROM asked a
    JOIN knowledge_passage p ON p.words @@ quote_literal(a.word)::tsquery
    JOIN allowed ON allowed.id = p.version_id
),
size AS (SELECT count(*)::float AS n FROM knowledge_passage p JOIN allowed ON allowed.id = p.version_id),
rarity AS (
    SELECT a.word, ln(1 + (size.n - count(hits.id) + 0.5) / (count(hits.id) + 0.5)) AS weight
    FROM size, asked a LEFT JOIN hits ON hits.word = a.word GROUP BY a.word, size.n
),
worded AS (
    SELECT hits.id, sum(hits.rank * rarity.weight) / (SELECT sum(weight) FROM rarity) AS score
    FROM hits JOIN rarity ON rarity.word = hits.word GROUP BY hits.id
),
near AS (
    SELECT e.passage_id AS id
    FROM knowledge_embedding e
    JOIN knowledge_passage p ON p.id = e.passage_id
    JOIN allowed ON allowed.id = p.version_id
    WHERE e.generation_id = %s
    ORDER BY e.vector <=> %s::halfvec LIMIT %s
),
best AS (
    SELECT id FROM near
    UNION (SELECT id FROM worded ORDER BY score DESC LIMIT %s)
)
SELECT p.id, allowed.document_id, allowed.title, allowed.source, p.version_id, allowed.number, p.heading_path, p.text,
       p.page, p.start, p."end", coalesce(1 - (e.vector <=> %s::halfvec), 0) AS cosine,
       coalesce(worded.score, 0) AS words
FROM best
JOIN knowledge_passage p ON p.id = best.id
LEFT JOIN knowledge_embedding e ON e.passage_id = p.id AND e.generation_id = %s
JOIN allowed ON allowed.id = p.version_id
LEFT JOIN worded ON worded.id = p.id
"""


@dataclass(frozen=True)
class Candidate:
    """A passage one of the lists brought up: its ``cosine`` to the question, and the part (0 to 1) of the question's
    words that it holds, ``words``, rare ones counting more."""

    passage_id: UUID
    document_id: UUID
    document_title: str
    source: str
    version_id: UUID
    version_number: int
    heading_path: list[str]
    text: str
    page: int | None
    start: int
    end: int
    cosine: float
    words: float


def search(*, user: User, query: str, limit: int = 8, source_ids: Sequence[UUID] = ()) -> list[Found]:
    """The passages that fit ``query`` best, best first, at most ``limit``, among those ``user`` may read.

    ``source_ids`` narrows it to these sources. The first eight have their best sentence as quote, the rest their text.
    Two SQL statements, whatever the size. Raises UnavailableError when the embedding model does not answer.
    """
    query = " ".join(query.replace("\x00", " ").split())[:LONGEST_QUERY]
    if not query:
        return []
    chosen = choose(candidates(user=user, query=query, source_ids=source_ids), limit)
    spans = quote_spans(query, [(candidate.passage_id, candidate.text) for candidate, _ in chosen[:QUOTED]])
    spans += [(0, len(candidate.text)) for candidate, _ in chosen[QUOTED:]]
    return [_found(candidate, score, span) for (candidate, score), span in zip(chosen, spans, strict=True)]


def candidates(*, user: User, query: str, source_ids: Sequence[UUID] = ()) -> list[Candidate]:
    """Every passage that either list brings up, with both scores, in no order."""
    sources = Source.objects.visible_to(user).order_by()
    if source_ids:
        sources = sources.filter(pk__in=source_ids)
    try:
        rights, rights_values = sources.values("pk").query.sql_with_params()
    except EmptyResultSet:  # Django knows already that this person may read nothing
        return []
    serving = serving_generation()
    generation, vector = serving.pk, as_text(embed_query(serving, query))
    values: list[Any] = [*rights_values, query, generation, vector, CANDIDATES, CANDIDATES, vector, generation]
    with connection.cursor() as cursor:
        cursor.execute(_CANDIDATES.format(rights=rights), values)
        return [Candidate(*row) for row in cursor.fetchall()]


def choose(found: Sequence[Candidate], limit: int) -> list[tuple[Candidate, float]]:
    """The best ``limit`` with their scores: near-duplicates once, and no document more than three times."""
    scored = sorted(
        ((candidate, candidate.cosine + WORDS_WEIGHT * candidate.words**WORDS_POWER) for candidate in found),
        key=lambda pair: (-pair[1], pair[0].document_id, pair[0].start),
    )
    return list(_distinct(scored, limit))


def _distinct(scored: Sequence[tuple[Candidate, float]], limit: int) -> Iterator[tuple[Candidate, float]]:
    taken: list[frozenset[str]] = []
    per_document: dict[UUID, int] = {}
    for candidate, score in scored:
        if len(taken) >= limit:
            return
        words = frozenset(plain(candidate.text).lower().split())
        if per_document.get(candidate.document_id, 0) >= PER_DOCUMENT or any(_is_same(words, one) for one in taken):
            continue
        taken.append(words)
        per_document[candidate.document_id] = per_document.get(candidate.document_id, 0) + 1
        yield candidate, score


def _is_same(one: frozenset[str], other: frozenset[str]) -> bool:
    return len(one & other) >= SAME_WORDS * max(len(one | other), 1)


def _found(candidate: Candidate, score: float, span: tuple[int, int]) -> Found:
    return Found(
        passage_id=candidate.passage_id,
        document_id=candidate.document_id,
        document_title=candidate.document_title,
        source=candidate.source,
        version_id=candidate.version_id,
        version_number=candidate.version_number,
        heading_path=tuple(candidate.heading_path),
        text=candidate.text,
        page=candidate.page,
        start=candidate.start,
        end=candidate.end,
        score=round(score, 4),
        quote_start=candidate.start + span[0],
        quote_end=candidate.start + span[1],
    )
