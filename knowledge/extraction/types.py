"""What a reader of a format gives, and how it says that it cannot."""

from __future__ import annotations

from base64 import b64decode, b64encode
from dataclasses import asdict, dataclass, field
from typing import Any

SIGN_OF_LIFE = b"\n"  # from a reader that is still at work, before its answer


@dataclass(frozen=True)
class Heading:
    """A heading that begins at character ``start``; ``level`` counts from 1."""

    start: int
    level: int
    text: str


@dataclass(frozen=True)
class Extracted:
    """A file as text. ``pages`` are [start, end) character offsets into ``text``, empty for formats without pages.

    ``hidden`` are texts in the file that nobody sees who opens it; they are not in ``text``. ``ocr_pages`` (from 1)
    were read from a picture, with ``ocr_confidence`` from 0 to 100 over all their words, weighed by their length;
    ``unread_pages`` are scanned pages that nothing could read. ``boilerplate_characters`` were left out as
    navigation or running heads.
    """

    title: str
    text: str
    media_type: str
    pages: list[tuple[int, int]] = field(default_factory=list)
    headings: list[Heading] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    hidden: list[str] = field(default_factory=list)
    ocr_pages: list[int] = field(default_factory=list)
    ocr_confidence: float | None = None
    unread_pages: list[int] = field(default_factory=list)
    boilerplate_characters: int = 0

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
            hidden=list(data["hidden"]),
            ocr_pages=list(data["ocr_pages"]),
            ocr_confidence=data["ocr_confidence"],
            unread_pages=list(data["unread_pages"]),
            boilerplate_characters=data["boilerplate_characters"],
        )


@dataclass(frozen=True)
class DrawnPage:
    """A page as a PNG of ``width`` × ``height`` pixels. ``rectangles`` are (left, top, right, bottom) as fractions
    of the page from its left upper corner, one for each line of the marked text.
    """

    png: bytes
    width: int
    height: int
    rectangles: list[tuple[float, float, float, float]] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "png": b64encode(self.png).decode()}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> DrawnPage:
        return cls(
            png=b64decode(data["png"]),
            width=data["width"],
            height=data["height"],
            rectangles=[(left, top, right, bottom) for left, top, right, bottom in data["rectangles"]],
        )


@dataclass(frozen=True)
class Picture:
    """A picture made smaller, as a JPEG of ``width`` × ``height`` pixels that says nothing but what it shows."""

    jpeg: bytes
    width: int
    height: int

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "jpeg": b64encode(self.jpeg).decode()}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Picture:
        return cls(jpeg=b64decode(data["jpeg"]), width=data["width"], height=data["height"])


@dataclass(frozen=True)
class Limits:
    """What one extraction may use. Real bytes are counted, never the sizes that a file declares.

    ``ocr_seconds`` is what reading the pictures of one document may take together; the whole may take that much
    longer than ``wall_seconds`` where it is more, as long as page after page is read.
    """

    memory_bytes: int = 512 * 2**20
    cpu_seconds: int = 25
    wall_seconds: float = 28.0
    unpacked_bytes: int = 200 * 2**20
    pages: int = 3000
    text_characters: int = 8_000_000
    ocr_seconds: float = 18.0


class ExtractionError(Exception):
    """The file cannot be read. ``reason`` is a sentence for its owner; ``may_pass`` says a second try could help."""

    def __init__(self, reason: str, *, may_pass: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.may_pass = may_pass
