"""A part of a version's text as safe HTML, with the cited span marked exactly where it stands.

Markdown is rendered; the span is carried through rendering by two signs that no stored text holds, which become marks
afterwards, one in each block the span crosses. Where rendering swallows a sign (inside a link's target, say) the same
text is shown plain, so that the mark is never missing and never elsewhere. A part that begins inside a long table or
block of code gets that one's head again.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape

from app.web.markdown import render

TOP_HEADING = 3  # below the title of the document
BEGIN, END = "\ue000", "\ue001"
Span = tuple[int, int]
_TAG = re.compile(r"(<[^>]*>)")
_FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,})([^\n]*)$", re.MULTILINE)
_ROW = re.compile(r"[ \t]*-[ \t]+")
_NEXT_CELL = re.compile(r"; (?=[^:;]{1,80}: )")
_CELL_NAME = re.compile(r"([^:;]{1,80}): ")


def rendered(text: str, part: Span, span: Span | None) -> str | None:
    """``text[part]`` as rendered Markdown with ``span`` marked, or None when a sign of the span did not survive."""
    last = part[1]
    head, first = _head(text, *part)
    if span is None:
        return _render(head + text[first:last])
    start, end = _inside_signs(text, *span)
    if start >= end:
        return None
    html = _render(head + text[first:start] + BEGIN + text[start:end] + END + text[end:last])
    if html.count(BEGIN) != 1 or html.count(END) != 1 or html.index(BEGIN) > html.index(END):
        return None
    before, rest = html.split(BEGIN)
    inside, after = rest.split(END)
    if _is_in_tag(before) or _is_in_tag(before + inside):
        return None
    return before + _marked(inside) + after


def _render(text: str) -> str:
    """A part of a document: its headings keep the level that they have in the whole."""
    return render(text, top=TOP_HEADING, first_signs=1)


def as_written(text: str, part: Span, span: Span | None, first_id: str = "cited") -> str:
    """``text[part]`` as it is, line by line."""
    return f'<div class="as-written">{Marker(text, span, first_id).html(*part)}</div>'


def as_rows(text: str, part: Span, span: Span | None) -> str:
    """Rows that name their columns (``- Column: value; Column: value``), each cell under its name."""
    marker = Marker(text, span)
    out: list[str] = []
    for start, end in _lines(text, *part):
        if match := _ROW.match(text, start, end):
            cells = "".join(f"<div>{_cell(marker, *cell)}</div>" for cell in _cells(text, match.end(), end))
            out.append(f'<li class="record">{cells}</li>')
        elif words := text[start:end].strip("# \t"):
            at = text.index(words, start)
            tag = "h4" if text[start] == "#" else "p"
            out.append(f'<li class="record-between"><{tag}>{marker.html(at, at + len(words))}</{tag}></li>')
    return f'<ul class="records">{"".join(out)}</ul>'


@dataclass
class Marker:
    """Escapes stretches of one text in their order, marking what lies in ``span``; the first mark has the id that a
    page scrolls to, unless that is "".
    """

    text: str
    span: Span | None
    first_id: str = "cited"

    def html(self, start: int, end: int) -> str:
        first, last = self.span or (start, start)
        first, last = min(max(first, start), end), max(min(last, end), start)
        if first >= last:
            return escape(self.text[start:end])
        name, self.first_id = f' id="{self.first_id}"' if self.first_id else "", ""
        marked = f"<mark{name}>{escape(self.text[first:last])}</mark>"
        return escape(self.text[start:first]) + marked + escape(self.text[last:end])


def _lines(text: str, start: int, end: int) -> Iterator[Span]:
    while start < end:
        stop = text.find("\n", start, end)
        stop = end if stop < 0 else stop
        if stop > start:
            yield start, stop
        start = stop + 1


def _cells(text: str, start: int, end: int) -> Iterator[Span]:
    for match in _NEXT_CELL.finditer(text, start, end):
        yield start, match.start()
        start = match.end()
    yield start, end


def _cell(marker: Marker, start: int, end: int) -> str:
    if not (match := _CELL_NAME.match(marker.text, start, end)):
        return f"<span>{marker.html(start, end)}</span>"
    name = marker.html(start, match.end(1))
    return f'<span class="record-name">{name}</span> <span>{marker.html(match.end(), end)}</span>'


def _head(text: str, first: int, last: int) -> tuple[str, int]:
    """What a part must begin with to be read as what it is part of (a fence of code, or the head of a table), and where
    it goes on after that.
    """
    if fence := _open_fence(text, first):
        return fence + "\n", first
    at = next((n for n in range(first, last) if not text[n].isspace()), last)
    if not text.startswith("|", at) or first == 0 or "\n\n" in text[first - 1 : at]:
        return "", first
    begin = max(text.rfind("\n\n", 0, first), -2) + 2
    names, _, rest = text[begin : begin + 5000].partition("\n")
    rule = rest.partition("\n")[0]
    is_table = names.lstrip().startswith("|") and "---" in rule and not rule.strip(" \t:|-")
    return (f"{names}\n{rule}\n", at) if is_table else ("", first)


def _open_fence(text: str, first: int) -> str:
    """The line that opened a block of code which is still open at ``first``, or ""."""
    if "```" not in text and "~~~" not in text:
        return ""
    opened: re.Match[str] | None = None
    for match in _FENCE.finditer(text, 0, first):
        if opened is None:
            opened = match
        elif match[1].startswith(opened[1]) and not match[2].strip():
            opened = None
    return opened[0] if opened else ""


_OPENING = re.compile(r"[ \t]*(?:`{3,}|~{3,})[^\n]*\n|(?:[ \t]*(?:#{1,6}|[-*+•>]|\d{1,3}[.)])[ \t]+|[ \t]*\|)+[ \t]*")

_CLOSING_FENCE = re.compile(r"\n[ \t]*(?:`{3,}|~{3,})\Z")


def _inside_signs(text: str, start: int, end: int) -> Span:
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
