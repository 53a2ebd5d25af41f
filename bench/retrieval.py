"""How often questions find their answers, on every set there is: by words alone, by vectors alone, and by both.

Everything goes through the real thing: files are brought in, read, split and embedded as any folder's are, and the
searches are the ones that Parley makes, as somebody who may read all of it. Beside them stands BM25 as `bm25s` does it
over the same passages, with an English stemmer. The rankings are of passages, nothing dropped or joined; "as shown" is
what a search hands out, where the same is said once, three results are of one document at most and neighbours are
joined. Nothing here is random; set BENCH_DATA for the sets besides the demo's.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from uuid import UUID

import bm25s  # type: ignore[import-untyped]
import snowballstemmer
from rich.console import Console
from rich.table import Table

from accounts.models import User
from bench.company import Company
from bench.harness import Goal, Row
from bench.house import House
from bench.judging import DEEPEST, Finder, Ranking, Shown, measures, ranks
from bench.remembering import remembered
from bench.sets import Asked, QuestionSet, question_sets, what_is_missing
from chat.composing.gathering import EVIDENCE_COUNT, QUOTES
from knowledge.index.generations import embed_query, serving_generation
from knowledge.index.indexing import as_text, embedding_input
from knowledge.models import Document, Passage, Source
from knowledge.retrieval import look, search
from knowledge.retrieval.candidates import Candidate, Vector, candidates
from knowledge.retrieval.followups import standalone
from knowledge.retrieval.quoting import best_quotes
from knowledge.retrieval.reach import survey

HYBRID, AS_SHOWN = "hybrid", "hybrid, as shown"
OTHERS = ("words, bm25s", "words, ours", "vectors")


@dataclass(frozen=True)
class Subject:
    """A set brought in: its source, its files by document, and its questions."""

    name: str
    user: User
    source: Source
    keys: Mapping[UUID, str]
    asked: Sequence[Asked]


def run(house: House) -> list[Row]:
    house.add_embedding_model()
    company = Company.found()
    rows: list[Row] = []
    with remembered():
        for question_set in question_sets():
            subject = _bring_in(company, question_set)
            rows += _measured(subject)
    if said := what_is_missing():
        print(said)
    return rows


def _bring_in(company: Company, question_set: QuestionSet) -> Subject:
    with tempfile.TemporaryDirectory() as folder:
        question_set.write(Path(folder))
        company.bring_in_folder(Path(folder), question_set.name)
    source = Source.objects.get(name=question_set.name)
    published = Document.objects.filter(source=source, state=Document.State.PUBLISHED)
    texts = {one.key: version.text for one in published if (version := one.published_version())}
    keys = {one.pk: one.key for one in published}
    return Subject(question_set.name, company.keeper, source, keys, question_set.asked(texts))


def _measured(subject: Subject) -> list[Row]:
    finders = _finders(subject)
    seconds: dict[str, list[float]] = {name: [] for name in finders}
    found: dict[str, list[list[float]]] = {name: [] for name in finders}
    for one in subject.asked:
        query = standalone(one.question, one.earlier)
        for name, find in finders.items():
            begun = time.perf_counter()
            ranking = find(query)
            seconds[name].append(time.perf_counter() - begun)
            found[name].append(ranks(one, ranking))
    results = {name: measures(places) for name, places in found.items()}
    _print(subject, results, seconds)
    rows = _rows(subject.name, results)
    rows.append(Row(f"{subject.name}: a search", [1000 * median(seconds[AS_SHOWN])], "ms"))
    return [*rows, *_halves(subject.name, found), *_followups(subject, finders[HYBRID]), *_quotes(subject)]


def _rows(name: str, results: Mapping[str, Mapping[str, float]]) -> list[Row]:
    rows: list[Row] = []
    for measure in results[HYBRID]:
        rows += [Row(f"{name}: {other}, {measure}", [results[other][measure]], "of 1") for other in (*OTHERS, AS_SHOWN)]
        best = max(OTHERS, key=lambda other: results[other][measure])
        base = [results[best][measure]]
        rows.append(
            Row(f"{name}: {HYBRID}, {measure}", [results[HYBRID][measure]], "of 1", best, base, Goal("ratio", 1, True))
        )
    return rows


def _halves(name: str, found: Mapping[str, Sequence[Sequence[float]]]) -> list[Row]:
    """The second of every two questions apart: the weights were chosen by looking at the first of them only."""
    rows = []
    for half, said in ((0, "tuned on"), (1, "held out")):
        results = {method: measures(places[half::2]) for method, places in found.items()}
        for measure in ("recall@10", "nDCG@10"):
            best = max(OTHERS, key=lambda other: results[other][measure])
            rows.append(
                Row(
                    f"{name}: {HYBRID}, {measure}, half {said}",
                    [results[HYBRID][measure]],
                    "of 1",
                    best,
                    [results[best][measure]],
                )
            )
    return rows


def _followups(subject: Subject, find: Finder) -> list[Row]:
    """Questions that lean on the one before, searched for as they are and as standing alone."""
    leaning = [one for one in subject.asked if one.earlier]
    if not leaning:
        return []
    alone = measures([ranks(one, find(one.question)) for one in leaning])
    read = measures([ranks(one, find(standalone(one.question, one.earlier))) for one in leaning])
    return [
        Row(f"{subject.name}: follow-ups, {measure}", [read[measure]], "of 1", "as asked", [alone[measure]])
        for measure in ("recall@5", "MRR")
    ]


def _quotes(subject: Subject) -> list[Row]:
    """Whether the first sentence quoted, or one of the first three, holds the answer; where answers are sentences."""
    if subject.name != "demo":
        return []
    places = [ranks(one, _quoted(subject, one.question))[0] for one in subject.asked]
    return [
        Row(f"{subject.name}: {name}", [sum(place <= depth for place in places) / len(places)], "of 1")
        for depth, name in ((1, "first quote"), (QUOTES, f"first {QUOTES} quotes"))
    ]


def _quoted(subject: Subject, query: str) -> Ranking:
    found = search(user=subject.user, query=query, limit=EVIDENCE_COUNT, source_ids=[subject.source.pk])
    return [
        [Shown(subject.keys[found[quote.found_index].document_id], quote.text, quote.start, quote.end)]
        for quote in best_quotes(query, found, QUOTES)
    ]


def _finders(subject: Subject) -> dict[str, Finder]:
    def by(score: Callable[[Candidate], float], query: str) -> Ranking:
        ordered = sorted(_candidates(subject, query), key=lambda one: (-score(one), str(one.document_id), one.start))
        return [[Shown(subject.keys[one.document_id], one.text, one.start, one.end)] for one in ordered[:DEEPEST]]

    def as_shown(query: str) -> Ranking:
        found = look(user=subject.user, query=query, limit=DEEPEST, source_ids=[subject.source.pk]).found
        return [
            [
                Shown(subject.keys[one.document_id], one.text[part.start - one.start : part.end - one.start], *place)
                for part in one.passages()
                for place in [(part.start, part.end)]
            ]
            for one in found
        ]

    return {
        OTHERS[0]: _bm25s(subject),
        OTHERS[1]: partial(by, lambda one: one.worded),
        OTHERS[2]: partial(by, lambda one: one.cosine),
        HYBRID: partial(by, lambda one: one.score),
        AS_SHOWN: as_shown,
    }


def _candidates(subject: Subject, query: str) -> list[Candidate]:
    generation = serving_generation()
    reach = survey(subject.user, query, [subject.source.pk], generation.pk)
    assert reach is not None
    vector = Vector(generation.pk, generation.dimensions, as_text(embed_query(generation, query)))
    return candidates(reach, vector)


def _bm25s(subject: Subject) -> Finder:
    """`bm25s` over titles, headings and texts of the same passages, with its own stop words and an English stemmer."""
    found = Passage.objects.filter(version__document__source=subject.source).select_related("version__document")
    passages = list(found.order_by("pk"))
    stemmer = snowballstemmer.stemmer("english")
    tokenized = partial(bm25s.tokenize, stopwords="en", stemmer=stemmer.stemWords, show_progress=False)
    index = bm25s.BM25()
    texts = [embedding_input(one.version.document.title, one.heading_path, one.text) for one in passages]
    index.index(tokenized(texts), show_progress=False)

    def find(query: str) -> Ranking:
        numbers, _ = index.retrieve(tokenized([query]), k=min(DEEPEST, len(passages)), show_progress=False)
        best = [passages[number] for number in numbers[0]]
        return [[Shown(one.version.document.key, one.text, one.start, one.end)] for one in best]

    return find


def _print(
    subject: Subject, results: Mapping[str, Mapping[str, float]], seconds: Mapping[str, Sequence[float]]
) -> None:
    """One table a set, its ways side by side."""
    table = Table(title=f"{subject.name}: {len(subject.asked)} questions", title_justify="left")
    table.add_column("found by")
    for measure in results[HYBRID]:
        table.add_column(measure, justify="right")
    table.add_column("ms, median", justify="right")
    for name, measured in results.items():
        figures = [f"{value:.3f}" for value in measured.values()]
        table.add_row(name, *figures, f"{1000 * median(seconds[name]):.1f}")
    Console(width=100).print(table)
