"""Evidence: the numbered spans an answer may rest on, shown as cards before its first word.

A number means the same everywhere: on the card, in the text as ``[n]``, and as the citation. When an assistant quotes,
each quote is a card of its own and comes first, so that every number opens exactly the words that were said.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from chat.streaming import telling
from knowledge.retrieval.found import Found
from knowledge.retrieval.quoting import Quote

PLACE = ("document_id", "document_title", "version", "source", "heading_path", "page")
MARKER = re.compile(r"\[(\d{1,2})\]")


@dataclass(frozen=True)
class Card:
    """A numbered span of a passage; ``start`` and ``end`` count in the version's text."""

    number: int
    passage_id: UUID
    start: int
    end: int
    quote: str
    place: dict[str, Any]
    """Where it stands, for people: document and its version, source, heading path, page."""

    def as_json(self) -> dict[str, Any]:
        """As it is told and kept in the answer's row."""
        span = {"start": self.start, "end": self.end, "quote": self.quote}
        return telling.as_kept({"number": self.number, "passage_id": str(self.passage_id), **self.place, **span})

    def as_citation(self) -> dict[str, Any]:
        """As ``telling.citation_data`` tells it later from the row."""
        named = {name: self.place[name] for name in ("document_id", "document_title", "version", "page")}
        span = {"start": self.start, "end": self.end, "quote": self.quote}
        return {"number": self.number, "passage_id": str(self.passage_id), **named, **span}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Card:
        place = {name: data.get(name) for name in PLACE}
        span = (data["start"], data["end"], data["quote"])
        return cls(data["number"], UUID(data["passage_id"]), *span, place)


def make_cards(found: Sequence[Found], quotes: Sequence[Quote] = ()) -> list[Card]:
    """The quotes in their order, then the passages from which nothing was quoted, each with its best sentence."""
    spans = [(found[quote.found_index], quote.start, quote.end, quote.text) for quote in quotes]
    quoted = {quote.found_index for quote in quotes}
    rest = [one for index, one in enumerate(found) if index not in quoted]
    spans += [(one, one.quote_start, one.quote_end, one.quote) for one in rest]
    return [_card(number, *span) for number, span in enumerate(spans, 1)]


def _card(number: int, found: Found, start: int, end: int, quote: str) -> Card:
    """Of the passage that the words stand in, where several were found as one stretch."""
    part = found.part_at(start)
    place = {
        "document_id": str(found.document_id),
        "document_title": found.document_title,
        "version": found.version_number,
        "source": found.source,
        "heading_path": list(part.heading_path),
        "page": part.page,
    }
    return Card(number, part.passage_id, start, end, quote, place)


def numbers_in(text: str) -> set[int]:
    """The numbers that ``text`` cites."""
    return {int(number) for number in MARKER.findall(text)}


def cited_in(text: str, cards: Sequence[Card]) -> list[Card]:
    """The cards that ``text`` cites, in order of their numbers."""
    numbers = numbers_in(text)
    return [card for card in cards if card.number in numbers]
