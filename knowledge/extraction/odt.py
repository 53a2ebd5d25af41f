"""OpenDocument texts (.odt): headings, paragraphs, lists and tables of ``content.xml`` in their order.

Tracked deletions and what is set to be hidden are left out; footnotes stand in brackets where they are called.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from pathlib import Path

from lxml import etree

from knowledge.extraction.types import Extracted, ExtractionError, Limits
from knowledge.extraction.unpacking import check_archive
from knowledge.extraction.writing import Writer, one_line, table
from knowledge.extraction.xml import local, member, parse

MEDIA_TYPE = "application/vnd.oasis.opendocument.text"
_OFFICE = "{urn:oasis:names:tc:opendocument:xmlns:office:1.0}"
_TEXT = "{urn:oasis:names:tc:opendocument:xmlns:text:1.0}"
_TABLE = "{urn:oasis:names:tc:opendocument:xmlns:table:1.0}"
_STYLE = "{urn:oasis:names:tc:opendocument:xmlns:style:1.0}"
_TITLE = "{http://purl.org/dc/elements/1.1/}title"
_NO_TEXT = frozenset(
    ["tracked-changes", "annotation", "forms", "sequence-decls", "table-of-content", "alphabetical-index"]
)
_SPACES = frozenset(["s", "tab", "line-break"])
_REPEATED = 50
_DEEPEST = 100


def read(path: Path, limits: Limits) -> Extracted:
    check_archive(path, limits)
    writer = Writer(limits)
    with zipfile.ZipFile(path) as archive:
        names = set(archive.namelist())
        if "META-INF/manifest.xml" in names and b"encryption-data" in archive.read("META-INF/manifest.xml"):
            raise ExtractionError("It is protected with a password.")
        content = parse(member(archive, "content.xml"))
        meta = parse(archive.read("meta.xml")) if "meta.xml" in names else None
    body = content.find(f"{_OFFICE}body/{_OFFICE}text")
    if body is None:
        raise ExtractionError("It is damaged: it holds no text document.")
    _Reader(_hiding_styles(content), writer).write(body, 0)
    title = one_line((meta.findtext(f".//{_TITLE}") if meta is not None else "") or "")
    if not title:
        title = next((heading.text for heading in writer.headings), "")
    return writer.extracted(title=title, media_type=MEDIA_TYPE)


def _hiding_styles(content: etree._Element) -> frozenset[str]:
    """The names of the styles that hide their text."""
    return frozenset(
        style.get(f"{_STYLE}name") or ""
        for style in content.iter(f"{_STYLE}style")
        for properties in style
        if properties.get(f"{_TEXT}display") == "none"
    )


class _Reader:
    def __init__(self, hiding: frozenset[str], writer: Writer) -> None:
        self._hiding = hiding
        self._writer = writer

    def write(self, element: etree._Element, depth: int) -> None:
        """Write the blocks inside an element."""
        if depth > _DEEPEST:
            raise RecursionError
        for child in element:
            name = local(child)
            if name in _NO_TEXT:
                continue
            if self._is_hidden(child):
                self._writer.hide(str(etree.tostring(child, method="text", encoding="unicode", with_tail=False)))
            elif name == "h":
                level = child.get(f"{_TEXT}outline-level") or "1"
                self._writer.heading(self._words(child), int(level) if level.isdecimal() else 1)
            elif name == "p":
                self._writer.block(self._words(child))
            elif name == "list":
                self._writer.block("\n".join(self._items(child, 0)))
            elif name == "table":
                self._writer.block(table(self._rows(child)))
            elif name:
                self.write(child, depth + 1)

    def _is_hidden(self, element: etree._Element) -> bool:
        name = local(element)
        if name in ("hidden-text", "hidden-paragraph") or element.get(f"{_TEXT}display") == "none":
            return True
        return (element.get(f"{_TEXT}style-name") or "-") in self._hiding

    def _words(self, element: etree._Element) -> str:
        return one_line("".join(self._strings(element, 0)))

    def _strings(self, element: etree._Element, depth: int) -> Iterator[str]:
        if depth > _DEEPEST:
            raise RecursionError
        yield element.text or ""
        for child in element:
            name = local(child)
            if name in _SPACES:
                yield " "
            elif self._is_hidden(child):
                self._writer.hide(str(etree.tostring(child, method="text", encoding="unicode", with_tail=False)))
            elif name == "note":
                body = child.find(f"{_TEXT}note-body")
                yield f" [{self._words(body)}]" if body is not None else ""
            elif name and name not in _NO_TEXT:
                yield from self._strings(child, depth + 1)
                yield " " if name in ("p", "h", "list-item") else ""
            yield child.tail or ""

    def _items(self, element: etree._Element, depth: int) -> Iterator[str]:
        if depth > _DEEPEST:
            raise RecursionError
        for item in element:
            for child in item:
                if local(child) == "list":
                    yield from self._items(child, depth + 1)
                elif words := self._words(child):
                    yield f"{'  ' * depth}- {words}"

    def _rows(self, element: etree._Element) -> list[list[str]]:
        rows: list[list[str]] = []
        for row in element.iter(f"{_TABLE}table-row"):
            values: list[str] = []
            for value in row:
                repeated = value.get(f"{_TABLE}number-columns-repeated") or "1"
                count = min(int(repeated), _REPEATED) if repeated.isdecimal() and len(repeated) < 6 else 1
                values += [self._words(value) if local(value) == "table-cell" else ""] * count
            rows.append(values)
        return rows
