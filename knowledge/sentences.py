"""The sentences of a passage with exact offsets: what can be quoted word for word.

A sentence of prose, an item of a list, a row of a table, a line of code. Headings are never one: they name an
answer but do not give it. A full stop ends a sentence only when the next word begins like one and the word
before it is no abbreviation, initial or number.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from knowledge.blocks import Block, Kind, blocks, rows
from knowledge.wording import plain

LONGEST = 420
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
    """``text[start:end]`` of the passage it was taken from. ``lead`` is what it hangs on and cannot be read without:
    a table's head, or the line that introduces a list."""

    start: int
    end: int
    kind: Kind
    lead: str = ""


def sentences(text: str) -> list[Sentence]:
    """Everything in ``text`` that can be quoted, in order, without overlap."""
    found: list[Sentence] = []
    lead = ""
    for block in blocks(text):
        if block.kind is Kind.HEADING:
            lead = ""
        elif block.kind is Kind.TABLE:
            found += _of_table(text, block)
        elif block.kind is Kind.CODE:
            found.append(Sentence(block.start, block.end, Kind.CODE, lead))
        elif block.kind is Kind.ITEM:
            found += _of_prose(text, block, lead)
        else:
            found += _of_prose(text, block, "")
            last = text[found[-1].start : block.end] if found else ""
            lead = last.strip() if last.rstrip().endswith(":") else ""
    return [sentence for sentence in found if any(sign.isalnum() for sign in text[sentence.start : sentence.end])]


def _of_table(text: str, block: Block) -> Iterator[Sentence]:
    spans = rows(text, block)
    head = text[spans[0][0] : spans[0][1]] if spans else ""
    is_whole = "---" in text[block.start : block.end].partition("\n")[2].partition("\n")[0]
    if is_whole and len(spans) > 1:
        spans = spans[1:]
    else:
        head = ""
    for start, end in spans:
        yield Sentence(start, end, Kind.TABLE, plain(head))


def _of_prose(text: str, block: Block, lead: str) -> Iterator[Sentence]:
    start = block.start
    if block.kind is Kind.ITEM and (sign := _ITEM_SIGN.match(text, block.start, block.end)):
        start = sign.end()
    for begin, end in _cut(text, start, block.end):
        if end - begin <= LONGEST:
            yield Sentence(begin, end, block.kind, lead)
            continue
        for line_begin, line_end in _lines(text, begin, end):
            yield Sentence(line_begin, line_end, block.kind, lead)


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
