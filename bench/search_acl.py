"""Searching 100,000 passages of which one may read 0.1 % to 100 %: what is found of the truly nearest, and how long it
takes, against comparing all allowed ones and against the index without any rights.

The passages are made up (bench/filling.py) and written before the index is made, as a first import is. A question is a
passage's vector with noise and a few of its words. All ways take turns, question by question, on one connection.
"Vectors" is the list of the nearest alone, "hybrid" everything that a search asks the database once it has a vector,
finding out what one may search included, which is a row of its own as well.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from django.db import connection

from accounts.models import User
from bench.filling import PASSAGES, Corpus, Vectors, fill
from bench.harness import Goal, Row, quantile, repeats
from bench.house import House
from knowledge.index import vector_index
from knowledge.index.generations import serving_generation
from knowledge.index.indexing import as_text
from knowledge.models import IndexGeneration, Source
from knowledge.retrieval.candidates import EF_SEARCH, Vector, candidates, nearest
from knowledge.retrieval.reach import Reach, Rights, survey

QUESTIONS = 100
NOISE = 0.5
WORDS = 6
FOUND = 10
LEAST_RECALL = 0.98
SLOWER = 1.5

_UNFILTERED = """
SET LOCAL hnsw.ef_search = {ef};
SELECT passage_id FROM knowledge_embedding WHERE generation_id = %s AND is_found
ORDER BY (vector::halfvec({dimensions})) <=> %s::halfvec({dimensions}) LIMIT %s
"""


@dataclass(frozen=True)
class Question:
    text: str
    vector: Vectors


def run(house: House) -> list[Row]:
    house.add_embedding_model()
    corpus = fill()
    generation = serving_generation()
    begun = time.monotonic()
    vector_index.ensure(generation)
    rows = [Row(f"indexing {PASSAGES:,} vectors", [time.monotonic() - begun], "s")]
    questions = _questions(corpus)
    for share, reader in corpus.readers.items():
        rows += _of_share(corpus, share, reader, questions, generation)
    return rows


def _questions(corpus: Corpus, seed: int = 5) -> list[Question]:
    chance = np.random.default_rng(seed)
    asked = []
    for index in chance.integers(0, PASSAGES, QUESTIONS):
        vector = corpus.vectors[index]
        noisy = vector + NOISE * chance.standard_normal(len(vector)).astype(np.float32) / len(vector) ** 0.5
        words = chance.choice(corpus.words[index], WORDS, replace=False)
        asked.append(Question(" ".join(words), (noisy / np.linalg.norm(noisy)).astype(np.float32)))
    return asked


def _of_share(
    corpus: Corpus, share: float, reader: User, questions: Sequence[Question], generation: IndexGeneration
) -> list[Row]:
    ways = _ways(reader, generation)
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    recalls: list[float] = []
    truth = _truth(corpus, reader, questions)
    for number in range(repeats()):
        for asked, nearest_ones in zip(questions, truth, strict=True):
            for name in ways if number % 2 == 0 else reversed(list(ways)):
                begun = time.perf_counter()
                found = ways[name](asked)
                seconds[name].append(1000 * (time.perf_counter() - begun))
                if name == "vectors" and isinstance(found, list):
                    recalls.append(len(set(found[:FOUND]) & nearest_ones) / len(nearest_ones))
    return _rows(f"{share:.1%}", seconds, float(np.mean(recalls)))


def _rows(name: str, seconds: Mapping[str, Sequence[float]], recall: float) -> list[Row]:
    rows = [
        Row(f"{name} allowed: vectors, recall@{FOUND}", [recall], "of 1", goal=Goal("value", LEAST_RECALL, True)),
        Row(f"{name} allowed: what one may search, p95", [quantile(seconds["survey"], 0.95)], "ms"),
    ]
    for what in ("vectors", "hybrid"):
        others = {other: seconds[f"{what}, {other}"] for other in ("comparing all", "without rights")}
        best = min(others, key=lambda other: quantile(others[other], 0.95))
        for part in (0.5, 0.95):
            figures = [quantile(seconds[what], part)]
            base = [quantile(others[best], part)]
            goal = Goal("ratio", SLOWER) if part == 0.95 else None
            rows.append(Row(f"{name} allowed: {what}, p{100 * part:.0f}", figures, "ms", best, base, goal))
    return rows


Way = Callable[[Question], object]


def _ways(reader: User, generation: IndexGeneration) -> dict[str, Way]:
    """Each from the question's text and vector to passages, with everything that a search asks the database."""

    def vector(asked: Question) -> Vector:
        return Vector(generation.pk, generation.dimensions, as_text(asked.vector))

    def surveyed(asked: Question) -> Reach:
        reach = survey(reader, asked.text, (), generation.pk)
        assert reach is not None
        return reach

    known = surveyed(Question("", np.zeros(0, dtype=np.float32)))

    def by_vectors(asked: Question, *, by_index: bool | None = None) -> Sequence[object]:
        return nearest(known, vector(asked), FOUND, by_index=by_index)

    def hybrid(asked: Question, *, by_index: bool | None = None) -> Sequence[object]:
        return [one.passage_id for one in candidates(surveyed(asked), vector(asked), by_index=by_index)]

    def without_rights(asked: Question) -> Sequence[object]:
        sql = _UNFILTERED.format(ef=EF_SEARCH, dimensions=generation.dimensions)
        with connection.cursor() as cursor:
            cursor.execute(sql, [generation.pk, as_text(asked.vector), FOUND])
            cursor.nextset()
            return [row[0] for row in cursor.fetchall()]

    everyone = Source.objects.order_by().values("pk").query.sql_with_params()

    def hybrid_without_rights(asked: Question) -> Sequence[object]:
        found = surveyed(asked)
        reach = replace(found, rights=Rights(*everyone), passages=found.total)
        return [one.passage_id for one in candidates(reach, vector(asked), by_index=True)]

    return {
        "survey": surveyed,
        "vectors": by_vectors,
        "vectors, comparing all": partial(by_vectors, by_index=False),
        "vectors, without rights": without_rights,
        "hybrid": hybrid,
        "hybrid, comparing all": partial(hybrid, by_index=False),
        "hybrid, without rights": hybrid_without_rights,
    }


def _truth(corpus: Corpus, reader: User, questions: Sequence[Question]) -> list[set[object]]:
    """The ids of the truly nearest allowed passages of each question, computed apart from the database."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT passage_id FROM knowledge_embedding WHERE source_id = ANY(%s)",
            [list(Source.objects.visible_to(reader).values_list("pk", flat=True))],
        )
        allowed = {row[0] for row in cursor.fetchall()}
    numbers = np.array([number for number, passage_id in enumerate(corpus.ids) if passage_id in allowed])
    vectors = corpus.vectors[numbers]
    best = [numbers[np.argsort(-(vectors @ asked.vector))[:FOUND]] for asked in questions]
    return [{corpus.ids[number] for number in each} for each in best]
