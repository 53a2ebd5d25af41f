"""The words of a paragraph of a Word document, run by run: what its reader sees, and what is hidden from them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from docx.document import Document
from docx.oxml import parse_xml
from docx.oxml.ns import qn

from knowledge.extraction.writing import Writer, one_line

_FALLBACK = "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback"
_GONE = frozenset(
    [_FALLBACK, *map(qn, ("w:del", "w:moveFrom", "w:pPr", "w:rPr", "w:tcPr", "w:instrText", "w:delText"))]
)
_FRAME = qn("w:txbxContent")
_SPACES = frozenset(qn(name) for name in ("w:tab", "w:br", "w:cr", "w:ptab"))
_FOOTNOTES = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/footnotes"
_ENDNOTES = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/endnotes"
_SMALLEST_HALF_POINTS = 3
_DEEPEST = 100


class Runs:
    def __init__(self, document: Document, writer: Writer) -> None:
        self._writer = writer
        self._hiding = {
            style.get(qn("w:styleId"))
            for style in document.styles.element.iter(qn("w:style"))
            if _is_on(style.find(f"{qn('w:rPr')}/{qn('w:vanish')}"))
        }
        self._notes: dict[tuple[str, str], str] = {}
        for kind, relation in (("w:footnote", _FOOTNOTES), ("w:endnote", _ENDNOTES)):
            self._read_notes(document, kind, relation)

    def _read_notes(self, document: Document, kind: str, relation: str) -> None:
        for part in (found.target_part for found in document.part.rels.values() if found.reltype == relation):
            for note in parse_xml(part.blob).iter(qn(kind)):
                if note.get(qn("w:type")) in (None, "normal"):
                    self._notes[kind, note.get(qn("w:id")) or ""] = self.cell(note)

    def words(self, paragraph: Any) -> str:
        """A paragraph on one line."""
        return one_line("".join(self._strings(paragraph, 0)))

    def cell(self, element: Any) -> str:
        """The paragraphs inside an element, on one line."""
        inside = (inner for inner in element.iter(qn("w:p")) if next(inner.iterancestors(_FALLBACK), None) is None)
        return " ".join(words for inner in inside if (words := self.words(inner)))

    def in_frames(self, paragraph: Any) -> Iterator[str]:
        """The texts of the boxes that hang on a paragraph."""
        for frame in paragraph.iter(_FRAME):
            if next(frame.iterancestors(_FALLBACK), None) is None:
                yield self.cell(frame)

    def _strings(self, element: Any, depth: int) -> Iterator[str]:
        if depth > _DEEPEST:
            raise RecursionError
        for child in element:
            if child.tag in _GONE or child.tag == _FRAME:
                continue
            if child.tag == qn("w:t"):
                yield child.text or ""
            elif child.tag in _SPACES:
                yield " "
            elif child.tag == qn("w:noBreakHyphen"):
                yield "-"
            elif child.tag in (qn("w:footnoteReference"), qn("w:endnoteReference")):
                kind = "w:footnote" if child.tag == qn("w:footnoteReference") else "w:endnote"
                note = self._notes.get((kind, child.get(qn("w:id")) or ""))
                yield f" [{note}]" if note else ""
            elif child.tag == qn("w:r") and self._is_hidden(child):
                self._writer.hide("".join(text.text or "" for text in child.iter(qn("w:t"))))
            else:
                yield from self._strings(child, depth + 1)

    def _is_hidden(self, run: Any) -> bool:
        looks = run.find(qn("w:rPr"))
        if looks is None:
            return False
        style = looks.find(qn("w:rStyle"))
        if _is_on(looks.find(qn("w:vanish"))) or (style is not None and style.get(qn("w:val")) in self._hiding):
            return True
        size = looks.find(qn("w:sz"))
        value = size.get(qn("w:val")) if size is not None else None
        if value and value.isdecimal() and int(value) <= _SMALLEST_HALF_POINTS:
            return True
        colour = looks.find(qn("w:color"))
        return colour is not None and (colour.get(qn("w:val")) or "").upper() == "FFFFFF" and not _is_on_ground(run)


def _is_on(switch: Any) -> bool:
    return switch is not None and switch.get(qn("w:val")) not in ("0", "false", "off")


def _is_on_ground(run: Any) -> bool:
    """Whether a run, its paragraph, its cell, its table or a box gives it another ground than white paper."""
    if run.find(f"{qn('w:rPr')}/{qn('w:highlight')}") is not None:
        return True
    for above in (run, *run.iterancestors()):
        if above.tag in (_FRAME, qn("w:pict"), qn("w:drawing")):
            return True
        for properties in ("w:rPr", "w:pPr", "w:tcPr", "w:tblPr"):
            looks = above.find(qn(properties))
            if looks is None:
                continue
            shade = looks.find(qn("w:shd"))
            if shade is not None and (shade.get(qn("w:fill")) or "auto").upper() not in ("AUTO", "FFFFFF"):
                return True
            if properties == "w:tblPr" and looks.find(qn("w:tblStyle")) is not None:
                return True  # the style of a table may paint its head
    return False
