"""The places of a saved prompt that are filled in before it is asked: ``{{name}}``, or ``{{name=what it says else}}``.

A name that stands twice is one place. Read in one pass whose parts cannot overlap, so that no text makes it slow.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

_PLACE = re.compile(r"\{\{([^{}=\n]{1,80})(?:=([^{}\n]{0,500}))?\}\}")


@dataclass(frozen=True)
class Place:
    """Something to fill in. ``default`` is what it says else, the first time it is said."""

    name: str
    default: str = ""


@dataclass(frozen=True)
class Piece:
    """A stretch of a prompt: text as it is, or where ``place`` goes, and then ``text`` is how that is written."""

    text: str
    place: Place | None = None


def pieces_of(text: str) -> list[Piece]:
    """The whole text in order; joined, the pieces are it again."""
    places = {place.name: place for place in places_of(text)}
    pieces: list[Piece] = []
    end = 0
    for match in _PLACE.finditer(text):
        if place := places.get(match[1].strip()):
            pieces += [Piece(text[end : match.start()]), Piece(match[0], place)]
            end = match.end()
    return [piece for piece in [*pieces, Piece(text[end:])] if piece.text]


def places_of(text: str) -> list[Place]:
    """What there is to fill in, each once, in order."""
    found: dict[str, str] = {}
    for match in _PLACE.finditer(text):
        if name := match[1].strip():
            found[name] = found.get(name) or (match[2] or "").strip()
    return [Place(name, default) for name, default in found.items()]


def fill(text: str, values: Mapping[str, str]) -> str:
    """The text with its places filled in. What has no value says its default, or stays as it is written."""
    return "".join(_said(piece, values) for piece in pieces_of(text))


def _said(piece: Piece, values: Mapping[str, str]) -> str:
    if piece.place is None:
        return piece.text
    return values.get(piece.place.name, "").strip() or piece.place.default or piece.text
