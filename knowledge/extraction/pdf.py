"""PDF, page by page, through PDFium.

A PDF knows no headings or paragraphs, only characters at places. A line set clearly larger than the page's body
text and short is taken for a heading; a gap between lines wider than the usual one ends a paragraph. Everything
else keeps its line, so that rows of a table stay rows.
"""

from __future__ import annotations

import ctypes
import re
from collections import Counter
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import median

import pypdfium2 as pdfium
import pypdfium2.raw as raw

from knowledge.extraction.types import Extracted, ExtractionError, Limits
from knowledge.extraction.writing import Writer, clean, worthy_title

MEDIA_TYPE = "application/pdf"
_LARGER = 1.18
_WIDE_GAP = 1.45


@dataclass(frozen=True)
class Line:
    """One line of a page, in points: its font's size, the height of its baseline, and where it begins and ends."""

    text: str
    size: float
    baseline: float
    left: float
    right: float


def read(path: Path, limits: Limits) -> Extracted:
    try:
        document = pdfium.PdfDocument(path)
    except pdfium.PdfiumError as error:
        raise ExtractionError(_why(str(error))) from error
    with document:
        if len(document) > limits.pages:
            raise ExtractionError(f"It has {len(document):,} pages; the most that Parley reads is {limits.pages:,}.")
        writer = Writer(limits)
        pages = [_lines_of(document, number, writer) for number in range(len(document))]
        repeated = _repeated(pages)
        for lines in pages:
            start = writer.position
            _write_page([line for line in lines if _shape(line) not in repeated], writer)
            writer.end_page(start)
        title = worthy_title(str(document.get_metadata_dict().get("Title") or ""))
    if not title:
        title = next((heading.text for heading in writer.headings), "")
    return writer.extracted(title=title, media_type=MEDIA_TYPE)


def _why(message: str) -> str:
    if "assword" in message:
        return "It is protected with a password."
    return "It is damaged: the PDF cannot be opened."


def _lines_of(document: pdfium.PdfDocument, number: int, writer: Writer) -> list[Line]:
    try:
        return _lines(document[number])
    except pdfium.PdfiumError:
        writer.notes.append(f"Page {number + 1} cannot be read.")
        return []


def _repeated(pages: list[list[Line]]) -> set[str]:
    """Running heads and feet: the first and last lines that, but for a number, stand on most pages."""
    counts = Counter(shape for lines in pages for shape in {_shape(line) for line in _edges(lines)})
    most = max(2, sum(1 for lines in pages if lines) // 2 + 1)
    return {shape for shape, count in counts.items() if count >= most}


def _edges(lines: list[Line]) -> list[Line]:
    """The lines that could be a running head or foot; what is larger than the text is a heading of its own."""
    return [line for line in [*lines[:2], *lines[-2:]] if line.size <= _body_size(lines)]


def _body_size(lines: list[Line]) -> float:
    return median([line.size for line in lines for _ in line.text])


def _shape(line: Line) -> str:
    return re.sub(r"\d+", "0", line.text)


def _write_page(lines: list[Line], writer: Writer) -> None:
    if not lines:
        return
    body = _body_size(lines)
    gaps = [before.baseline - line.baseline for before, line in pairwise(lines)]
    usual = median([gap for gap in gaps if gap > 0] or [body])
    paragraph: list[str] = []
    right = max(line.right for line in lines)
    loose = median([_density(line) for line in lines]) * 1.3
    for index, line in enumerate(lines):
        if line.size > body * _LARGER and len(line.text) <= 120 and not line.text.endswith((".", ",", ";")):
            writer.block("\n".join(paragraph))
            paragraph = []
            writer.heading(line.text, 1 if line.size > body * 1.6 else 2)
            continue
        if paragraph and gaps[index - 1] > usual * _WIDE_GAP:
            writer.block("\n".join(paragraph))
            paragraph = []
        before = lines[index - 1]
        if paragraph and before.right > right * 0.85 and max(_density(before), _density(line)) < loose:
            paragraph[-1] += " " + line.text
        else:
            paragraph.append(line.text)
    writer.block("\n".join(paragraph))


def _density(line: Line) -> float:
    """Points a character takes up; much where a line is a row of cells with gaps between them."""
    return (line.right - line.left) / max(len(line.text), 1)


def _lines(page: pdfium.PdfPage) -> list[Line]:
    """The page's lines in PDFium's order of reading. It joins words cut at a line's end by itself."""
    text_page = page.get_textpage()
    try:
        count = text_page.count_chars()
        text = text_page.get_text_range(0, count) if count > 0 else ""
        lines: list[Line] = []
        at = 0
        for part in text.split("\r\n"):
            if clean(part).strip():
                first = at + len(part) - len(part.lstrip())
                last = at + len(part.rstrip()) - 1
                _add(lines, _measured(text_page, clean(part).strip(), first, min(last, count - 1)))
            at += len(part) + 2
        return lines
    finally:
        text_page.close()
        page.close()


def _measured(text_page: pdfium.PdfTextPage, words: str, first: int, last: int) -> Line:
    x, y, left, right, bottom, top = (ctypes.c_double() for _ in range(6))
    raw.FPDFText_GetCharBox(text_page.raw, last, left, right, bottom, top)
    end = right.value
    raw.FPDFText_GetCharBox(text_page.raw, first, left, right, bottom, top)
    raw.FPDFText_GetCharOrigin(text_page.raw, first, x, y)
    size = raw.FPDFText_GetFontSize(text_page.raw, first)
    return Line(words, round(size if size > 1 else max(top.value - bottom.value, 1.0), 1), y.value, left.value, end)


def _add(lines: list[Line], line: Line) -> None:
    """Append a line, or join it to the last one where letters that dance around one baseline were taken for lines."""
    last = lines[-1] if lines else None
    if last is None or abs(last.baseline - line.baseline) > line.size * 0.5 or line.left < last.right - line.size:
        lines.append(line)
        return
    space = " " if line.left - last.right > line.size * 0.2 else ""
    lines[-1] = Line(last.text + space + line.text, last.size, last.baseline, last.left, line.right)
