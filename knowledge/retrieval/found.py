"""What a search hands out: a stretch of a document with where it comes from, and the sentence in it that fits the
question best.

Usually the stretch is one passage. Where passages that follow each other were found together it is all of them, and
``parts`` says which words are whose: a citation always names the one passage that its words stand in.
"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True)
class Part:
    """One passage of a found stretch; ``start`` and ``end`` count in the version's text."""

    passage_id: UUID
    heading_path: tuple[str, ...]
    page: int | None
    start: int
    end: int


@dataclass(frozen=True)
class Found:
    """A stretch as found. ``start``/``end`` and ``quote_start``/``quote_end`` count in the version's text.

    ``passage_id`` is the passage that was found best; heading path and page are where the stretch begins. ``score``
    orders the results of one search (about 0 to 1.5) and means little between searches. ``quote`` is
    ``text[quote_start - start : quote_end - start]`` and stands within one part.
    """

    passage_id: UUID
    document_id: UUID
    document_title: str
    source: str
    version_id: UUID
    version_number: int
    heading_path: tuple[str, ...]
    text: str
    page: int | None
    start: int
    end: int
    score: float
    quote_start: int
    quote_end: int
    parts: tuple[Part, ...] = ()

    @property
    def quote(self) -> str:
        return self.text[self.quote_start - self.start : self.quote_end - self.start]

    def passages(self) -> tuple[Part, ...]:
        """The passages it is made of, in order; at least one."""
        return self.parts or (Part(self.passage_id, self.heading_path, self.page, self.start, self.end),)

    def part_at(self, position: int) -> Part:
        """The passage that the character at ``position`` of the version stands in, or the last one before it."""
        before = [part for part in self.passages() if part.start <= position]
        return before[-1] if before else self.passages()[0]
