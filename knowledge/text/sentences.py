"""The sentences of a passage with exact offsets: what can be quoted word for word.

A sentence of prose, an item of a list, a row of a table, a line of code. Headings are never one: they name an
answer but do not give it. A full stop ends a sentence only when the next word begins like one and the word
before it is no abbreviation, initial or number.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import zip_longest

from knowledge.text.blocks import Block, Kind, blocks, rows
from knowledge.text.wording import plain

LONGEST = 420
_INTRODUCED = (Kind.ITEM, Kind.TABLE, Kind.CODE)
_END = re.compile(
    r"[.!?…][\"'”’)\]*_]*(?=\s+[\"'“‘(\[*_]*[A-Z0-9À-Þ€$£]|\s*\Z)|\n{2,}|(?<=[:;])\n|\n(?=[ \t]*(?:[-*•]|\d+[.)]) )"
)
_ABBREVIATION = re.compile(
    r"(?:\b(?:e\.g|i\.e|etc|cf|vs|approx|incl|excl|no|nos|dr|mr|mrs|ms|prof|st|sr|jr|inc|ltd|co|corp|dept|fig|sec|art|max|min"
    r"|tel|ext|ca|resp|jan|feb|mar|apr|jun|jul|aug|sep|sept|oct|nov|dec|a\.m|p\.m|u\.s)|\b[A-Z])\.$",
    re.IGNORECASE,
)
_ITEM_SIGN = re.compile(r"[ \t]*(?:[-*+•]|\d{1,3}[.)])[ \t]+")


@dataclass(frozen=True)
class Sentence:
    """``text[start:end]`` of the passage it was taken from. ``lead`` is what it hangs on: a table's head, or the line
    that introduces a list; ``lead_start`` is where that begins, else ``start``."""

    start: int
    end: int
    kind: Kind
    lead: str
    lead_start: int


def sentences(text: str) -> list[Sentence]:
    """Everything in ``text`` that can be quoted, in order, without overlap."""
    found: list[Sentence] = []
    lead: tuple[int, int] | None = None
    parts = blocks(text)
    for block, following in zip_longest(parts, parts[1:]):
        if block.kind is Kind.TABLE:
            found += _of_table(text, block)
        elif block.kind is Kind.CODE:
            found.append(_sentence(text, block.start, block.end, Kind.CODE, lead))
        elif block.kind is Kind.ITEM:
            found += _of_prose(text, block, lead)
        elif block.kind is Kind.PARAGRAPH:
            found += _of_prose(text, block, None)
        if found and block.kind is Kind.PARAGRAPH and following and following.kind in _INTRODUCED:
            last = found[-1]
            lead = (last.start, last.end) if text[last.start : last.end].endswith(":") else None
            found = found[:-1] if lead else found
        elif block.kind is not Kind.ITEM:
            lead = None
    return [sentence for sentence in found if any(sign.isalnum() for sign in text[sentence.start : sentence.end])]


def _sentence(text: str, start: int, end: int, kind: Kind, lead: tuple[int, int] | None) -> Sentence:
    return Sentence(start, end, kind, plain(text[lead[0] : lead[1]]) if lead else "", lead[0] if lead else start)


def _of_table(text: str, block: Block) -> Iterator[Sentence]:
    spans = rows(text, block)
    has_head = "---" in text[block.start : block.end].partition("\n")[2].partition("\n")[0]
    head = spans[0] if has_head and len(spans) > 1 else None
    for start, end in spans[1:] if head else spans:
        yield _sentence(text, start, end, Kind.TABLE, head)


def _of_prose(text: str, block: Block, lead: tuple[int, int] | None) -> Iterator[Sentence]:
    start = block.start
    if block.kind is Kind.ITEM and (sign := _ITEM_SIGN.match(text, block.start, block.end)):
        start = sign.end()
    for begin, end in _cut(text, start, block.end):
        if end - begin <= LONGEST:
            yield _sentence(text, begin, end, block.kind, lead)
            continue
        for line_begin, line_end in _lines(text, begin, end):
            yield _sentence(text, line_begin, line_end, block.kind, lead)


def _cut(text: str, start: int, stop: int) -> Iterator[tuple[int, int]]:
    begin = start
    for match in _END.finditer(text, start, stop):
        end = match.end() if match[0].strip() else match.start()
        if (
            end < stop
            and match[0].startswith(".")
            and _ABBREVIATION.search(text, max(begin, end - 12), match.start() + 1)
        ):
            continue
        yield from _trimmed(text, begin, end)
        begin = match.end()
    yield from _trimmed(text, begin, stop)


def _lines(text: str, start: int, stop: int) -> Iterator[tuple[int, int]]:
    while start < stop:
        end = text.find("\n", start, stop)
        end = stop if end < 0 else end
        yield from _trimmed(text, start, end)
        start = end + 1


def _trimmed(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    if end > start:
        yield start, end
