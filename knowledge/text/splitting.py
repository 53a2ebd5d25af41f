"""Cutting a version's text into passages: along headings first, then pages, then blocks, and inside a block
last.

A passage is a stretch long enough to answer from and short enough to quote (about 900 characters), never
crosses a heading or a page, and is ``text[start:end]`` exactly. Headings are not part of a passage but of its
path, because they say what it is about without answering anything. Tables and code are cut between lines only,
and only when too long.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from langchain_text_splitters import RecursiveCharacterTextSplitter

from knowledge.text.blocks import Block, Kind, blocks, heading_text
from knowledge.text.wording import plain

TARGET_CHARACTERS = 900
LONGEST_CHARACTERS = 1300
_SEPARATORS = ["\n\n", "\n", ". ", "? ", "! ", "; ", ", ", " ", ""]


@dataclass(frozen=True)
class Piece:
    """A passage to be: ``text[start:end]``, under ``heading_path``, on ``page`` (from 1) where the format has pages."""

    start: int
    end: int
    heading_path: tuple[str, ...]
    page: int | None


@dataclass(frozen=True)
class _Span:
    start: int
    end: int


def split(text: str, pages: Sequence[tuple[int, int]] = ()) -> list[Piece]:
    """The passages of ``text`` in order, without overlap. ``pages`` are its pages as [start, end) offsets."""
    starts = [start for start, _ in pages]
    pieces: list[Piece] = []
    for path, spans in _sections(text, starts):
        for span in _packed(spans):
            if plain(text[span.start : span.end]):
                page = max(bisect_right(starts, span.start), 1) if starts else None
                pieces.append(Piece(span.start, span.end, path, page))
    return pieces


def _sections(text: str, page_starts: Sequence[int]) -> Iterator[tuple[tuple[str, ...], list[_Span]]]:
    """Runs of spans that share a heading path and a page, each span short enough for a passage."""
    path: list[tuple[int, str]] = []
    spans: list[_Span] = []
    page = 0
    for block in blocks(text):
        here = bisect_right(page_starts, block.start)
        if block.kind is Kind.HEADING or here != page:
            if spans:
                yield _names(path), spans
            spans, page = [], here
        if block.kind is Kind.HEADING:
            path = [entry for entry in path if entry[0] < block.level]
            path.append((block.level, heading_text(text[block.start : block.end])[:300]))
        else:
            spans += _cut(text, block)
    if spans:
        yield _names(path), spans


def _names(path: Sequence[tuple[int, str]]) -> tuple[str, ...]:
    return tuple(name for _, name in path if name)


def _cut(text: str, block: Block) -> list[_Span]:
    if block.end - block.start <= LONGEST_CHARACTERS:
        return [_Span(block.start, block.end)]
    between_lines = block.kind in (Kind.TABLE, Kind.CODE)
    splitter = RecursiveCharacterTextSplitter(
        chunk_size=TARGET_CHARACTERS,
        chunk_overlap=0,
        separators=["\n", " ", ""] if between_lines else _SEPARATORS,
        keep_separator="end",
        strip_whitespace=False,
    )
    spans: list[_Span] = []
    at = block.start
    for piece in splitter.split_text(text[block.start : block.end]):
        at = text.index(piece, at, block.end)
        spans.append(_trimmed(text, at, at + len(piece)))
        at += len(piece)
    return [span for span in spans if span.end > span.start]


def _trimmed(text: str, start: int, end: int) -> _Span:
    piece = text[start:end]
    return _Span(start + len(piece) - len(piece.lstrip("\n ")), start + len(piece.rstrip()))


def _packed(spans: Sequence[_Span]) -> Iterator[_Span]:
    """Join neighbours while they fit; what introduces a list or table is so kept with its beginning."""
    start = end = -1
    for span in spans:
        if start < 0:
            start, end = span.start, span.end
        elif span.end - start <= TARGET_CHARACTERS or (end - start < 200 and span.end - start <= LONGEST_CHARACTERS):
            end = span.end
        else:
            yield _Span(start, end)
            start, end = span.start, span.end
    if start >= 0:
        yield _Span(start, end)
