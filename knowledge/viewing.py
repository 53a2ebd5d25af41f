"""Showing a version's text with the cited span marked, exactly where it stands.

Only the part around the passage is shown: whole pages where there are pages, else the blocks around it. Markdown is
rendered; the span is carried through rendering by two signs that no stored text holds, which become marks afterwards,
one in each block the span crosses. Where rendering swallows a sign (inside a link's target, say) the same text is shown
plain, so that the mark is never missing and never elsewhere.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass
from html import escape

from app.web.markdown import render
from knowledge.blocks import Kind, blocks
from knowledge.models import Passage, Version

BEGIN, END = "\ue000", "\ue001"
CONTEXT_CHARACTERS = 2500
PAGE_CHARACTERS = 20_000
_PLAIN_TYPES = frozenset({"text/plain"})
_LINED_TYPES = frozenset({"application/pdf"})
_TAG = re.compile(r"(<[^>]*>)")


@dataclass(frozen=True)
class Excerpt:
    """Safe HTML of a part of a version; whether its line ends mean something, and whether there is more around it."""

    html: str
    is_plain: bool
    keeps_lines: bool
    goes_before: bool
    goes_after: bool


def excerpt(passage: Passage, start: int, end: int) -> Excerpt:
    """The text around a passage with ``[start, end)`` marked; offsets count in the version's text."""
    version = passage.version
    first, last = _window(version, passage)
    is_plain = version.media_type in _PLAIN_TYPES
    html = _plain(version.text, first, last, (start, end)) if is_plain else None
    if html is None:
        html = _rendered(version.text, first, last, (start, end))
    if html is None:
        html, is_plain = _plain(version.text, first, last, (start, end)), True
    keeps_lines = version.media_type in _LINED_TYPES
    return Excerpt(html, is_plain, keeps_lines, bool(version.text[:first].strip()), bool(version.text[last:].strip()))


def span_within(passage: Passage, start: int | None, end: int | None) -> tuple[int, int]:
    """The span asked for, cut to the passage; the whole passage when it makes no sense."""
    if start is None or end is None:
        return passage.start, passage.end
    start, end = max(start, passage.start), min(end, passage.end)
    return (start, end) if start < end else (passage.start, passage.end)


def _window(version: Version, passage: Passage) -> tuple[int, int]:
    """The page the passage is on, or whole blocks around it."""
    if version.pages:
        starts = [page[0] for page in version.pages]
        first, last = version.pages[max(bisect_right(starts, passage.start) - 1, 0)]
        return max(min(first, passage.start), passage.start - PAGE_CHARACTERS), min(
            max(last, passage.end), passage.end + PAGE_CHARACTERS
        )
    edges = [block for block in blocks(version.text) if block.kind is not Kind.ITEM] or blocks(version.text)
    before = [block.start for block in edges if passage.start - CONTEXT_CHARACTERS <= block.start <= passage.start]
    after = [block.start for block in edges if passage.end <= block.start <= passage.end + CONTEXT_CHARACTERS]
    first = before[0] if before else passage.start
    if len(version.text) - passage.end <= CONTEXT_CHARACTERS:
        return first, len(version.text)
    return first, after[-1] if after else passage.end


def _plain(text: str, first: int, last: int, span: tuple[int, int]) -> str:
    start, end = span
    marked = f'<mark id="cited">{escape(text[start:end])}</mark>'
    return f'<div class="as-written">{escape(text[first:start])}{marked}{escape(text[end:last])}</div>'


def _rendered(text: str, first: int, last: int, span: tuple[int, int]) -> str | None:
    """Rendered Markdown with the mark, or None when a sign of the span did not survive."""
    start, end = _inside_signs(text, *span)
    if start >= end:
        return None
    html = render(text[first:start] + BEGIN + text[start:end] + END + text[end:last])
    if html.count(BEGIN) != 1 or html.count(END) != 1 or html.index(BEGIN) > html.index(END):
        return None
    before, rest = html.split(BEGIN)
    inside, after = rest.split(END)
    if _is_in_tag(before) or _is_in_tag(before + inside):
        return None
    return before + _marked(inside) + after


_OPENING = re.compile(r"[ \t]*(?:`{3,}|~{3,})[^\n]*\n|(?:[ \t]*(?:#{1,6}|[-*+•>]|\d{1,3}[.)])[ \t]+|[ \t]*\|)+[ \t]*")

_CLOSING_FENCE = re.compile(r"\n[ \t]*(?:`{3,}|~{3,})\Z")


def _inside_signs(text: str, start: int, end: int) -> tuple[int, int]:
    """The span without the signs of lists, rows and code at its edges: they are signs only at a line's edge."""
    at_line_start = start == 0 or text[start - 1] == "\n"
    if at_line_start and (match := _OPENING.match(text, start, end)):
        start = match.end()
    while end > start and text[end - 1] in " \t\n|":
        end -= 1
    if match := _CLOSING_FENCE.search(text, start, end):
        end = match.start()
    return start, end


def _is_in_tag(html: str) -> bool:
    return html.rfind("<") > html.rfind(">")


def _marked(html: str) -> str:
    """Mark every run of text, leaving tags between marks; the first mark carries the id that the page scrolls to."""
    parts: list[str] = []
    is_first = True
    for piece in _TAG.split(html):
        if piece.startswith("<") or not piece.strip():
            parts.append(piece)
            continue
        parts.append(f'<mark id="cited">{piece}</mark>' if is_first else f"<mark>{piece}</mark>")
        is_first = False
    return "".join(parts)
