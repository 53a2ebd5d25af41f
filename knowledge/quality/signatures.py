"""The signature of a text, by which the database finds texts that say the same.

Words are taken five by five (shingles), and MinHash keeps for each of 120 random orders of all shingles the first
that the text has: two texts agree in one with the probability of their Jaccard similarity. Five agreements make a
band, and a signature is the hashes of its 24 bands: of texts that are .8 alike 99.99 % share a band, of texts that are
.4 alike 22 %, so what shares one is a candidate whose similarity is then counted exactly
(Leskovec, Rajaraman, Ullman: Mining of Massive Datasets, chapter 3).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
import regex

SHINGLE_WORDS = 5
BANDS, ROWS = 24, 5
_WORD = regex.compile(r"\w+")
# At a time, times orders: all orders of a whole book at once would take a gigabyte.
_MOST_SHINGLES = 1 << 16

Hashes = npt.NDArray[np.uint64]


def _random(count: int, seed: int) -> Hashes:
    return np.random.Generator(np.random.PCG64(seed)).integers(0, 2**64, count, dtype=np.uint64)


_ODD = _random(BANDS * ROWS, 1) | np.uint64(1)
_PLUS = _random(BANDS * ROWS, 2)
_PLACES = _random(max(SHINGLE_WORDS, ROWS), 3) | np.uint64(1)


def signature(text: str) -> list[int]:
    """One number for the whole text, then one for each band; the bands are left out when there are too few words.

    The first is the same for texts that differ in case and spacing only. Signed, as PostgreSQL's bigint is.
    """
    words = _words(text)
    numbers = [_number("\x00".join(words))]
    return [_signed(number) for number in [*numbers, *_bands(_shingles(words)).tolist()]]


def similarity(one: str, other: str) -> float:
    """The part of the five-word runs of both texts that they share, from 0 to 1 (Jaccard)."""
    words, others = _words(one), _words(other)
    if words == others:
        return 1.0
    mine, theirs = _shingles(words), _shingles(others)
    shared = np.intersect1d(mine, theirs, assume_unique=True).size
    return float(shared / max(mine.size + theirs.size - shared, 1))


def _words(text: str) -> list[str]:
    return _WORD.findall(text.casefold())


def _number(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little")


def _shingles(words: Iterable[str]) -> Hashes:
    """A hash of every five neighbouring words, each once."""
    known: dict[str, int] = {}
    for word in (words := list(words)):
        if word not in known:
            known[word] = _number(word)
    hashes = np.fromiter((known[word] for word in words), dtype=np.uint64, count=len(words))
    if hashes.size < SHINGLE_WORDS:
        return np.zeros(0, dtype=np.uint64)
    runs = hashes.size - SHINGLE_WORDS + 1
    summed = np.zeros(runs, dtype=np.uint64)
    for place in range(SHINGLE_WORDS):
        summed += hashes[place : place + runs] * _PLACES[place]
    return np.unique(_mixed(summed))


def _bands(shingles: Hashes) -> Hashes:
    if not shingles.size:
        return np.zeros(0, dtype=np.uint64)
    first = np.full(BANDS * ROWS, np.iinfo(np.uint64).max, dtype=np.uint64)
    for start in range(0, shingles.size, _MOST_SHINGLES // BANDS):
        part = shingles[start : start + _MOST_SHINGLES // BANDS]
        np.minimum(first, (part[:, None] * _ODD + _PLUS).min(axis=0), out=first)
    rows = first.reshape(BANDS, ROWS)
    return _mixed((rows * _PLACES[:ROWS]).sum(axis=1, dtype=np.uint64) + np.arange(BANDS, dtype=np.uint64))


def _mixed(values: Hashes) -> Hashes:
    """Every bit of a value decides every bit of the result (the finaliser of SplitMix64)."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


def _signed(number: int) -> int:
    return number - 2**64 if number >= 2**63 else number
