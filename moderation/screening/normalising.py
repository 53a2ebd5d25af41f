"""Stage 0 of screening: one spelling for what only looks different, with the way back to the original characters.

Every character is normalised by itself (compatibility decomposition, accents off, digits of any script to 0-9,
invisible characters gone), so that the normal form of a text's beginning is the beginning of its normal form. A stream
can therefore be normalised piece by piece. Case is kept, because secrets depend on it; the detectors ignore it where
it does not matter.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_left
from functools import lru_cache

_ACCENTS = ((0x0300, 0x036F), (0x1AB0, 0x1AFF), (0x1DC0, 0x1DFF), (0x20D0, 0x20FF), (0xFE20, 0xFE2F))
_UNSEEN = {0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x2800, 0x3164, 0xFFA0}
_WHOLE = {"ß": "ss", "ẞ": "SS", "ı": "i", "æ": "ae", "Æ": "AE", "œ": "oe", "Œ": "OE", "ø": "o", "Ø": "O", "ł": "l"}
_RUN = re.compile(r"[\x00-\x7f]+|.", re.DOTALL)


class Normalised:
    """A text's normal form, which can grow at its end."""

    def __init__(self, original: str = "") -> None:
        self.text = ""
        self._length = 0
        self._places: list[int] | None = None  # place of each normal character; None while they are the same
        self.grow(original)

    def grow(self, more: str) -> None:
        """Take more of the original text."""
        if more.isascii() and self._places is None:
            self.text += more
        else:
            places = self._places if self._places is not None else list(range(self._length))
            parts = [self.text]
            for run in _RUN.finditer(more):
                place, text = self._length + run.start(), run[0]
                if text.isascii():
                    places.extend(range(place, place + len(text)))
                else:
                    text = normal_form(text)
                    places.extend([place] * len(text))
                parts.append(text)
            self.text, self._places = "".join(parts), places
        self._length += len(more)

    def place(self, index: int) -> int:
        """Where in the original the normal character at ``index`` stands; at the end, the original's length."""
        if index >= len(self.text):
            return self._length
        return self._places[index] if self._places is not None else index

    def index(self, place: int) -> int:
        """How many normal characters stand for the original before ``place``."""
        return bisect_left(self._places, place) if self._places is not None else min(place, self._length)


@lru_cache(maxsize=8192)
def normal_form(character: str) -> str:
    """The normal form of one character: none, one or several characters."""
    if _is_unseen(character):
        return ""
    if character in _WHOLE:
        return _WHOLE[character]
    kept = (part for part in unicodedata.normalize("NFKD", character) if not _is_unseen(part))
    return "".join(_digit(part) for part in kept)


def normal_text(text: str) -> str:
    return Normalised(text).text


def _is_unseen(character: str) -> bool:
    """Zero-width, direction and tag characters, variation selectors, fillers, and accents set apart."""
    code = ord(character)
    if code < 0x80:
        return False
    if code in _UNSEEN or 0xFE00 <= code <= 0xFE0F or 0xE0000 <= code <= 0xE0FFF:
        return True
    return unicodedata.category(character) == "Cf" or any(first <= code <= last for first, last in _ACCENTS)


def _digit(character: str) -> str:
    value = unicodedata.decimal(character, None)
    return str(value) if value is not None else character
