"""Which sentences of the found passages answer the question, word for word.

A sentence is judged by its cosine to the question, by how many of the question's rare words it holds (with what
it hangs on: its headings, its table's head, the line before its list), and by how well its passage was found.
Sentences next to each other that both fit are quoted as one. Below a threshold nothing is quoted: saying that
nothing was found is better than quoting what does not answer.
"""

from __future__ import annotations

import math
import re
import threading
from collections import Counter, OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from uuid import UUID

import numpy as np
import numpy.typing as npt
import snowballstemmer

from knowledge.found import Found
from knowledge.generations import embed_passages, embed_query, serving_generation
from knowledge.models import IndexGeneration
from knowledge.sentences import Sentence, sentences
from knowledge.wording import plain

WORDS_WEIGHT = 0.3
PASSAGE_WEIGHT = 0.7
ELSEWHERE, ASKS = 0.25, 0.2
LEAST_SCORE = 0.40
LEAST_COSINE = 0.25
JOIN_WITHIN = 0.3
LONGEST_QUOTE = 350
QUOTED_PASSAGES = 6
_REMEMBERED = 3000
_STOP_WORDS = """
a about after all am an and any are as at be been before but by can could did do does doing for from get had
has have he her his how i if in into is it its just may me much many must my need no not of on or our out
she should so some than that the their them then there they this to up us was we were what when where which
who whom why will with would you your long
"""
_STOP = frozenset(_STOP_WORDS.split())

