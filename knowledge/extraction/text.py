"""Plain text, in whatever encoding: UTF-8, UTF-16 with a mark, or else the Western one that never fails."""

from __future__ import annotations

import codecs
from pathlib import Path

from knowledge.extraction.types import Extracted, ExtractionError, Limits
from knowledge.extraction.writing import Writer

MEDIA_TYPE = "text/plain"
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def decode(data: bytes) -> str:
    """Raises ExtractionError for bytes that are no text."""
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return data.decode(encoding, errors="replace")
    if b"\x00" in data[:65536]:
        raise ExtractionError("It holds binary data, not text.")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("cp1252", errors="replace")


def read(path: Path, limits: Limits) -> Extracted:
    text = decode(path.read_bytes())
    writer = Writer(limits)
    writer.block(text)
    first = next((line.strip() for line in text.splitlines() if line.strip()), "")
    return writer.extracted(title=first if len(first) <= 80 else "", media_type=MEDIA_TYPE)
