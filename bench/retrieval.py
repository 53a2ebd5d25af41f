"""How often the demo company's questions find their answer: by words alone, by vectors alone, by both, and by BM25.

A question counts as answered by a passage of the expected file that holds the expected words. Quotes are judged the
same way: whether the first sentence shown, or one of the first three, holds them. One run: nothing here is random.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from uuid import UUID

import snowballstemmer

from accounts.models import User
from bench.company import Company, Question, questions
from bench.harness import Goal, Row
from bench.house import House
from chat.generation import EVIDENCE_COUNT, QUOTES
from knowledge.indexing import embedding_input
from knowledge.models import Document, Passage
from knowledge.quoting import best_quotes
from knowledge.retrieval import Candidate, candidates, choose, search
from knowledge.wording import plain

DEPTH = 5
# As bm25s takes them: Lucene's stop words, and its defaults for saturation and length.
_STOP_WORDS = """
a an and are as at be but by for if in into is it no not of on or such that the their then there these they this to was
will with
"""
_STOP = frozenset(_STOP_WORDS.split())
_K1, _B = 1.5, 0.75

Shown = list[tuple[UUID, str]]  # document and text, best first


def run(house: House) -> list[Row]:
    house.add_embedding_model()
    company = Company.found()
    company.bring_in()
    files = {
        document.pk: f"{document.source.name}/{document.key}" for document in Document.objects.select_related("source")
    }
    asked = questions()
    hits = {
        name: [_rank(find(question["question"]), question, files) for question in asked]
        for name, find in _finders(company.keeper).items()
    }
    rows: list[Row] = []
    for depth in (1, DEPTH):
        shares = {name: sum(rank <= depth for rank in ranks) / len(asked) for name, ranks in hits.items()}
        rows += [Row(f"{name}, hit@{depth}", [share], "of 1") for name, share in shares.items() if name != "both"]
        rows += [
            Row(f"both, hit@{depth}", [shares["both"]], "of 1", name, [shares[name]], Goal("ratio", 1, at_least=True))
            for name in ("BM25", "vectors alone")
        ]
    quoted = [_rank(_quoted(company.keeper, question["question"]), question, files) for question in asked]
    for depth, name in ((1, "first quote"), (QUOTES, f"first {QUOTES} quotes")):
        rows.append(Row(f"quoting, {name}", [sum(rank <= depth for rank in quoted) / len(asked)], "of 1"))
    _say_misses(asked, hits["both"], quoted)
    return rows


def _finders(user: User) -> dict[str, Callable[[str], Shown]]:
    def found_with(judge: Callable[[Candidate], Candidate]) -> Callable[[str], Shown]:
        def find(query: str) -> Shown:
            judged = [judge(candidate) for candidate in candidates(user=user, query=query)]
            return [(candidate.document_id, candidate.text) for candidate, _ in choose(judged, DEPTH)]

        return find

    return {
        "BM25": BM25().find,
        "words alone": found_with(lambda candidate: replace(candidate, cosine=0.0)),
        "vectors alone": found_with(lambda candidate: replace(candidate, words=0.0)),
        "both": found_with(lambda candidate: candidate),
    }


def _quoted(user: User, query: str) -> Shown:
    found = search(user=user, query=query, limit=EVIDENCE_COUNT)
    return [(found[quote.found_index].document_id, quote.text) for quote in best_quotes(query, found, QUOTES)]


def _rank(shown: Shown, question: Question, files: dict[UUID, str]) -> float:
    """At which place the answer stands, from 1; infinite when it does not."""
    wanted = _on_one_line(question["answer_contains"])
    for place, (document, text) in enumerate(shown, 1):
        if files[document] == question["file"] and wanted in _on_one_line(text):
            return place
    return math.inf


def _on_one_line(text: str) -> str:
    return " ".join(plain(text).split())


def _say_misses(asked: Sequence[Question], found: list[float], quoted: list[float]) -> None:
    for question, at, quote in zip(asked, found, quoted, strict=True):
        if at > 1 or quote > 1:
            print(f"  passage at {at}, quote at {quote}: {question['question']}")


class BM25:
    """Okapi BM25 over the passages' titles, headings and texts, with stemmed words: the plain way to search."""

    def __init__(self) -> None:
        self._stemmer = snowballstemmer.stemmer("english")
        passages = list(Passage.objects.select_related("version__document"))
        self._shown: Shown = [(passage.version.document_id, passage.text) for passage in passages]
        self._bags = [
            Counter(self._words(embedding_input(passage.version.document.title, passage.heading_path, passage.text)))
            for passage in passages
        ]
        self._mean = sum(bag.total() for bag in self._bags) / len(self._bags)
        self._holders = Counter(word for bag in self._bags for word in bag)

    def find(self, query: str) -> Shown:
        words = self._words(query)
        scores = [sum(self._score(word, bag) for word in words) for bag in self._bags]
        best = sorted(range(len(scores)), key=lambda index: -scores[index])
        return [self._shown[index] for index in best[:DEPTH]]

    def _score(self, word: str, bag: Counter[str]) -> float:
        holders, count = self._holders[word], bag[word]
        rarity = math.log(1 + (len(self._bags) - holders + 0.5) / (holders + 0.5))
        return rarity * count / (count + _K1 * (1 - _B + _B * bag.total() / self._mean))

    def _words(self, text: str) -> list[str]:
        words = [word for word in re.findall(r"\b\w\w+\b", text.lower()) if word not in _STOP]
        return list(self._stemmer.stemWords(words))
