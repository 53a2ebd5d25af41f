"""PDF, page by page, through PDFium.

A PDF knows no headings, paragraphs or tables, only characters at places. A line set clearly larger than the page's
body text and short is taken for a heading; a gap between lines wider than the usual one ends a paragraph; a table is
what is clearly one (``grid``). A page without text but with a picture is a scan, and read as one (``pictures``).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise
from pathlib import Path
from statistics import median

import pypdfium2 as pdfium
from PIL import Image

from knowledge.extraction.grid import Grid, Rule, with_tables
from knowledge.extraction.ocr import MISSING, Ocr
from knowledge.extraction.pdf_lines import Line, lines_of
from knowledge.extraction.pdf_objects import hidden_characters, is_picture, objects_of, scanned
from knowledge.extraction.pictures import tell_unread, write_scan
from knowledge.extraction.types import Extracted, ExtractionError, Limits
from knowledge.extraction.writing import Writer, table, worthy_title

MEDIA_TYPE = "application/pdf"
_LARGER = 1.18
_WIDE_GAP = 1.45
_COUNTED_PAGES = 3
_BULLET = re.compile("[•‣▪●○◦∙\uf0b7] *")
_SCAN_LETTERS = 12
_SCAN_MISSING = f"It is a scan: its pages are pictures, and reading them takes Tesseract, {MISSING}."


@dataclass
class Page:
    """What was found on a page: its lines, the rules between them, and whether it is a scan."""

    lines: list[Line] = field(default_factory=list)
    rules: list[Rule] = field(default_factory=list)
    is_scan: bool = False


def read(path: Path, limits: Limits) -> Extracted:
    try:
        document = pdfium.PdfDocument(path)
    except pdfium.PdfiumError as error:
        raise ExtractionError(_why(str(error))) from error
    with document:
        if len(document) > limits.pages:
            raise ExtractionError(f"It has {len(document):,} pages; the most that Parley reads is {limits.pages:,}.")
        writer, ocr = Writer(limits), Ocr(limits)
        pages = [_page(document, number, writer) for number in range(len(document))]
        _write_pages(document, pages, writer, ocr)
        if writer.unread_pages and not writer.position:
            raise ExtractionError("Reading its scanned pages takes too long." if ocr.is_there else _SCAN_MISSING)
        title = worthy_title(str(document.get_metadata_dict().get("Title") or ""))
    if not title:
        title = next((heading.text for heading in writer.headings), "")
    return writer.extracted(title=title, media_type=MEDIA_TYPE)


def _write_pages(document: pdfium.PdfDocument, pages: list[Page], writer: Writer, ocr: Ocr) -> None:
    running = _running([page.lines for page in pages])
    for number, page in enumerate(pages):
        start = writer.position
        kept = [line for line in page.lines if id(line) not in running]
        left_out = _letters(page.lines) - _letters(kept)
        if left_out > _letters(kept):
            kept, left_out = page.lines, 0  # hardly more than what looks like its heads: they are its text
        writer.boilerplate_characters += left_out
        _write_page(kept, page.rules, writer)
        if page.is_scan:
            write_scan(number + 1, partial(_scan, document, number), writer, ocr)
        writer.end_page(start)
    writer.ocr_confidence = ocr.confidence
    tell_unread(writer)


def _scan(document: pdfium.PdfDocument, number: int) -> Image.Image:
    page = document[number]
    try:
        return scanned(page)
    finally:
        page.close()


def _why(message: str) -> str:
    if "assword" in message:
        return "It is protected with a password."
    return "It is damaged: the PDF cannot be opened."


def _page(document: pdfium.PdfDocument, number: int, writer: Writer) -> Page:
    try:
        page = document[number]
        text_page = page.get_textpage()
    except pdfium.PdfiumError:
        writer.notes.append(f"Page {number + 1} cannot be read.")
        return Page()
    try:
        found = objects_of(page)
        hidden = hidden_characters(page, text_page, found)
        _tell_hidden(text_page, hidden, writer)
        shown = page.get_cropbox()
        lines = lines_of(text_page, shown, hidden, writer.hide)
        return Page(lines, found.rules, _letters(lines) < _SCAN_LETTERS and is_picture(found, shown))
    finally:
        text_page.close()
        page.close()


def _tell_hidden(text_page: pdfium.PdfTextPage, hidden: set[int], writer: Writer) -> None:
    if not hidden:
        return
    text = text_page.get_text_range(0, text_page.count_chars())
    words: list[str] = []
    for index in sorted(hidden):
        if words and not {index - 1, index - 2, index - 3} & hidden:
            writer.hide("".join(words))
            words = []
        words.append(text[index] if index - 1 in hidden else f" {text[index]}")
    writer.hide("".join(words))


def _running(pages: list[list[Line]]) -> set[int]:
    """The identities of running heads and feet: lines at the edge of a page that, but for a number, stand at the edge
    of most pages, or that count the pages on three or more.
    """
    shapes: dict[str, list[tuple[int, Line]]] = {}
    counting: dict[tuple[str, int], list[tuple[int, Line]]] = {}
    for page, lines in enumerate(pages):
        for line in _edges(lines):
            shape = re.sub(r"\d+", "0", line.text)
            shapes.setdefault(shape, []).append((page, line))
            for number in set(re.findall(r"^\d{1,4}\b|\b\d{1,4}$", line.text)):
                counting.setdefault((shape, int(number) - page), []).append((page, line))
    most = max(2, sum(1 for lines in pages if lines) // 2 + 1)
    repeated = [found for found in shapes.values() if len({page for page, _ in found}) >= most]
    repeated += [found for found in counting.values() if len({page for page, _ in found}) >= _COUNTED_PAGES]
    return {id(line) for found in repeated for _, line in found}


def _edges(lines: list[Line]) -> list[Line]:
    """The lines that could be a running head or foot; what is larger than the text is a heading of its own."""
    edges = [*lines[:2], *lines[-2:]] if len(lines) > 6 else [*lines[:1], *lines[1:][-1:]]
    body = _body_size(lines)
    return [line for line in edges if line.size <= body]


def _letters(lines: list[Line]) -> int:
    return sum(len(line.text) for line in lines)


def _body_size(lines: list[Line]) -> float:
    """The size of the letter in the middle, when all letters of the lines are put in order of their size."""
    left = _letters(lines) / 2
    for line in sorted(lines, key=lambda line: line.size):
        left -= len(line.text)
        if left <= 0:
            return line.size
    return 0.0


def _write_page(lines: list[Line], rules: list[Rule], writer: Writer) -> None:
    if not lines:
        return
    body = _body_size(lines)
    run: list[Line] = []
    has_cells = sum(1 for line in lines if line.cells) > 2
    for piece in with_tables(lines, rules) if has_cells or len(rules) > 3 else lines:
        if isinstance(piece, Grid):
            _write_lines(run, body, writer)
            writer.block(table(piece.rows))
            run = []
        else:
            run.append(piece)
    _write_lines(run, body, writer)


def _write_lines(lines: list[Line], body: float, writer: Writer) -> None:
    if not lines:
        return
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
        if _BULLET.match(line.text):
            paragraph.append(_BULLET.sub("- ", line.text))
        elif paragraph and before.right > right * 0.85 and max(_density(before), _density(line)) < loose:
            paragraph[-1] += " " + line.text
        else:
            paragraph.append(line.text)
    writer.block("\n".join(paragraph))


def _density(line: Line) -> float:
    """Points a character takes up; much where a line is a row of cells with gaps between them."""
    return (line.right - line.left) / max(len(line.text), 1)
