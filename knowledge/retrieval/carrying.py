"""How well found passages carry a statement: by meaning, by words, and by numbers.

Meaning is the cosine to the sentence, or the pair of neighbouring ones, that comes nearest; words the part of the
statement's own that one stretch holds with its headings, rare ones counting more. Neither sees that "twelve weeks"
became "twenty", so numbers are looked for by themselves. Where the line between carried and not lies is for whoever
asks (``chat.composing.grounds``).
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from knowledge.index.generations import Vectors, embed_passages, serving_generation
from knowledge.retrieval.found import Found
from knowledge.retrieval.quoting import known_sentences, stems
from knowledge.text.wording import plain

_NUMBER = re.compile(r"\d+(?:[.,:]\d+)*")
_GROUPED = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")
_NAMED = """
two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen
twenty
"""
_IN_WORDS = {word: str(number) for number, word in enumerate(_NAMED.split(), 2)}  # "one" is mostly no number
_IN_WORDS |= {"thirty": "30", "forty": "40", "fifty": "50", "sixty": "60", "ninety": "90", "hundred": "100"}
_WORD = re.compile(r"[a-z]+")


@dataclass(frozen=True)
class Carried:
    """How well one statement is carried: ``cosine`` and ``held`` (0 to 1), and whether all its numbers are there."""

    cosine: float
    held: float
    has_numbers: bool


def carried(statements: Sequence[str], found: Sequence[Found], given: str = "") -> list[Carried]:
    """For each statement how well the passages carry it. Numbers in ``given``, the question, need no passage.

    Raises UnavailableError when the embedding model does not answer.
    """
    if not statements:
        return []
    texts = [plain(one) for one in statements]
    if not found:
        return [Carried(0.0, 0.0, not numbers_in(text) - numbers_in(given)) for text in texts]
    generation = serving_generation()
    windows = np.concatenate([_windows(vectors) for vectors in known_sentences(found, generation)])
    cosines = (embed_passages(generation, texts) @ windows.T).max(axis=1) if len(windows) else [0.0] * len(texts)
    stretches = [_words_of(one) for one in found]
    weights = _weights(stretches)
    numbers = numbers_in(given).union(*(numbers_in(f"{one.text} {' '.join(one.heading_path)}") for one in found))
    return [
        Carried(float(cosine), _held(stems(text), stretches, weights), numbers_in(text) <= numbers)
        for text, cosine in zip(texts, cosines, strict=True)
    ]


def numbers_in(text: str) -> frozenset[str]:
    """The numbers of a text, however they are written: 1,000 as 1000, twelve as 12."""
    digits = _NUMBER.findall(_GROUPED.sub("", text))
    return frozenset(digits) | {_IN_WORDS[word] for word in _WORD.findall(text.lower()) if word in _IN_WORDS}


def _windows(vectors: Vectors) -> Vectors:
    """Each sentence of a passage, and each two that follow each other as one."""
    if len(vectors) < 2:
        return vectors
    pairs = vectors[:-1] + vectors[1:]
    return np.concatenate([vectors, pairs / np.linalg.norm(pairs, axis=1, keepdims=True)])


def _words_of(found: Found) -> frozenset[str]:
    return stems(plain(f"{found.document_title} {' '.join(found.heading_path)} {found.text}"))


def _weights(stretches: Sequence[frozenset[str]]) -> Counter[str]:
    """In how many stretches a word stands."""
    return Counter(word for stretch in stretches for word in stretch)


def _held(words: frozenset[str], stretches: Sequence[frozenset[str]], holders: Counter[str]) -> float:
    """The part of the words that the stretch which holds most of them holds, weighed by their rarity."""
    weights = {word: math.log(1 + (len(stretches) + 1) / (holders[word] + 0.5)) for word in words}
    whole = sum(weights.values())
    if not whole:
        return 1.0
    return max(sum(weight for word, weight in weights.items() if word in stretch) for stretch in stretches) / whole
