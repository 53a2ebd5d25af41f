"""A page as its readers see it, and where on it a text stands.

For the viewer: a passage is shown in the page it was taken from. Runs in the same confined fork as reading does,
because drawing a stranger's page is no safer than reading it.
"""

from __future__ import annotations

import ctypes
import io
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pypdfium2 as pdfium
import pypdfium2.raw as raw
from PIL import Image, ImageOps

from knowledge.extraction.aligning import find_spans
from knowledge.extraction.ocr import Ocr, Word
from knowledge.extraction.pdf_objects import is_picture, objects_of, scanned
from knowledge.extraction.pictures import open_picture
from knowledge.extraction.types import DrawnPage, ExtractionError, Limits

WIDEST = 2000
_PIXELS = 12_000_000
_OCR_SECONDS = 8.0
_FINE = 1_000_000
Rectangle = tuple[float, float, float, float]


def draw(path: Path, *, page: int, width: int, marked: str, nth: int) -> DrawnPage:
    """Raises ExtractionError when there is no such page, or nothing that can be drawn."""
    with path.open("rb") as file:
        head = file.read(1024)
    if b"%PDF-" not in head:
        picture = ImageOps.exif_transpose(open_picture(path, page))
        rectangles = _marked_in_picture(picture, marked, nth)
        return _as_png(picture.resize(_size(picture.width, picture.height, width)), rectangles)
    return _draw_pdf(path, page, width, marked, nth)


def _draw_pdf(path: Path, number: int, width: int, marked: str, nth: int) -> DrawnPage:
    try:
        with pdfium.PdfDocument(path) as document:
            if not 1 <= number <= len(document):
                raise ExtractionError(f"It has no page {number}.")
            page = document[number - 1]
            size = _size(page.get_width(), page.get_height(), width)
            rectangles = _marked(page, marked, nth) if marked else []
            if marked and not rectangles and is_picture(objects_of(page), page.get_cropbox()):
                rectangles = _marked_in_picture(scanned(page), marked, nth)
            picture = page.render(scale=size[0] / max(page.get_width(), 1e-3), rev_byteorder=True).to_pil()
            return _as_png(picture, rectangles)
    except pdfium.PdfiumError as error:
        raise ExtractionError("It is damaged: the page cannot be drawn.") from error


def _size(width: float, height: float, wanted: int) -> tuple[int, int]:
    """Pixels of a page of this shape that is ``wanted`` pixels wide; fewer where that would be too many."""
    if width <= 0 or height <= 0:
        raise ExtractionError("It is damaged: the page has no size.")
    scale = min(min(max(wanted, 16), WIDEST) / width, (_PIXELS / (width * height)) ** 0.5)
    return max(round(width * scale), 1), max(round(height * scale), 1)


def _as_png(picture: Image.Image, rectangles: list[Rectangle]) -> DrawnPage:
    out = io.BytesIO()
    picture.convert("RGB").save(out, "PNG", compress_level=4)
    return DrawnPage(out.getvalue(), picture.width, picture.height, rectangles)


def _marked(page: pdfium.PdfPage, marked: str, nth: int) -> list[Rectangle]:
    text_page = page.get_textpage()
    try:
        characters = [
            chr(raw.FPDFText_GetUnicode(text_page.raw, index) or 32) for index in range(text_page.count_chars())
        ]
        spans = find_spans(characters, marked, nth)
        found = [_on_page(page, box) for start, end in spans for box in _boxes(text_page, start, end)]
        return _lines(found)
    finally:
        text_page.close()


def _marked_in_picture(picture: Image.Image, marked: str, nth: int) -> list[Rectangle]:
    """Where a text stands in a picture, as Tesseract reads it once more; nothing where there is no Tesseract."""
    ocr = Ocr(Limits(ocr_seconds=_OCR_SECONDS))
    words = ocr.words(picture) if marked.strip() and ocr.is_there else None
    characters: list[str] = []
    owners: list[Word] = []
    for word in words or []:
        characters += [*word.text, " "]
        owners += [word] * (len(word.text) + 1)
    spans = find_spans(characters, marked, nth)
    found = dict.fromkeys(word for start, end in spans for word in owners[start:end])
    across, down = picture.size
    boxes = [(word.left / across, word.top / down, word.right / across, word.bottom / down) for word in found]
    return _lines(boxes)


def _boxes(text_page: Any, start: int, end: int) -> Iterator[Rectangle]:
    """Left, top, right and bottom in the page's own points, from its lower corner."""
    left, top, right, bottom = (ctypes.c_double() for _ in range(4))
    for index in range(raw.FPDFText_CountRects(text_page.raw, start, end - start)):
        if raw.FPDFText_GetRect(text_page.raw, index, left, top, right, bottom):
            yield left.value, top.value, right.value, bottom.value


def _on_page(page: pdfium.PdfPage, box: Rectangle) -> Rectangle:
    """As fractions of the page as it is shown: turned and cropped."""
    x, y = ctypes.c_int(), ctypes.c_int()
    across: list[float] = []
    down: list[float] = []
    for left, top in ((box[0], box[1]), (box[2], box[3])):
        raw.FPDF_PageToDevice(page.raw, 0, 0, _FINE, _FINE, 0, left, top, x, y)
        across.append(min(max(x.value / _FINE, 0.0), 1.0))
        down.append(min(max(y.value / _FINE, 0.0), 1.0))
    return min(across), min(down), max(across), max(down)


def _lines(boxes: Iterable[Rectangle]) -> list[Rectangle]:
    """Boxes that follow each other on one line as one; what lies outside the shown page left out."""
    lines: list[Rectangle] = []
    for box in boxes:
        if box[0] >= box[2] or box[1] >= box[3]:
            continue
        before = lines[-1] if lines else None
        if before and _on_one_line(before, box):
            lines[-1] = (
                min(before[0], box[0]),
                min(before[1], box[1]),
                max(before[2], box[2]),
                max(before[3], box[3]),
            )
        else:
            lines.append(box)
    return lines


def _on_one_line(one: Rectangle, other: Rectangle) -> bool:
    shared = min(one[3], other[3]) - max(one[1], other[1])
    height = min(one[3] - one[1], other[3] - other[1])
    gap = max(other[0] - one[2], one[0] - other[2])
    return shared > height * 0.6 and gap < height * 1.5
