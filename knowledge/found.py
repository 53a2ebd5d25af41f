"""What a search hands out: a passage with where it comes from, and the sentence in it that fits the question
best.
"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True)
class Found:
    """A passage as found. ``start``/``end`` and ``quote_start``/``quote_end`` count in the version's text.

    ``score`` orders the results of one search (about 0 to 1.5) and means nothing between searches. ``quote`` is
    ``text[quote_start - start : quote_end - start]``.
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

    @property
    def quote(self) -> str:
        return self.text[self.quote_start - self.start : self.quote_end - self.start]
