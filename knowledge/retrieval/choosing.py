"""From candidates in order to results: what says the same again is dropped, and so is too much of one document;
passages that follow each other under one heading are joined to one result, since each lacks what the other says.

Everything that is looked at gets a word about what became of it, for whoever tries a search.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal
from uuid import UUID

from knowledge.retrieval.candidates import Candidate
from knowledge.text.wording import plain

PER_DOCUMENT = 3  # results of one document; where many are asked for, half of them
SAME_WORDS = 0.85
LONGEST_JOINED = 2000  # characters
JOINS_WITHIN = 2  # times the limit: how far down a neighbour may stand

Fate = Literal["shown", "joined", "same", "document", "rest"]


@dataclass(frozen=True)
class Ranked:
    """A candidate with its place by the joined score, from 1, and what a reranker thought of it, if one was asked."""

    candidate: Candidate
    score: float
    place: int
    reranked: float | None = None


@dataclass
class Result:
    """One result to be: the passage found best, and all of its stretch in order of the text."""

    best: Ranked
    passages: list[Candidate]

    @property
    def start(self) -> int:
        return self.passages[0].start

    @property
    def end(self) -> int:
        return self.passages[-1].end

    def takes(self, other: Candidate) -> bool:
        """Whether ``other`` follows or precedes the stretch, under the same heading, and there is room for it."""
        first, last = self.passages[0], self.passages[-1]
        return (
            other.version_id == first.version_id
            and other.heading_path == first.heading_path
            and other.ordinal in (first.ordinal - 1, last.ordinal + 1)
            and max(self.end, other.end) - min(self.start, other.start) <= LONGEST_JOINED
        )

    def join(self, other: Candidate) -> None:
        self.passages = sorted([*self.passages, other], key=lambda one: one.ordinal)


@dataclass(frozen=True)
class Judged:
    """What became of a candidate, and by which passage of the results, where that is the reason."""

    ranked: Ranked
    fate: Fate
    by: UUID | None = None


@dataclass
class Choice:
    results: list[Result] = field(default_factory=list)
    judged: list[Judged] = field(default_factory=list)


def choose(ranked: Sequence[Ranked], limit: int) -> Choice:
    """At most ``limit`` results of the candidates, best first, and a word about each candidate."""
    choice = Choice()
    shown: list[tuple[frozenset[str], UUID]] = []
    of_document: Counter[UUID] = Counter()
    most = max(PER_DOCUMENT, limit // 2)
    for number, one in enumerate(ranked):
        candidate = one.candidate
        if len(choice.results) >= limit and number >= JOINS_WITHIN * limit:
            choice.judged.append(Judged(one, "rest"))
            continue
        words = frozenset(plain(candidate.text).lower().split())
        same = next((passage_id for known, passage_id in shown if _is_same(words, known)), None)
        neighbour = next((result for result in choice.results if result.takes(candidate)), None)
        if same is not None:
            choice.judged.append(Judged(one, "same", same))
        elif neighbour is not None and number < JOINS_WITHIN * limit:
            neighbour.join(candidate)
            shown.append((words, candidate.passage_id))
            choice.judged.append(Judged(one, "joined", neighbour.best.candidate.passage_id))
        elif of_document[candidate.document_id] >= most:
            choice.judged.append(Judged(one, "document"))
        elif len(choice.results) >= limit:
            choice.judged.append(Judged(one, "rest"))
        else:
            choice.results.append(Result(one, [candidate]))
            of_document[candidate.document_id] += 1
            shown.append((words, candidate.passage_id))
            choice.judged.append(Judged(one, "shown"))
    return choice


def _is_same(one: frozenset[str], other: frozenset[str]) -> bool:
    return len(one & other) >= SAME_WORDS * max(len(one | other), 1)
