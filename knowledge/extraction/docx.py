"""Word documents: paragraphs, headings, lists and tables in their order; pictures, headers and footers left out.

The text is the one that its reader sees: tracked insertions stay and deletions go, hidden runs are told as hidden,
footnotes stand in brackets where they are called (``word_runs``).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docx
from docx.document import Document
from docx.opc.exceptions import OpcError
from docx.oxml.ns import qn
from docx.table import Table
from docx.text.paragraph import Paragraph
from lxml import etree

from knowledge.extraction.types import Extracted, ExtractionError, Limits
from knowledge.extraction.unpacking import check_archive
from knowledge.extraction.word_runs import Runs
from knowledge.extraction.writing import Writer, one_line, table, worthy_title

MEDIA_TYPE = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
_HEADING_STYLE = re.compile(r"heading (\d)", re.IGNORECASE)
_WRAPPERS = frozenset(qn(name) for name in ("w:sdt", "w:sdtContent", "w:ins", "w:moveTo", "w:customXml", "w:smartTag"))
_DEEPEST = 50


def read(path: Path, limits: Limits) -> Extracted:
    check_archive(path, limits)
    try:
        document = docx.Document(str(path))
    except (OpcError, KeyError, ValueError, etree.XMLSyntaxError) as error:
        raise ExtractionError("It is damaged: it cannot be opened as a Word document.") from error
    writer = Writer(limits)
    title = _Body(document, writer).write()
    title = worthy_title(document.core_properties.title or "") or title
    if not title:
        title = next((heading.text for heading in writer.headings), "")
    return writer.extracted(title=title, media_type=MEDIA_TYPE)


class _Body:
    """Writes the blocks of a document's body one after the other."""

    def __init__(self, document: Document, writer: Writer) -> None:
        self._document = document
        self._writer = writer
        self._runs = Runs(document, writer)
        self._items: list[str] = []

    def write(self) -> str:
        """Write every block; return the text of the paragraph styled as the title, if there is one."""
        title = ""
        for element in _blocks(self._document.element.body, 0):
            if element.tag == qn("w:tbl"):
                self._end_list()
                self._write_table(Table(element, self._document._body))
            else:
                title = self._write_paragraph(Paragraph(element, self._document._body)) or title
        self._end_list()
        return title

    def _end_list(self) -> None:
        self._writer.block("\n".join(self._items))
        self._items = []

    def _write_paragraph(self, paragraph: Paragraph) -> str:
        words, style = self._runs.words(paragraph._p), _style(paragraph)
        depth = _list_depth(paragraph, style)
        level = _level(paragraph, style)
        if words and depth is not None and not level:
            self._items.append(f"{'  ' * depth}- {words}")
        else:
            self._end_list()
            if style.lower() == "title" or level:
                self._writer.heading(words, level or 1)
            else:
                self._writer.block(words)
        for text in self._runs.in_frames(paragraph._p):
            self._end_list()
            self._writer.block(text)
        return words if style.lower() == "title" else ""

    def _write_table(self, source: Table) -> None:
        """A table of one cell is a frame around text; any other is a Markdown table. A merged cell is told once."""
        rows: list[list[str]] = []
        for row in source.rows:
            if row._tr.find(f"{qn('w:trPr')}/{qn('w:hidden')}") is not None:
                self._writer.hide(" ".join(value.text for value in row.cells))
                continue
            values: list[str] = []
            seen: set[int] = set()
            for value in row.cells:
                values.append("" if id(value._tc) in seen else self._runs.cell(value._tc))  # a merged cell's identity
                seen.add(id(value._tc))
            rows.append(values)
        filled = [value for row in rows for value in row if value.strip()]
        self._writer.block(one_line(filled[0]) if len(filled) == 1 else table(rows))


def _blocks(parent: Any, depth: int) -> Iterator[Any]:
    """Paragraphs and tables, those inside content controls and tracked insertions as well; no table of contents."""
    if depth > _DEEPEST:
        raise RecursionError
    for element in parent:
        if element.tag in (qn("w:p"), qn("w:tbl")):
            yield element
        elif element.tag in _WRAPPERS and not _is_table_of_contents(element):
            yield from _blocks(element, depth + 1)


def _is_table_of_contents(element: Any) -> bool:
    gallery = element.find(f"{qn('w:sdtPr')}/{qn('w:docPartObj')}/{qn('w:docPartGallery')}")
    return gallery is not None and gallery.get(qn("w:val")) == "Table of Contents"


def _style(paragraph: Paragraph) -> str:
    return (paragraph.style.name or "") if paragraph.style is not None else ""


def _level(paragraph: Paragraph, style: str) -> int:
    """The level of a heading, or 0: by its style's name, or by the level in the outline that it or its style has."""
    if match := _HEADING_STYLE.match(style):
        return int(match[1])
    properties = [paragraph._p.pPr, paragraph.style.element.find(qn("w:pPr")) if paragraph.style is not None else None]
    for found in properties:
        outline = found.find(qn("w:outlineLvl")) if found is not None else None
        value = outline.get(qn("w:val")) if outline is not None else None
        if value and value.isdecimal() and int(value) < 6:
            return int(value) + 1
    return 0


def _list_depth(paragraph: Paragraph, style: str) -> int | None:
    """How deep in a list the paragraph stands, from 0, or None when it is no item."""
    properties: Any = paragraph._p.pPr  # python-docx shows list membership nowhere else
    numbered = properties is not None and properties.numPr is not None
    if not numbered and not style.lower().startswith("list"):
        return None
    if numbered and properties.numPr.ilvl is not None:
        return min(int(properties.numPr.ilvl.val), 8)
    return 0
