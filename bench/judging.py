"""How good a ranking is: recall, mean reciprocal rank, and normalised discounted cumulative gain.

A question wants one or more things; a result counts for each thing that it is the first to bring.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean

from bench.sets import Answer, Asked

DEPTHS = (5, 10, 20)
DEEPEST = max(DEPTHS)
GAIN_DEPTH = 10


@dataclass(frozen=True)
class Shown:
    """A passage as a ranking shows it; ``key`` is its file, ``start`` and ``end`` count in the text read from it."""

    key: str
    text: str
    start: int
    end: int

    def answers(self, answer: Answer) -> bool:
        return answer.is_in(self.key, self.text, self.start, self.end)


Ranking = Sequence[Sequence[Shown]]  # results, best first, each of one passage or of several joined
Finder = Callable[[str], Ranking]


def ranks(asked: Asked, ranking: Ranking) -> list[float]:
    """For each thing wanted, the place it is first found at, from 1; infinite when it is not."""
    return [
        next(
            (
                float(place)
                for place, result in enumerate(ranking, 1)
                if any(shown.answers(answer) for shown in result for answer in alternatives)
            ),
            math.inf,
        )
        for alternatives in asked.wanted
    ]


def measures(found: Sequence[Sequence[float]]) -> dict[str, float]:
    """The means over questions, each given as the ``ranks`` of what it wants; all between 0 and 1."""
    results = {
        f"recall@{depth}": fmean(fmean(rank <= depth for rank in places) for places in found) for depth in DEPTHS
    }
    results["MRR"] = fmean(1 / min(places) for places in found)
    results[f"nDCG@{GAIN_DEPTH}"] = fmean(_gain(places) for places in found)
    return results


def _gain(places: Sequence[float]) -> float:
    gained = sum(1 / math.log2(1 + place) for place in {place for place in places if place <= GAIN_DEPTH})
    best = sum(1 / math.log2(1 + place) for place in range(1, min(len(places), GAIN_DEPTH) + 1))
    return gained / best
