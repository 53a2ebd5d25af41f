"""What a check looks at and what it says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import regex

from knowledge.extraction.types import Extracted
from knowledge.text.blocks import Block, Kind, blocks
from knowledge.text.splitting import Piece
from moderation.screening.normalising import Normalised

MOST_PLACES = 20
SERIOUS, NOTABLE = 0.75, 0.35
_ADDRESS = regex.compile(r"https?://\S+|www\.\S+|\]\([^)\s]*\)|\S+@\S+")
_WORD = regex.compile(r"[^\W\d_]+")


@dataclass(frozen=True)
class Finding:
    """One thing that a check found.

    ``severity`` is from 0 (harmless) to 1. ``message`` is a sentence for whoever keeps the document. ``places`` are
    [start, end) offsets into the version's text, at most MOST_PLACES. ``detail`` holds figures and ids, and never
    the found secret or personal data itself.
    """

    check: str
    severity: float
    message: str
    places: list[tuple[int, int]] = field(default_factory=list)
    detail: dict[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        return {
            "check": self.check,
            "severity": round(self.severity, 2),
            "message": self.message,
            "places": [list(place) for place in self.places],
            "detail": self.detail,
        }


def level(severity: float) -> str:
    """A severity in a word: serious, notable or minor."""
    return "serious" if severity >= SERIOUS else "notable" if severity >= NOTABLE else "minor"


@dataclass(frozen=True)
class Subject:
    """A text that is about to be published, with its passages to be and what its reader said of the file."""

    extracted: Extracted
    pieces: Sequence[Piece]
    size_bytes: int

    @property
    def text(self) -> str:
        return self.extracted.text

    @cached_property
    def running(self) -> list[Block]:
        """The blocks without code and tables."""
        return [block for block in blocks(self.text) if block.kind not in (Kind.CODE, Kind.TABLE)]

    @cached_property
    def prose(self) -> str:
        """What is written in sentences: without code, tables and addresses, whose letters follow other rules."""
        return _ADDRESS.sub(" ", "\n".join(self.text[block.start : block.end] for block in self.running))

    @cached_property
    def normal(self) -> Normalised:
        """The text in the one spelling that detectors look at."""
        return Normalised(self.text)

    @cached_property
    def words(self) -> list[str]:
        """The words of the prose."""
        return _WORD.findall(self.prose)


def some(places: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    return list(places[:MOST_PLACES])


def count(number: int, one: str, many: str = "") -> str:
    """``1 page``, ``12 pages``."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"
