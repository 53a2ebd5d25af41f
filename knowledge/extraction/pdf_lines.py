"""The lines of a PDF page as PDFium finds them, measured, and cut where a wide gap says that two cells stand there."""

from __future__ import annotations

import ctypes
import re
from collections.abc import Callable, Container
from dataclasses import dataclass
from typing import Any

import pypdfium2 as pdfium
import pypdfium2.raw as raw

from knowledge.extraction.writing import clean

MARK = re.compile(r"[•‣▪●○◦∙·–—*\uf0b7-]|\(?(?:\d{1,2}|[a-z]|[ivx]{1,4})[.)]", re.IGNORECASE)
_CELL_GAP = 0.9
_TINY = 1.45
_left, _top, _right, _bottom, _x, _y = (ctypes.c_double() for _ in range(6))
Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Cell:
    """A part of a line that stands apart; from where to where, in points."""

    text: str
    left: float
    right: float


@dataclass(frozen=True)
class Line:
    """One line of a page, in points: its font's size, the height of its baseline, where it begins and ends."""

    text: str
    size: float
    baseline: float
    left: float
    right: float
    cells: tuple[Cell, ...] = ()


def lines_of(
    text_page: pdfium.PdfTextPage, shown: Box, hidden: Container[int], hide: Callable[[str], None]
) -> list[Line]:
    """The lines in PDFium's order of reading, which joins words cut at a line's end by itself.

    ``shown`` is the part of the page that is seen (left, bottom, right, top). What lies outside, is too small to be
    read, or whose characters' indexes are in ``hidden`` is no line.
    """
    count = text_page.count_chars()
    text = text_page.get_text_range(0, count) if count > 0 else ""
    if hidden:
        text = "".join("\0" if index in hidden else character for index, character in enumerate(text))
    lines: list[Line] = []
    tiny: list[str] = []
    at = 0
    for part in text.split("\r\n"):
        inner = part.strip("\0 \t\xa0\n\r")
        if inner:
            first = at + part.index(inner)
            words = clean(inner).strip()
            line, height = _measured(text_page, inner, words, first)
            if not words or _is_outside(line, shown):
                hide(words)
            elif height < _TINY and any(character.isalnum() for character in words):
                tiny.append(words)
            else:
                _add(lines, line)
        at += len(part) + 2
    for words in tiny:
        hide(words)
    return lines


def _is_outside(line: Line, shown: Box) -> bool:
    return line.right < shown[0] or line.left > shown[2] or not shown[1] - line.size < line.baseline < shown[3]


def _measured(text_page: Any, inner: str, words: str, first: int) -> tuple[Line, float]:
    """A line and the height of its highest letters."""
    handle = text_page.raw
    count = raw.FPDFText_CountRects(handle, first, len(inner))
    raw.FPDFText_GetCharOrigin(handle, first, _x, _y)
    size = raw.FPDFText_GetFontSize(handle, first)
    left, right, height = 1e9, -1e9, 0.0
    gaps: list[float] = []
    for index in range(count):
        raw.FPDFText_GetRect(handle, index, _left, _top, _right, _bottom)
        if index and _left.value - right > max(size, 4.0) * _CELL_GAP:
            gaps.append(_left.value)
        left, right = min(left, _left.value), max(right, _right.value)
        height = max(height, _top.value - _bottom.value)
    if not count:
        left = right = _x.value
        height = size
    size = round(size if size > 1 else max(height, 1.0), 1)
    cells = _cells(handle, inner, first, gaps, right) if gaps else ()
    return Line(words, size, _y.value, left, right, cells), height


def _cells(handle: Any, inner: str, first: int, gaps: list[float], end: float) -> tuple[Cell, ...]:
    """A line cut before the characters that begin where a wide gap ends."""
    cells: list[Cell] = []
    start, begin = 0, _box(handle, first)[0]
    for index, character in enumerate(inner):
        if character != " " or index + 1 >= len(inner):
            continue
        left = _box(handle, first + index + 1)[0]
        if any(abs(left - gap) < 1.5 for gap in gaps):
            cells.append(Cell(clean(inner[start:index]).strip(), begin, _box(handle, first + index - 1)[1]))
            start, begin = index + 1, left
    cells.append(Cell(clean(inner[start:]).strip(), begin, end))
    return _without_mark([cell for cell in cells if cell.text])


def _without_mark(cells: list[Cell]) -> tuple[Cell, ...]:
    """The parts of a line, where the mark of a list's item is no part of its own; none when one is left."""
    if len(cells) > 1 and MARK.fullmatch(cells[0].text):
        cells[:2] = [Cell(f"{cells[0].text} {cells[1].text}", cells[0].left, cells[1].right)]
    return tuple(cells) if len(cells) > 1 else ()


def _box(handle: Any, index: int) -> tuple[float, float]:
    raw.FPDFText_GetCharBox(handle, index, _left, _right, _bottom, _top)
    return _left.value, _right.value


def _add(lines: list[Line], line: Line) -> None:
    """Append a line, or join it to the last one where letters that dance around one baseline were taken for lines."""
    last = lines[-1] if lines else None
    if last is None or abs(last.baseline - line.baseline) > line.size * 0.5 or line.left < last.right - line.size:
        lines.append(line)
        return
    gap = line.left - last.right
    cells = (*cells_of(last), *cells_of(line)) if gap > line.size * _CELL_GAP or last.cells or line.cells else ()
    if cells and gap <= line.size * _CELL_GAP:
        cells = ()
    cells = _without_mark(list(cells))
    space = " " if gap > line.size * 0.2 else ""
    lines[-1] = Line(last.text + space + line.text, last.size, last.baseline, last.left, line.right, cells)


def cells_of(line: Line) -> tuple[Cell, ...]:
    """The parts of a line; the line itself where it has none."""
    return line.cells or (Cell(line.text, line.left, line.right),)
