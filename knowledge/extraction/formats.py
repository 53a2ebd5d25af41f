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
_PICTURES = {
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".tif": "image/tiff",
    ".tiff": "image/tiff",
    ".webp": "image/webp",
}
_OFFICE = "application/vnd.openxmlformats-officedocument."
FORMATS: dict[str, Format] = {
    ".md": _MARKDOWN,
    ".markdown": _MARKDOWN,
    ".txt": _TEXT,
    ".text": _TEXT,
    ".html": _HTML,
    ".htm": _HTML,
    ".xhtml": _HTML,
    ".pdf": Format("application/pdf", "pdf"),
    ".docx": Format(_OFFICE + "wordprocessingml.document", "docx"),
    ".pptx": Format(_OFFICE + "presentationml.presentation", "pptx"),
    ".xlsx": Format(_OFFICE + "spreadsheetml.sheet", "xlsx"),
    ".csv": Format("text/csv", "csv"),
    ".odt": Format("application/vnd.oasis.opendocument.text", "odt"),
    ".rtf": Format("application/rtf", "rtf"),
    ".epub": Format("application/epub+zip", "epub"),
    ".eml": Format("message/rfc822", "mail"),
    **{ending: Format(media_type, "pictures") for ending, media_type in _PICTURES.items()},
}
READABLE = (
    "Markdown, text, HTML, PDF, Word (.docx, .odt, .rtf), PowerPoint (.pptx), Excel (.xlsx), CSV, EPUB, e-mail (.eml) "
    "and pictures of text (PNG, JPEG, TIFF, WebP)"
)


def accepted() -> str:
    """What an upload form offers to choose: the value of ``accept`` of a file input."""
    return ",".join(FORMATS)


def format_of(name: str) -> Format:
    """The format of a file called ``name``. Raises ExtractionError naming what is not read."""
    ending = PurePath(name).suffix.lower()
    if found := FORMATS.get(ending):
        return found
    what = f"{ending} files" if ending else "files without an ending"
    raise ExtractionError(f"Parley cannot read {what}. It reads {READABLE}.")
