"""Word documents: paragraphs, headings, lists and tables in their order; pictures, headers and footers left
out.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import docx
from docx.document import Document
from docx.opc.exceptions import OpcError
from docx.table import Table
from docx.text.paragraph import Paragraph
from lxml import etree

from knowledge.extraction.types import Extracted, ExtractionError, Limits
from knowledge.extraction.unpacking import check_archive
from knowledge.extraction.writing import Writer, one_line, table, worthy_title

MEDIA_TYPE = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
_HEADING_STYLE = re.compile(r"heading (\d)", re.IGNORECASE)


def read(path: Path, limits: Limits) -> Extracted:
    check_archive(path, limits)
    try:
        document = docx.Document(str(path))
    except (OpcError, KeyError, ValueError, etree.XMLSyntaxError) as error:
        raise ExtractionError("It is damaged: it cannot be opened as a Word document.") from error
    writer = Writer(limits)
    title = _write_body(document, writer)
    title = worthy_title(document.core_properties.title or "") or title
    if not title:
        title = next((heading.text for heading in writer.headings), "")
    return writer.extracted(title=title, media_type=MEDIA_TYPE)


def _write_body(document: Document, writer: Writer) -> str:
    """Write every block; return the text of the paragraph styled as the title, if there is one."""
    title = ""
    items: list[str] = []
    for block in document.iter_inner_content():
        item = _item(block) if isinstance(block, Paragraph) else ""
        if item:
            items.append(item)
            continue
        writer.block("\n".join(items))
        items = []
        if isinstance(block, Table):
            _write_table(block, writer)
        else:
            title = _write_paragraph(block, writer) or title
    writer.block("\n".join(items))
    return title


def _style(paragraph: Paragraph) -> str:
    return (paragraph.style.name or "") if paragraph.style is not None else ""


def _item(paragraph: Paragraph) -> str:
    """A list item as Markdown, or "" when the paragraph is none."""
    words = one_line(paragraph.text)
    properties: Any = paragraph._p.pPr  # python-docx shows list membership nowhere else
    numbered = properties is not None and properties.numPr is not None
    style = _style(paragraph).lower()
    if not words or _HEADING_STYLE.match(style) or not (numbered or style.startswith("list")):
        return ""
    depth = 0
    if numbered and properties.numPr.ilvl is not None:
        depth = min(int(properties.numPr.ilvl.val), 8)
    return f"{'  ' * depth}- {words}"


def _write_paragraph(paragraph: Paragraph, writer: Writer) -> str:
    words, style = one_line(paragraph.text), _style(paragraph)
    if match := _HEADING_STYLE.match(style):
        writer.heading(words, int(match[1]))
    elif style.lower() == "title":
        writer.heading(words, 1)
        return words
    else:
        writer.block(words)
    return ""


def _write_table(source: Table, writer: Writer) -> None:
    """A table of one cell is a frame around text; any other becomes a Markdown table. A merged cell is told once."""
    rows: list[list[str]] = []
    for row in source.rows:
        values: list[str] = []
        seen: set[int] = set()
        for value in row.cells:
            values.append("" if id(value._tc) in seen else value.text)  # the only identity of a merged cell
            seen.add(id(value._tc))
        rows.append(values)
    filled = [value for row in rows for value in row if value.strip()]
    writer.block(one_line(filled[0]) if len(filled) == 1 else table(rows))
