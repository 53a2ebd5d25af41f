"""How well a passage fits a question: one score of its meaning and its words.

    score = cosine + 0.06 × BM25 × √held

BM25 is the plain one (Robertson and Zaragoza, 2009: k1 1.2, b 0.5, lengths against a usual passage's), its words
weighed by their rarity among the passages one may read. ``held`` is the part of the question's words, so weighed, that
the passage holds at all. With it a chance word of a paraphrased question counts little, and a passage that holds nearly
all of a question of names and terms counts much, without knowing which kind of question it is. Cosine and BM25 are both
taken as they are and not against the best of the search, so that the best of many weak ones stays weak.

Chosen by measuring: docs/decisions has the figures, and `make bench ONLY=retrieval` makes them again.
"""

from __future__ import annotations

import math

WORDS_WEIGHT = 0.06
K1 = 1.2
B = 0.5
USUAL_LENGTH = 60  # different words in a passage


def fused(cosine: float, words: float, held: float) -> float:
    return cosine + WORDS_WEIGHT * worded(words, held)


def worded(words: float, held: float) -> float:
    """By words alone: BM25, less where little of the question is held."""
    return words * math.sqrt(max(held, 0.0))
