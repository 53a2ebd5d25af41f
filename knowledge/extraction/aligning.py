"""Finding a text again among the characters of a page.

The text of a document is not letter by letter what its page holds: lines are joined, hyphens at their ends and
signs of Markdown come and go, cells move. So only letters and digits are compared, and where the whole is not
found in one piece its longest pieces are.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

_SHORTEST = 8


class Letters:
    """The letters and digits of a sequence of characters, each with the index where it stands."""

    def __init__(self, characters: Sequence[str]) -> None:
        self.text = ""
        self.places: list[int] = []
        pieces: list[str] = []
        for index, character in enumerate(characters):
            for letter in _letters(character):
                pieces.append(letter)
                self.places.append(index)
        self.text = "".join(pieces)


def _letters(character: str) -> str:
    if character.isascii():
        return character.lower() if character.isalnum() else ""
    return "".join(letter for letter in unicodedata.normalize("NFKD", character).casefold() if letter.isalnum())


def find_spans(page: Sequence[str], marked: str, nth: int = 0) -> list[tuple[int, int]]:
    """The [start, end) stretches of ``page``, one character an entry, that hold ``marked``; the ``nth`` one from 0.

    One stretch when it stands there as a whole; its longest pieces, in their order, when it does not.
    """
    there, wanted = Letters(page), Letters(marked)
    if not wanted.text:
        return []
    at = -1
    for _ in range(nth + 1):
        found = there.text.find(wanted.text, at + 1)
        if found < 0:
            break
        at = found
    pieces = [(at, len(wanted.text))] if at >= 0 else _pieces(there.text, wanted.text)
    return [_with_signs(page, marked, there.places[start], there.places[start + size - 1]) for start, size in pieces]


def _with_signs(page: Sequence[str], marked: str, first: int, last: int) -> tuple[int, int]:
    """The stretch from ``first`` to ``last`` with the signs around it, such as a currency or a full stop, if they
    stand around ``marked`` as well.
    """
    letters = [index for index, character in enumerate(marked) if character.isalnum()] or [0]
    before, behind = marked[: letters[0]], marked[letters[-1] + 1 :]
    end = last + 1
    while end < len(page) and page[end].strip() and page[end] in behind:
        end += 1
    while first > 0 and page[first - 1].strip() and page[first - 1] in before:
        first -= 1
    return first, end


def _pieces(there: str, wanted: str) -> list[tuple[int, int]]:
    """Where the pieces of ``wanted`` stand in ``there``, as (start, size); always the longest that goes on from here.

    A piece is looked for behind the one before, then anywhere.
    """
    pieces: list[tuple[int, int]] = []
    shortest = min(_SHORTEST, len(wanted))
    at = behind = 0
    while at + shortest <= len(wanted):
        start, size = max(_longest(there[behind:], wanted, at, behind), _longest(there, wanted, at, 0), key=_by_size)
        if size < shortest:
            at += 1
            continue
        pieces.append((start, size))
        at, behind = at + size, start + size
    return pieces


def _by_size(piece: tuple[int, int]) -> int:
    return piece[1]


def _longest(there: str, wanted: str, at: int, offset: int) -> tuple[int, int]:
    """The longest piece of ``wanted`` beginning at ``at`` that ``there`` holds: where (plus ``offset``), how long."""
    low, high, start = 0, len(wanted) - at, 0
    while low < high:
        size = (low + high + 1) // 2
        found = there.find(wanted[at : at + size])
        if found < 0:
            high = size - 1
        else:
            low, start = size, found
    return start + offset, low
