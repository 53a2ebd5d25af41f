"""Evidence: the numbered spans an answer may rest on, shown as cards before its first word.

A number means the same everywhere: on the card, in the text as ``[n]``, and as the citation. When an assistant quotes,
each quote is a card of its own and comes first, so that every number opens exactly the words that were said.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from chat.composing.in_files import FoundInFile
from chat.streaming import telling
from chat.streaming.telling import numbers_in
from knowledge.retrieval.found import Found
from knowledge.retrieval.quoting import Quote

UNNAMED_FILE = "A file of the person who asked"
PLACE = ("document_id", "document_title", "version", "source", "heading_path", "page")


@dataclass(frozen=True)
class Card:
    """A numbered span of a passage; ``start`` and ``end`` count in the version's text.

    Of a file of the conversation there is no passage that others could ask for: ``passage_id`` is None, and the place
    has ``file_id``.
    """

    number: int
    passage_id: UUID | None
    start: int
    end: int
    quote: str
    place: dict[str, Any]
    """Where it stands, for people: document and its version, source, heading path, page; of a file its id."""

    @property
    def file_id(self) -> UUID | None:
        return UUID(self.place["file_id"]) if self.place.get("file_id") else None

    def as_json(self) -> dict[str, Any]:
        """As it is told and kept in the answer's row."""
        span = {"start": self.start, "end": self.end, "quote": self.quote}
        passage_id = str(self.passage_id) if self.passage_id else None
        return telling.as_kept({"number": self.number, "passage_id": passage_id, **self.place, **span})

    def as_citation(self) -> dict[str, Any]:
        """As ``telling`` tells it later from the row."""
        if self.file_id:
            return telling.file_citation(self.as_json())
        named = {name: self.place[name] for name in ("document_id", "document_title", "version", "page")}
        span = {"start": self.start, "end": self.end, "quote": self.quote}
        return {"number": self.number, "passage_id": str(self.passage_id), **named, **span}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Card:
        place = {name: data.get(name) for name in PLACE}
        if data.get("file_id"):
            place["file_id"] = data["file_id"]
        span = (data["start"], data["end"], data["quote"])
        return cls(data["number"], UUID(data["passage_id"]) if data["passage_id"] else None, *span, place)


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
    if isinstance(found, FoundInFile):
        place |= {"document_id": None, "version": None, "file_id": str(found.document_id)}
        return Card(number, None, start, end, quote, place)
    return Card(number, part.passage_id, start, end, quote, place)


def for_reviewers(evidence: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Cards as they stand in a case. Of a file a moderator gets the sentence that the answer could rest on, which it
    takes to judge the answer, and neither its name nor a way to it.
    """
    return [
        {**card, "document_title": UNNAMED_FILE, "heading_path": [], "file_id": None} if card.get("file_id") else card
        for card in evidence
    ]


def cited_in(text: str, cards: Sequence[Card]) -> list[Card]:
    """The cards that ``text`` cites, in order of their numbers."""
    numbers = numbers_in(text)
    return [card for card in cards if card.number in numbers]
