"""What a reader of a format gives, and how it says that it cannot."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class Heading:
    """A heading that begins at character ``start``; ``level`` counts from 1."""

    start: int
    level: int
    text: str


@dataclass(frozen=True)
class Extracted:
    """A file as text. ``pages`` are [start, end) character offsets into ``text``, empty for formats without pages."""

    title: str
    text: str
    media_type: str
    pages: list[tuple[int, int]] = field(default_factory=list)
    headings: list[Heading] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Extracted:
        return cls(
            title=data["title"],
            text=data["text"],
            media_type=data["media_type"],
            pages=[(start, end) for start, end in data["pages"]],
            headings=[Heading(**heading) for heading in data["headings"]],
            notes=list(data["notes"]),
        )


@dataclass(frozen=True)
class Limits:
    """What one extraction may use. Real bytes are counted, never the sizes that a file declares."""

    memory_bytes: int = 640 * 2**20
    cpu_seconds: int = 25
    wall_seconds: float = 28.0
    unpacked_bytes: int = 200 * 2**20
    pages: int = 3000
    text_characters: int = 8_000_000


class ExtractionError(Exception):
    """The file cannot be read. ``reason`` is a sentence for its owner; ``may_pass`` says a second try could help."""

    def __init__(self, reason: str, *, may_pass: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.may_pass = may_pass
