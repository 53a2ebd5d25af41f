"""Which cards an answer rests on, when its model wrote none of their numbers.

Small models forget to cite. The sentences of the answer are compared with the quotes on the cards by meaning; a card
that some sentence comes close to is cited at the answer's end. It says "this is where to check", not "this is proven".
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from chat.composing.evidence import Card
from knowledge.index.generations import embed_passages, serving_generation

CLOSE = 0.6  # cosine of MiniLM between a sentence and a quote on the same matter; unrelated ones stay below 0.4
MOST_CARDS = 3
MOST_SENTENCES = 16
SENTENCE_END = re.compile(r"(?<=[.!?])\s+|\n+")


def supporting(text: str, cards: Sequence[Card]) -> list[int]:
    """Numbers of at most three cards that a sentence of ``text`` comes close to, the closest first."""
    sentences = [part.strip() for part in SENTENCE_END.split(text) if len(part.strip()) > 20][:MOST_SENTENCES]
    if not sentences or not cards:
        return []
    vectors = embed_passages(serving_generation(), [*sentences, *(card.quote for card in cards)])
    closeness = (vectors[: len(sentences)] @ vectors[len(sentences) :].T).max(axis=0)
    ranked = sorted(zip(closeness, cards, strict=True), key=lambda pair: -pair[0])
    return [card.number for closeness_of, card in ranked[:MOST_CARDS] if closeness_of >= CLOSE]
