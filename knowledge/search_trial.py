"""Trying a search: what a question brings up, what becomes of each passage and why, and how long each step takes.

As oneself it shows what one may read. As somebody else it shows what of one's own sources that person would find, since
keeping a source is what gives the right to know; each such look is written to the audit log, the question as a digest.
Besides, it names passages of one's own sources that the question would bring up, were they not disabled, out of force,
or closed to that person.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal
from uuid import UUID

from django.db import connection, transaction

from accounts.audit import digest, record
from accounts.models import User
from accounts.rights import require
from knowledge.index.generations import embed_query, serving_generation
from knowledge.index.indexing import as_text
from knowledge.models import Source, SourceQuerySet
from knowledge.retrieval import Search, look
from knowledge.retrieval.candidates import Candidate, Vector, candidates
from knowledge.retrieval.choosing import Fate, Judged
from knowledge.retrieval.quoting import stems
from knowledge.retrieval.reach import survey_of

SHOWN = 24
LIMIT = 8
NOT_FOUND = 10
SNIPPET = 260
STEPS = ("rewording", "embedding", "finding", "reranking", "choosing", "quoting")

_WORD = re.compile(r"\w+")

Why = Literal["disabled", "replaced", "withdrawn", "unpublished", "closed"]

# Of the sources one keeps: the nearest passages that no search finds, for what they are.
_NOT_FOUND = """
SELECT p.id, d.title, s.name, p.heading_path, p.text, 1 - (e.vector <=> %(vector)s::halfvec), v.number,
       CASE WHEN p.disabled_at IS NOT NULL AND e.is_found THEN 'disabled'
            WHEN v.published_at IS NULL THEN 'unpublished'
            WHEN d.state = 'withdrawn' THEN 'withdrawn'
            ELSE 'replaced' END,
       p.disabled_reason
FROM knowledge_embedding e
JOIN knowledge_passage p ON p.id = e.passage_id
JOIN knowledge_version v ON v.id = p.version_id
JOIN knowledge_document d ON d.id = v.document_id
JOIN knowledge_source s ON s.id = d.source_id
WHERE e.generation_id = %(generation)s AND s.id = ANY(%(sources)s) AND (NOT e.is_found OR p.disabled_at IS NOT NULL)
ORDER BY e.vector <=> %(vector)s::halfvec LIMIT %(limit)s
"""


@dataclass(frozen=True)
class Piece:
    """A stretch of a snippet; ``is_asked`` when it is a word of the question."""

    text: str
    is_asked: bool


@dataclass(frozen=True)
class Line:
    """A candidate as the table shows it. Places count from 1; none where the list did not bring it up."""

    judged: Judged
    by_words: int | None
    by_meaning: int | None
    snippet: list[Piece]
    by_title: str = ""

    @property
    def candidate(self) -> Candidate:
        return self.judged.ranked.candidate

    @property
    def fate(self) -> Fate:
        return self.judged.fate


@dataclass(frozen=True)
class Missed:
    """A passage that the question would bring up, and why it does not."""

    passage_id: UUID
    document_title: str
    source: str
    heading_path: list[str]
    snippet: list[Piece]
    cosine: float
    version_number: int
    why: Why
    reason: str = ""


@dataclass(frozen=True)
class Trial:
    """A search as it was tried; ``closed_count`` passages of one's sources come up and are closed to this person."""

    search: Search
    person: User
    lines: list[Line] = field(default_factory=list)
    missed: list[Missed] = field(default_factory=list)
    closed_count: int = 0

    @property
    def is_reranked(self) -> bool:
        return any(one.reranked is not None for one in self.search.ranked)

    @property
    def steps(self) -> list[tuple[str, float]]:
        """Each step with its milliseconds, in order; without those that no model is set up for."""
        idle = {"rewording"} - {"rewording" for _ in self.search.wordings}
        idle |= set() if self.is_reranked else {"reranking"}
        seconds = self.search.seconds
        return [(step, 1000 * seconds[step]) for step in STEPS if step in seconds and step not in idle]


