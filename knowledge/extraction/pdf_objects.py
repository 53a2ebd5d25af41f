"""What is drawn on a PDF page besides its letters, as far as it tells how they are to be read: pictures that may be
scans, rules that make a table, and text that nobody sees.

Text is suspected when it is drawn without ink, nearly transparent, or as good as white. Whether it can be seen is
then looked up where it matters: in the page as it is drawn. So white words on a dark ground are text, and so is the
layer without ink that lies on a scan, where there is something to see.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pypdfium2 as pdfium
import pypdfium2.raw as raw
from PIL import Image

_SCAN_SHARE = 0.2
_SCAN_DOTS, _SCAN_PIXELS = 300 / 72, 9_000_000
_MOST = 20_000
_DEEPEST = 4
_NO_INK = (raw.FPDF_TEXTRENDERMODE_INVISIBLE, raw.FPDF_TEXTRENDERMODE_CLIP)
_WHITE, _FAINT = 235, 25
_UNIFORM, _NEAR = 0.965, 12
_SCALE = 1.5
_THIN, _LONG, _HIGH = 2.5, 24.0, 7.0
_SEGMENTS = 4000
_COMPARED = 300
_red, _green, _blue, _alpha = (ctypes.c_uint() for _ in range(4))
_l, _b, _r, _t = (ctypes.c_float() for _ in range(4))
Box = tuple[float, float, float, float]


@dataclass
class Objects:
    """``suspected`` and ``without_ink`` are addresses of text objects; ``rules`` are (left, right, height) of lines
    across; ``pictures`` and ``inked`` are the boxes (left, bottom, right, top) of pictures and of visible text.
    """

    suspected: set[int] = field(default_factory=set)
    without_ink: set[int] = field(default_factory=set)
    rules: list[tuple[float, float, float]] = field(default_factory=list)
    pictures: list[Box] = field(default_factory=list)
    texts: list[Any] = field(default_factory=list)


def objects_of(page: pdfium.PdfPage) -> Objects:
    found = Objects()
    for number, (kind, item, is_top) in enumerate(_objects(page.raw, 0)):
        if number > _MOST:
            break
        if kind == raw.FPDF_PAGEOBJ_TEXT:
            _look_at_text(item, found)
        elif kind == raw.FPDF_PAGEOBJ_IMAGE:
            found.pictures.append(_bounds(item) if is_top else page.get_cropbox())
        elif kind == raw.FPDF_PAGEOBJ_PATH and is_top:
            found.rules += _rules(item)
    return found


def is_picture(found: Objects, shown: Box) -> bool:
    """Whether pictures take up much of the page, of which ``shown`` is seen."""
    area = (shown[2] - shown[0]) * (shown[3] - shown[1])
    return sum((right - left) * (top - bottom) for left, bottom, right, top in found.pictures) > area * _SCAN_SHARE


def scanned(page: pdfium.PdfPage) -> Image.Image:
    """A page as a grey picture, fine enough for its letters to be read."""
    scale = min(_SCAN_DOTS, (_SCAN_PIXELS / max(page.get_width() * page.get_height(), 1)) ** 0.5)
    picture: Image.Image = page.render(scale=scale, grayscale=True).to_pil()
    return picture


def _objects(holder: Any, depth: int) -> Iterator[tuple[int, Any, bool]]:
    """Each object with its kind, and whether the page holds it itself; the others belong to forms within."""
    count, get = raw.FPDFPage_CountObjects, raw.FPDFPage_GetObject
    if depth:
        count, get = raw.FPDFFormObj_CountObjects, raw.FPDFFormObj_GetObject
    for index in range(count(holder)):
        item = get(holder, index)
        kind = raw.FPDFPageObj_GetType(item)
        if kind == raw.FPDF_PAGEOBJ_FORM and depth < _DEEPEST:
            yield from _objects(item, depth + 1)
        else:
            yield kind, item, not depth


def _look_at_text(item: Any, found: Objects) -> None:
    if raw.FPDFTextObj_GetTextRenderMode(item) in _NO_INK:
        found.suspected.add(_address(item))
        found.without_ink.add(_address(item))
        return
    raw.FPDFPageObj_GetFillColor(item, _red, _green, _blue, _alpha)
    if _alpha.value < _FAINT or min(_red.value, _green.value, _blue.value) >= _WHITE:
        found.suspected.add(_address(item))
    else:
        found.texts.append(item)


def _address(item: Any) -> int:
    return ctypes.cast(item, ctypes.c_void_p).value or 0


def _bounds(item: Any) -> Box:
    raw.FPDFPageObj_GetBounds(item, _l, _b, _r, _t)
    return _l.value, _b.value, _r.value, _t.value


def _rules(item: Any) -> Iterator[tuple[float, float, float]]:
    """The lines across that a path draws: a thin one is a line, a box has two, a lattice is told by its segments."""
    left, bottom, right, top = _bounds(item)
    if right - left < _LONG:
        return
    if top - bottom < _THIN:
        yield left, right, (top + bottom) / 2
    elif top - bottom > _HIGH:
        count = raw.FPDFPath_CountSegments(item)
        if count <= 5:
            yield from ((left, right, bottom), (left, right, top))
        elif count <= _SEGMENTS:
            yield from _segments(item, count)


def _segments(item: Any, count: int) -> Iterator[tuple[float, float, float]]:
    a, b, c, d, e, f = _matrix(item)
    before = (0.0, 0.0)
    for index in range(count):
        segment = raw.FPDFPath_GetPathSegment(item, index)
        raw.FPDFPathSegment_GetPoint(segment, _l, _b)
        here = (a * _l.value + c * _b.value + e, b * _l.value + d * _b.value + f)
        is_line = raw.FPDFPathSegment_GetType(segment) == raw.FPDF_SEGMENT_LINETO
        if is_line and abs(here[1] - before[1]) < 1 and abs(here[0] - before[0]) >= _LONG:
            yield min(here[0], before[0]), max(here[0], before[0]), here[1]
        before = here


def _matrix(item: Any) -> tuple[float, ...]:
    matrix = raw.FS_MATRIX()
    raw.FPDFPageObj_GetMatrix(item, matrix)
    return matrix.a, matrix.b, matrix.c, matrix.d, matrix.e, matrix.f


def hidden_characters(page: pdfium.PdfPage, text_page: pdfium.PdfTextPage, found: Objects) -> set[int]:
    """The indexes of the characters that are suspected, and of which nothing is seen where they stand."""
    if not found.suspected:
        return set()
    standing: dict[int, list[int]] = {}
    for index in range(text_page.count_chars()):
        address = _address(raw.FPDFText_GetTextObject(text_page.raw, index))
        if address in found.suspected:
            standing.setdefault(address, []).append(index)
    if not standing:
        return set()
    drawn = page.render(scale=_SCALE, grayscale=True).to_pil()
    inked = [_bounds(item) for item in found.texts[:_COMPARED]]
    hidden: set[int] = set()
    for address, indexes in standing.items():
        box = _box_of(text_page, indexes)
        covered = address in found.without_ink and any(_overlap(box, other) > 0.5 for other in inked)
        if covered or not _shows_something(page, drawn, box):
            hidden.update(indexes)
    return hidden


def _box_of(text_page: pdfium.PdfTextPage, indexes: list[int]) -> Box:
    boxes = [text_page.get_charbox(index) for index in indexes]
    boxes = [box for box in boxes if box[2] > box[0]] or boxes
    lefts, bottoms, rights, tops = zip(*boxes, strict=True)
    return min(lefts), min(bottoms), max(rights), max(tops)


def _overlap(box: Box, other: Box) -> float:
    """The share of ``box`` that ``other`` covers."""
    width = min(box[2], other[2]) - max(box[0], other[0])
    height = min(box[3], other[3]) - max(box[1], other[1])
    area = (box[2] - box[0]) * (box[3] - box[1])
    return width * height / area if width > 0 and height > 0 and area > 0 else 0.0


def _shows_something(page: pdfium.PdfPage, drawn: Image.Image, box: Box) -> bool:
    corners = [_to_pixel(page, drawn.width, drawn.height, x, y) for x, y in ((box[0], box[1]), (box[2], box[3]))]
    (x0, y0), (x1, y1) = corners
    area = (
        max(min(x0, x1), 0),
        max(min(y0, y1), 0),
        min(max(x0, x1) + 1, drawn.width),
        min(max(y0, y1) + 1, drawn.height),
    )
    if area[0] >= area[2] or area[1] >= area[3]:
        return False
    counts = drawn.crop(area).convert("L").histogram()
    ground = counts.index(max(counts))
    return sum(counts[max(ground - _NEAR, 0) : ground + _NEAR + 1]) < _UNIFORM * sum(counts)


def _to_pixel(page: pdfium.PdfPage, width: int, height: int, x: float, y: float) -> tuple[int, int]:
    across, down = ctypes.c_int(), ctypes.c_int()
    raw.FPDF_PageToDevice(page.raw, 0, 0, width, height, 0, x, y, across, down)
    return across.value, down.value
