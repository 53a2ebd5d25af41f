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
from dataclasses import dataclass, replace
from functools import lru_cache
from uuid import UUID

import numpy as np
import numpy.typing as npt
import snowballstemmer

from knowledge.index.generations import embed_passages, embed_query, serving_generation
from knowledge.models import IndexGeneration, Passage
from knowledge.retrieval.found import Found
from knowledge.text.sentences import Sentence, sentences
from knowledge.text.wording import plain

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
class Place:
    """A passage whose sentences may be quoted: a part of which found stretch, and where in the version it begins."""

    found_index: int
    passage_id: UUID
    text: str
    heading_path: Sequence[str]
    start: int


@dataclass(frozen=True)
class _Scored:
    """A sentence of one passage; offsets count in the passage."""

    place: Place
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


def best_quotes(query: str, found: Sequence[Found], limit: int = 3, vector: Vectors | None = None) -> list[Quote]:
    """At most ``limit`` quotes that answer ``query``, best first; empty when nothing fits well enough.

    A quote stands within one passage, also where several were found as one stretch. ``vector`` is the question's, where
    its search has made it already.
    """
    if not found:
        return []
    top = max(one.score for one in found)
    generation = serving_generation()
    vector = embed_query(generation, query) if vector is None else vector
    scored = _score(query, _places(found[:QUOTED_PASSAGES]), generation, vector)
    ranked = sorted(
        (replace(one, score=one.score - PASSAGE_WEIGHT * (top - found[one.place.found_index].score)) for one in scored),
        key=lambda one: -one.score,
    )
    quotes: list[Quote] = []
    for one in ranked:
        if len(quotes) == limit or one.score < LEAST_SCORE or one.cosine < LEAST_COSINE:
            break
        quote = _quote(one, scored)
        if not any(_is_known(quote, known) for known in quotes):
            quotes.append(quote)
    return quotes


def quote_spans(
    query: str, places: Sequence[Place], generation: IndexGeneration, vector: Vectors
) -> dict[int, tuple[int, int]]:
    """For each found stretch the span of its best sentence in the version's text; none where it has no sentence.

    ``vector`` is the question's, of ``generation``.
    """
    best: dict[int, _Scored] = {}
    for one in _score(query, places, generation, vector):
        index = one.place.found_index
        if index not in best or one.score > best[index].score:
            best[index] = one
    return {
        index: (one.place.start + one.sentence.start, one.place.start + one.sentence.end) for index, one in best.items()
    }


def remember(passages: Sequence[Passage]) -> None:
    """Have the sentences of passages at hand, so that a search which finds them need not wait for their vectors."""
    if passages:
        places = [Place(number, one.pk, one.text, (), one.start) for number, one in enumerate(passages)]
        _known(serving_generation(), places)


def known_sentences(found: Sequence[Found], generation: IndexGeneration) -> list[Vectors]:
    """For each passage of what was found the vectors of its sentences, in order. Their search has made them already."""
    return [vectors for _, vectors in _known(generation, _places(found))]


def _places(found: Sequence[Found]) -> list[Place]:
    return [
        Place(
            index,
            part.passage_id,
            one.text[part.start - one.start : part.end - one.start],
            part.heading_path,
            part.start,
        )
        for index, one in enumerate(found)
        for part in one.passages()
    ]


def _quote(one: _Scored, scored: Sequence[_Scored]) -> Quote:
    start, end = _with_neighbours(one, scored)
    place = one.place
    return Quote(place.found_index, place.start + start, place.start + end, place.text[start:end], round(one.score, 4))


def _is_known(quote: Quote, known: Quote) -> bool:
    """Whether the same was quoted before, or something of the same words."""
    touches = known.found_index == quote.found_index and known.start < quote.end and quote.start < known.end
    return touches or known.text == quote.text


def _score(query: str, places: Sequence[Place], generation: IndexGeneration, vector: Vectors) -> list[_Scored]:
    """Every sentence of the passages, with its score for the question."""
    asked = stems(query)
    bags: list[tuple[Place, Sentence, float, frozenset[str], frozenset[str]]] = []
    for place, (found, vectors) in zip(places, _known(generation, places), strict=True):
        around = stems(" ".join(place.heading_path))
        cosines = vectors @ vector if len(found) else ()
        for sentence, cosine in zip(found, cosines, strict=True):
            own = stems(plain(place.text[sentence.start : sentence.end]))
            bags.append((place, sentence, float(cosine), own, around | stems(sentence.lead)))
    weights = _weights(asked, [own for _, _, _, own, _ in bags])
    whole = sum(weights.values()) or 1.0
    return [
        _Scored(
            place,
            sentence,
            cosine
            + WORDS_WEIGHT * sum(_share(word, own, near) * weight for word, weight in weights.items()) / whole
            - _emptiness(place.text[sentence.start : sentence.end]),
            cosine,
        )
        for place, sentence, cosine, own, near in bags
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


def _known(generation: IndexGeneration, places: Sequence[Place]) -> list[tuple[list[Sentence], Vectors]]:
    """Sentences and vectors of each passage; those not seen before are embedded in one batch."""
    known = {place.passage_id: _memory.recall(generation.pk, place.passage_id) for place in places}
    new = [(place, sentences(place.text)) for place in places if known[place.passage_id] is None]
    texts = [
        f"{sentence.lead} {plain(place.text[sentence.start : sentence.end])}".strip()
        for place, found in new
        for sentence in found
    ]
    vectors = embed_passages(generation, texts)
    at = 0
    for place, found in new:
        known[place.passage_id] = (found, vectors[at : at + len(found)])
        _memory.keep(generation.pk, place.passage_id, (found, vectors[at : at + len(found)].copy()))
        at += len(found)
    return [entry for place in places if (entry := known[place.passage_id]) is not None]


def _with_neighbours(one: _Scored, scored: Sequence[_Scored]) -> tuple[int, int]:
    """The sentence's span, widened over neighbours that fit nearly as well and stand in the same block."""
    text = one.place.text
    line = [other for other in scored if other.place is one.place]
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
