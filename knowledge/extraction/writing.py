"""Building the one text of a document piece by piece, knowing at which character each heading and page begins."""

from __future__ import annotations

import re
from collections.abc import Sequence

from knowledge.extraction.invisible import without_invisible
from knowledge.extraction.types import Extracted, ExtractionError, Heading, Limits

_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufffe\uffff\ud800-\udfff\ue000\ue001]")
_NO_TITLE = re.compile(
    r"(?:\((?:anonymous|unspecified)\)"
    r"|untitled(?: document| \d+)?|(?:word |microsoft word )?document\d*|book\d*|(?:new )?template"
    r"|.*\.(?:docx?|indd|pdf|qxd|rtf|xlsx?))",
    re.IGNORECASE,
)
_HIDDEN = 50
_HIDDEN_CHARACTERS = 300


def clean(text: str) -> str:
    """Without what no reader can see and PostgreSQL cannot keep; line ends as one ``\\n``."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return _CONTROL.sub("", text).replace("\u00a0", " ").replace("\u00ad", "")


def one_line(text: str) -> str:
    return " ".join(clean(text).split())


def worthy_title(title: str) -> str:
    """``title`` on one line, or "" when it is only what a program writes where nobody gave one."""
    title = one_line(title).removeprefix("Microsoft Word - ")
    return "" if _NO_TITLE.fullmatch(title) else title[:300]


def cell(text: str) -> str:
    """Text as it may stand in a table row."""
    return one_line(text).replace("|", "\\|")


def table(rows: Sequence[Sequence[str]]) -> str:
    """Rows as a Markdown table, the first as its head; empty rows and columns left out, short rows filled up."""
    width = max((len(row) for row in rows), default=0)
    filled = [[cell(value) for value in row] + [""] * (width - len(row)) for row in rows]
    filled = [row for row in filled if any(row)]
    kept = [column for column in range(width) if any(row[column] for row in filled)]
    if not filled or not kept:
        return ""
    lines = ["| " + " | ".join(row[column] for column in kept) + " |" for row in filled]
    lines.insert(1, "|" + " --- |" * len(kept))
    return "\n".join(lines)


class Writer:
    """Collects blocks into a text, with a blank line between them, within the limit on characters.

    Invisible characters go the same way for every format: out of the text, and into ``hidden`` when they say
    something.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._parts: list[str] = []
        self._length = 0
        self.headings: list[Heading] = []
        self.pages: list[tuple[int, int]] = []
        self.notes: list[str] = []
        self.hidden: list[str] = []
        self.ocr_pages: list[int] = []
        self.ocr_confidence: float | None = None
        self.unread_pages: list[int] = []
        self.boilerplate_characters = 0

    def block(self, text: str, *, after: str = "\n\n") -> None:
        """Add a block; ``after`` is what separates it from the next. Raises ExtractionError past the limit."""
        text = self._seen(clean(text)).strip("\n")
        if not text.strip():
            return
        self._length += len(text) + len(after)
        if self._length > self._limits.text_characters:
            raise ExtractionError(f"Its text is longer than {self._limits.text_characters:,} characters.")
        self._parts.append(text + after)

    def heading(self, text: str, level: int) -> None:
        text, level = one_line(self._seen(text)), min(max(level, 1), 6)
        if not text:
            return
        self.headings.append(Heading(self._length, level, text))
        self.block(f"{'#' * level} {text}")

    def hide(self, text: str) -> None:
        """Keep a text that the file holds and its readers do not see."""
        text = one_line(self._seen(text))[:_HIDDEN_CHARACTERS]
        if text and len(self.hidden) < _HIDDEN and text not in self.hidden:
            self.hidden.append(text)

    def end_page(self, start: int) -> None:
        self.pages.append((start, self._length))

    @property
    def position(self) -> int:
        return self._length

    def _seen(self, text: str) -> str:
        text, said = without_invisible(text)
        for words in said:
            self.hide(words)
        return text

    def extracted(self, *, title: str, media_type: str) -> Extracted:
        text = "".join(self._parts)
        return Extracted(
            title=worthy_title(self._seen(title)),
            text=text,
            media_type=media_type,
            pages=[(start, min(end, len(text))) for start, end in self.pages],
            headings=self.headings,
            notes=self.notes,
            hidden=self.hidden,
            ocr_pages=self.ocr_pages,
            ocr_confidence=self.ocr_confidence,
            unread_pages=self.unread_pages,
            boilerplate_characters=self.boilerplate_characters,
        )
