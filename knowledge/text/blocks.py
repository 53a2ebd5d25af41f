"""The blocks of a Markdown-like text with exact offsets: headings, paragraphs, list items, tables, code.

Splitting, quoting and reading all need to know where a block begins and ends in the very text that spans count
in, which parsers that build a tree do not say exactly. This knows only what they need, line by line, and never
fails.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

_HEADING = re.compile(r" {0,3}(#{1,6})[ \t]+(?=\S)")
_CLOSING = re.compile(r"[ \t]#+\Z")
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
_ITEM = re.compile(r"[ \t]*(?:[-*+•]|\d{1,3}[.)])[ \t]+(?=\S)")
_ROW = re.compile(r"[ \t]*\|.*\|[ \t]*$")
_RULE = re.compile(r" {0,3}([-*_])(?:[ \t]*\1){2,}[ \t]*$")


class Kind(StrEnum):
    HEADING = "heading"
    PARAGRAPH = "paragraph"
    ITEM = "item"
    TABLE = "table"
    CODE = "code"


@dataclass(frozen=True)
class Block:
    """``text[start:end]`` without the line end after it. ``level`` is a heading's, else 0."""

    kind: Kind
    start: int
    end: int
    level: int = 0


def heading_text(line: str) -> str:
    """The words of a heading line."""
    match = _HEADING.match(line)
    return _CLOSING.sub("", line[match.end() :].strip()).strip() if match else line.strip()


def blocks(text: str, start: int = 0, end: int | None = None) -> list[Block]:
    """The blocks of ``text[start:end]``, in order; offsets count in ``text``."""
    found: list[Block] = []
    open_kind: Kind | None = None
    open_start = open_end = 0
    fence = ""

    def close() -> None:
        nonlocal open_kind
        if open_kind is not None:
            found.append(Block(open_kind, open_start, open_end))
        open_kind = None

    for line, at in _lines(text, start, len(text) if end is None else end):
        if fence:
            open_end = at + len(line)
            if line.strip().startswith(fence) and not line.strip().strip(fence[0]):
                fence = ""
                close()
            continue
        if not line.strip() or _RULE.match(line):
            close()
            continue
        if match := _FENCE.match(line):
            close()
            open_kind, open_start, open_end, fence = Kind.CODE, at, at + len(line), match[1]
            continue
        if match := _HEADING.match(line):
            close()
            found.append(Block(Kind.HEADING, at, at + len(line), len(match[1])))
            continue
        kind = _kind(line, open_kind)
        if kind is not open_kind or (kind is Kind.ITEM and _ITEM.match(line)):
            close()
            open_kind, open_start = kind, at
        open_end = at + len(line)
    close()
    return found


def _kind(line: str, open_kind: Kind | None) -> Kind:
    if _ROW.match(line):
        return Kind.TABLE
    if _ITEM.match(line):
        return Kind.ITEM
    return Kind.ITEM if open_kind is Kind.ITEM else Kind.PARAGRAPH


def _lines(text: str, start: int, end: int) -> Iterator[tuple[str, int]]:
    """Each line without its end, and where it begins."""
    while start < end:
        stop = text.find("\n", start, end)
        stop = end if stop < 0 else stop
        yield text[start:stop], start
        start = stop + 1


def rows(text: str, block: Block) -> list[tuple[int, int]]:
    """The spans of a table's rows: its head first, then the data rows, without the line of dashes."""
    spans = [(at, at + len(line)) for line, at in _lines(text, block.start, block.end)]
    return [(at, to) for at, to in spans if text[at:to].strip(" \t|:-")]