Vectors = npt.NDArray[np.float32]
_POINTS_ELSEWHERE = re.compile(
    r"^\W*(?:(?:please |also )*(?:refer to|see|read|visit|check out|learn more|click)\b)"
    r"|\bfor (?:more|further|additional) (?:information|details?)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Quote:
    """Verbatim text of ``found[found_index]``; ``start`` and ``end`` count in the version's text."""

    found_index: int
    start: int
    end: int
    text: str
    score: float


@dataclass(frozen=True)
class _Scored:
    """A sentence of one passage; offsets count in the passage."""

    passage: int
    sentence: Sentence
    score: float
    cosine: float


class _Memory:
    """Sentences and their vectors by index generation and passage. Passages never change, so what is known stays
    true."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[int, UUID], tuple[list[Sentence], Vectors]] = OrderedDict()
        self._lock = threading.Lock()

    def recall(self, generation_id: int, passage_id: UUID) -> tuple[list[Sentence], Vectors] | None:
        with self._lock:
            if known := self._kept.get((generation_id, passage_id)):
                self._kept.move_to_end((generation_id, passage_id))
            return known

    def keep(self, generation_id: int, passage_id: UUID, known: tuple[list[Sentence], Vectors]) -> None:
        with self._lock:
            self._kept[generation_id, passage_id] = known
            while len(self._kept) > _REMEMBERED:
                self._kept.popitem(last=False)


_memory = _Memory()


def best_quotes(query: str, found: Sequence[Found], limit: int = 3) -> list[Quote]:
    """At most ``limit`` quotes that answer ``query``, best first; empty when nothing fits well enough."""
    if not found:
        return []
    top = max(one.score for one in found)
    scored = _score(query, [(one.passage_id, one.text, one.heading_path) for one in found[:QUOTED_PASSAGES]])
    ranked = sorted(
        (
            _Scored(
                one.passage, one.sentence, one.score - PASSAGE_WEIGHT * (top - found[one.passage].score), one.cosine
            )
            for one in scored
        ),
        key=lambda one: -one.score,
    )
    quotes: list[Quote] = []
    for one in ranked:
        if len(quotes) == limit or one.score < LEAST_SCORE or one.cosine < LEAST_COSINE:
            break
        source = found[one.passage]
        start, end = _with_neighbours(one, scored, source.text)
        is_new = source.text[start:end] not in {quote.text for quote in quotes}
        if is_new and not any(
            quote.found_index == one.passage and _touch(quote, start, end, source.start) for quote in quotes
        ):
            quotes.append(
                Quote(
                    one.passage, source.start + start, source.start + end, source.text[start:end], round(one.score, 4)
                )
            )
    return quotes


def quote_spans(query: str, passages: Sequence[tuple[UUID, str]]) -> list[tuple[int, int]]:
    """For each passage (id, text) the span of its best sentence; the whole passage when it has no sentence."""
    best: dict[int, _Scored] = {}
    for one in _score(query, [(passage_id, text, ()) for passage_id, text in passages]):
        if one.passage not in best or one.score > best[one.passage].score:
            best[one.passage] = one
    return [
        (best[index].sentence.start, best[index].sentence.end) if index in best else (0, len(text))
        for index, (_, text) in enumerate(passages)
    ]


def _score(query: str, passages: Sequence[tuple[UUID, str, Sequence[str]]]) -> list[_Scored]:
    """Every sentence of the passages (id, text, heading path), with its score for the question."""
    generation = serving_generation()
    known = _known(generation, [(passage_id, text) for passage_id, text, _ in passages])
    vector = embed_query(generation, query)
    asked = stems(query)
    bags: list[tuple[int, Sentence, float, frozenset[str], frozenset[str]]] = []
    for index, ((_, text, path), (found, vectors)) in enumerate(zip(passages, known, strict=True)):
        around = stems(" ".join(path))
        cosines = vectors @ vector if len(found) else ()
        for sentence, cosine in zip(found, cosines, strict=True):
            own = stems(plain(text[sentence.start : sentence.end]))
            bags.append((index, sentence, float(cosine), own, around | stems(sentence.lead)))
    weights = _weights(asked, [own for _, _, _, own, _ in bags])
    whole = sum(weights.values()) or 1.0
    return [
        _Scored(
            index,
            sentence,
            cosine
            + WORDS_WEIGHT * sum(_share(word, own, near) * weight for word, weight in weights.items()) / whole
            - _emptiness(passages[index][1][sentence.start : sentence.end]),
            cosine,
        )
        for index, sentence, cosine, own, near in bags
    ]


def _emptiness(text: str) -> float:
    """What a sentence loses for answering nothing itself: it asks, or it points to another page."""
    words = plain(text)
    return ASKS if words.endswith("?") else ELSEWHERE if _POINTS_ELSEWHERE.search(words) else 0.0


def _share(word: str, own: frozenset[str], near: frozenset[str]) -> float:
    return 1.0 if word in own else 0.5 if word in near else 0.0


def _weights(asked: frozenset[str], bags: Sequence[frozenset[str]]) -> dict[str, float]:
    """How much each word of the question tells these sentences apart (inverse document frequency among them)."""
    holders = Counter(word for bag in bags for word in bag & asked)
    return {word: math.log(1 + (len(bags) + 1) / (holders[word] + 0.5)) for word in asked}


def _known(generation: IndexGeneration, passages: Sequence[tuple[UUID, str]]) -> list[tuple[list[Sentence], Vectors]]:
    """Sentences and vectors of each passage; those not seen before are embedded in one batch."""
    known = {passage_id: _memory.recall(generation.pk, passage_id) for passage_id, _ in passages}
    new = [(passage_id, text, sentences(text)) for passage_id, text in passages if known[passage_id] is None]
    texts = [
        f"{sentence.lead} {plain(text[sentence.start : sentence.end])}".strip()
        for _, text, found in new
        for sentence in found
    ]
    vectors = embed_passages(generation, texts)
    at = 0
    for passage_id, _, found in new:
        known[passage_id] = (found, vectors[at : at + len(found)])
        _memory.keep(generation.pk, passage_id, (found, vectors[at : at + len(found)].copy()))
        at += len(found)
    return [entry for passage_id, _ in passages if (entry := known[passage_id]) is not None]


def _with_neighbours(one: _Scored, scored: Sequence[_Scored], text: str) -> tuple[int, int]:
    """The sentence's span, widened over neighbours that fit nearly as well and stand in the same block."""
    line = [other for other in scored if other.passage == one.passage]
    at = next(index for index, other in enumerate(line) if other.sentence == one.sentence)
    start, end = one.sentence.start, one.sentence.end
    for step in (-1, 1):
        index = at + step
        while 0 <= index < len(line):
            near = line[index].sentence
            wider = (min(start, near.start), max(end, near.end))
            between = text[min(end, near.end) : max(start, near.start)]
            if (
                line[index].score < line[at].score - JOIN_WITHIN
                or wider[1] - wider[0] > LONGEST_QUOTE
                or near.kind is not one.sentence.kind
                or "\n\n" in between
            ):
                break
            start, end = wider
            index += step
    first = next(other.sentence for other in line if other.sentence.start == start)
    return (first.lead_start if end - first.lead_start <= LONGEST_QUOTE else start), end


def _touch(quote: Quote, start: int, end: int, offset: int) -> bool:
    return quote.start < offset + end and offset + start < quote.end


@lru_cache(maxsize=20_000)
def _stem(word: str) -> str:
    return str(_stemmer().stemWord(word))


_local = threading.local()


def _stemmer() -> snowballstemmer.stemmer:  # one a thread: stemmers keep state while they work
    if not hasattr(_local, "stemmer"):
        _local.stemmer = snowballstemmer.stemmer("english")
    return _local.stemmer


def stems(text: str) -> frozenset[str]:
    """The stems of the words that carry meaning."""
    words = ("".join(sign if sign.isalnum() else " " for sign in text.lower())).split()
    return frozenset(_stem(word) for word in words if word not in _STOP)