def try_search(
    *, actor: User, question: str, earlier: str = "", person: User | None = None, source_ids: Sequence[UUID] = ()
) -> Trial:
    """Search as ``person``, or as oneself. Raises UnavailableError when the embedding model does not answer."""
    require(actor, "knowledge.test_search")
    kept = Source.objects.editable_by(actor)
    if source_ids:
        kept = kept.filter(pk__in=source_ids)
    kept_ids = list(kept.values_list("pk", flat=True))
    before = [earlier] if earlier.strip() else []
    if person is None or person == actor:
        done = look(user=actor, query=question, limit=LIMIT, source_ids=source_ids, earlier=before)
        return _trial(done, actor, kept, kept_ids)
    with transaction.atomic():
        payload = {"question": digest(question), "sources": [str(source_id) for source_id in source_ids]}
        record(actor=actor, action="knowledge.search_as", obj=person, payload=payload)
    if not kept_ids:  # no ids would mean every source
        return Trial(Search(question), person)
    done = look(user=person, query=question, limit=LIMIT, source_ids=kept_ids, earlier=before)
    return _trial(done, person, kept, kept_ids)


def _trial(done: Search, person: User, kept: SourceQuerySet, kept_ids: Sequence[UUID]) -> Trial:
    if not done.query:
        return Trial(done, person)
    asked = stems(done.query)
    missed: list[Missed] = []
    closed: list[Missed] = []
    if kept_ids:
        generation = serving_generation()
        vector = Vector(generation.pk, generation.dimensions, as_text(embed_query(generation, done.query)))
        closed = _closed(done, kept, person, vector, asked)
        missed = _not_found(kept_ids, vector, asked)
    return Trial(done, person, _lines(done, asked), [*closed[:NOT_FOUND], *missed], len(closed))


def _lines(done: Search, asked: frozenset[str]) -> list[Line]:
    by_words = _places([one.candidate for one in done.ranked if one.candidate.words > 0], lambda one: one.worded)
    by_meaning = _places([one.candidate for one in done.ranked], lambda one: one.cosine)
    titles = {one.candidate.passage_id: one.candidate.document_title for one in done.ranked}
    return [
        Line(
            judged,
            by_words.get(judged.ranked.candidate.passage_id),
            by_meaning.get(judged.ranked.candidate.passage_id),
            snippet(judged.ranked.candidate.text, asked),
            titles.get(judged.by, "") if judged.by else "",
        )
        for judged in done.choice.judged[:SHOWN]
    ]


def _places(found: Sequence[Candidate], score: Callable[[Candidate], float]) -> dict[UUID, int]:
    ordered = sorted(found, key=lambda one: -score(one))
    return {one.passage_id: place for place, one in enumerate(ordered, 1)}


def _closed(done: Search, kept: SourceQuerySet, person: User, vector: Vector, asked: frozenset[str]) -> list[Missed]:
    """What would be shown of the sources one keeps that ``person`` may not read, best first."""
    theirs = Source.objects.visible_to(person).values("pk")
    reach = survey_of(kept.exclude(pk__in=theirs), done.query, vector.generation_id)
    if reach is None:
        return []
    least = min((result.best.score for result in done.choice.results), default=0.0)
    brought = sorted(candidates(reach, vector), key=lambda one: -one.score)
    return [
        Missed(
            one.passage_id,
            one.document_title,
            one.source,
            one.heading_path,
            snippet(one.text, asked),
            one.cosine,
            one.version_number,
            "closed",
        )
        for one in brought
        if one.score >= least
    ]


def _not_found(kept_ids: Sequence[UUID], vector: Vector, asked: frozenset[str]) -> list[Missed]:
    """What is nearest of all that no search finds at all: disabled, or of a version that is not in force."""
    values: dict[str, Any] = {"vector": vector.text, "generation": vector.generation_id}
    with connection.cursor() as cursor:
        cursor.execute(_NOT_FOUND, values | {"sources": list(kept_ids), "limit": NOT_FOUND})
        return [
            Missed(passage_id, title, source, path, snippet(text, asked), *rest)
            for passage_id, title, source, path, text, *rest in cursor.fetchall()
        ]


def snippet(text: str, asked: frozenset[str]) -> list[Piece]:
    """The part of a passage with the first words of the question in it, those words apart."""
    words = list(_WORD.finditer(text))
    hits = [word for word in words if stems(word[0]) & asked]
    start = max(0, hits[0].start() - SNIPPET // 4) if hits else 0
    if start:
        start = next((word.start() for word in words if word.start() >= start), start)
    end = next((word.start() for word in words if word.start() > start + SNIPPET), len(text))
    pieces, at = [Piece("… " if start else "", False)], start
    for word in hits:
        if word.start() >= at and word.end() <= end:
            pieces += [Piece(text[at : word.start()], False), Piece(word[0], True)]
            at = word.end()
    return [*pieces, Piece(text[at:end].rstrip() + (" …" if end < len(text) else ""), False)]
