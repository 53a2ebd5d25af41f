"""Which files can be read, by the ending of their name, and by which reader."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path, PurePath

from knowledge.extraction.types import Extracted, ExtractionError, Limits

Reader = Callable[[Path, Limits], Extracted]


@dataclass(frozen=True)
class Format:
    """A kind of file. Its reader is imported only in the child that needs it: parsers are big and slow to import."""

    media_type: str
    module: str

    def reader(self) -> Reader:
        read: Reader = import_module(f"knowledge.extraction.{self.module}").read
        return read


_MARKDOWN = Format("text/markdown", "markdown")
_TEXT = Format("text/plain", "text")
_HTML = Format("text/html", "html")
_OFFICE = "application/vnd.openxmlformats-officedocument."
FORMATS: dict[str, Format] = {
    ".md": _MARKDOWN,
    ".markdown": _MARKDOWN,
    ".txt": _TEXT,
    ".text": _TEXT,
    ".html": _HTML,
    ".htm": _HTML,
    ".pdf": Format("application/pdf", "pdf"),
    ".docx": Format(_OFFICE + "wordprocessingml.document", "docx"),
    ".xlsx": Format(_OFFICE + "spreadsheetml.sheet", "xlsx"),
    ".csv": Format("text/csv", "csv"),
}
READABLE = "Markdown, text, HTML, PDF, Word (.docx), Excel (.xlsx) and CSV"


def format_of(name: str) -> Format:
    """The format of a file called ``name``. Raises ExtractionError naming what is not read."""
    ending = PurePath(name).suffix.lower()
    if found := FORMATS.get(ending):
        return found
    what = f"{ending} files" if ending else "files without an ending"
    raise ExtractionError(f"Parley cannot read {what}. It reads {READABLE}.")
