"""A search from the question to what is shown, and what there is to say about how it went.

In order: the question stands alone, its vector, what one may look through, the candidates of both lists, their order,
what is dropped and joined, and the sentence to quote of each result. A rewording model and a reranker take part where
they are set up; without them, or when they fail, the order is the plain one.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from uuid import UUID

from django.db import connection

from accounts.models import User
from app.inference.asides.expanding import expand
from app.inference.asides.reranking import rerank
from knowledge.index.generations import Vectors, serving_generation
from knowledge.index.indexing import as_text
from knowledge.index.question_vectors import question_vectors
from knowledge.models import IndexGeneration
from knowledge.retrieval.candidates import Candidate, Vector, candidates
from knowledge.retrieval.choosing import Choice, Ranked, Result, choose
from knowledge.retrieval.followups import standalone
from knowledge.retrieval.found import Found, Part
from knowledge.retrieval.quoting import Place, quote_spans
from knowledge.retrieval.reach import Reach, survey

QUOTED = 8
LONGEST_QUERY = 1000
RERANKED = 30
REWORDED = 0.9  # what a passage keeps of the score it has for a rewording

_STRETCHES = """
SELECT substr(v.text, a.start + 1, a.stop - a.start)
FROM unnest(%s::uuid[], %s::int[], %s::int[]) WITH ORDINALITY AS a(version_id, start, stop, number)
JOIN knowledge_version v ON v.id = a.version_id ORDER BY a.number
"""


@dataclass
class Search:
    """A search as it went. ``query`` is what was searched for, ``vector`` its own (None where one may read nothing),
    ``seconds`` what each step took.
    """

    query: str
    wordings: list[str] = field(default_factory=list)
    reach: Reach | None = None
    ranked: list[Ranked] = field(default_factory=list)
    choice: Choice = field(default_factory=Choice)
    found: list[Found] = field(default_factory=list)
    vector: Vectors | None = None
    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def timed(self, step: str) -> Iterator[None]:
        begun = time.perf_counter()
        yield
        self.seconds[step] = self.seconds.get(step, 0.0) + time.perf_counter() - begun


def search(
    *, user: User, query: str, limit: int = 8, source_ids: Sequence[UUID] = (), earlier: Sequence[str] = ()
) -> list[Found]:
    """The passages that fit ``query`` best, best first, at most ``limit``, among those ``user`` may read.

    ``source_ids`` narrows it to these sources; ``earlier`` are the questions before it, oldest first, which a question
    that leans on them is read with. The first eight have their best sentence as quote, the rest their text. A fixed
    number of SQL statements, whatever the size. Raises UnavailableError when the embedding model does not answer.
    """
    return look(user=user, query=query, limit=limit, source_ids=source_ids, earlier=earlier).found


def look(
    *, user: User, query: str, limit: int = 8, source_ids: Sequence[UUID] = (), earlier: Sequence[str] = ()
) -> Search:
    """``search``, with everything that can be said about how it went."""
    done = Search(standalone(cleaned(query), earlier))
    if not done.query:
        return done
    generation = serving_generation()
    with done.timed("rewording"):
        done.wordings = expand(done.query)
    _bring_up(done, user, source_ids, generation)
    with done.timed("reranking"):
        done.ranked = _reranked(done.query, done.ranked)
    with done.timed("choosing"):
        done.choice = choose(done.ranked, limit)
    with done.timed("quoting"):
        done.found = _found(done, generation)
    return done


def cleaned(query: str) -> str:
    """A question as it is searched for: on one line, not endless."""
    return " ".join(query.replace("\x00", " ").split())[:LONGEST_QUERY]


def _bring_up(done: Search, user: User, source_ids: Sequence[UUID], generation: IndexGeneration) -> None:
    """Fill in the candidates of the question and its rewordings, in order, and the question's vector."""
    best: dict[UUID, Ranked] = {}
    for query in (done.query, *done.wordings):
        with done.timed("finding"):
            reach = survey(user, query, source_ids, generation.pk)
        if reach is None:
            return
        with done.timed("embedding"):
            vector = question_vectors.embed(generation, query, reach.allowed)
        with done.timed("finding"):
            brought = candidates(reach, Vector(generation.pk, generation.dimensions, as_text(vector)))
        for one in brought:
            score = one.score if done.vector is None else REWORDED * one.score
            if one.passage_id not in best or best[one.passage_id].score < score:
                best[one.passage_id] = Ranked(one, score, 0)
        if done.vector is None:
            done.vector, done.reach = vector, reach
    ordered = sorted(best.values(), key=lambda one: (-one.score, str(one.candidate.document_id), one.candidate.start))
    done.ranked = [replace(one, place=place) for place, one in enumerate(ordered, 1)]


def _reranked(query: str, ranked: list[Ranked]) -> list[Ranked]:
    """The first thirty as a reranker orders them, when there is one; places stay what they were."""
    top = ranked[:RERANKED]
    scores = rerank(query, [_told(one.candidate) for one in top])
    if not scores:
        return ranked
    judged = [replace(one, reranked=score) for one, score in zip(top, scores, strict=True)]
    return sorted(judged, key=lambda one: -(one.reranked or 0.0)) + ranked[RERANKED:]


def _told(candidate: Candidate) -> str:
    """A passage as a reranker reads it: where it stands, then what it says."""
    return "\n".join([" – ".join([candidate.document_title, *candidate.heading_path]), candidate.text])


def _found(done: Search, generation: IndexGeneration) -> list[Found]:
    """Results as they are handed out, the first of them with their best sentence."""
    results = done.choice.results
    if done.vector is None:
        return []
    texts = _texts(results)
    places = [
        Place(number, one.passage_id, one.text, (), one.start)
        for number, result in enumerate(results[:QUOTED])
        for one in result.passages
    ]
    spans = quote_spans(done.query, places, generation, done.vector)
    return [
        _result(result, text, spans.get(number, (result.best.candidate.start, result.best.candidate.end)))
        for number, (result, text) in enumerate(zip(results, texts, strict=True))
    ]


def _texts(results: Sequence[Result]) -> list[str]:
    """The text of each stretch, with what stands between its passages. No statement where nothing was joined."""
    joined = [result for result in results if len(result.passages) > 1]
    if not joined:
        return [result.passages[0].text for result in results]
    ids = [result.passages[0].version_id for result in joined]
    with connection.cursor() as cursor:
        cursor.execute(_STRETCHES, [ids, [one.start for one in joined], [one.end for one in joined]])
        stretches = iter([text for (text,) in cursor.fetchall()])
    return [next(stretches) if len(one.passages) > 1 else one.passages[0].text for one in results]


def _result(result: Result, text: str, quote: tuple[int, int]) -> Found:
    best, first = result.best.candidate, result.passages[0]
    return Found(
        passage_id=best.passage_id,
        document_id=best.document_id,
        document_title=best.document_title,
        source=best.source,
        version_id=best.version_id,
        version_number=best.version_number,
        heading_path=tuple(first.heading_path),
        text=text,
        page=first.page,
        start=result.start,
        end=result.end,
        score=round(result.best.score, 4),
        quote_start=quote[0],
        quote_end=quote[1],
        parts=tuple(
            Part(one.passage_id, tuple(one.heading_path), one.page, one.start, one.end) for one in result.passages
        ),
    )
