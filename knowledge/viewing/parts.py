"""How much of a version is shown at once, and where the parts before and after it begin.

A text may have millions of characters, so a reader gets the part around the passage, and asks for what comes before or
after it. A part is a page where there are pages. Elsewhere it is a run of passages, since those are cut along headings
and blocks; what lies between two passages (a heading, say) belongs to the later one.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

AROUND = 2500
FURTHER = 8000
LONGEST_PAGE = 20_000
_ROWS = 400
_Span = tuple[int, int]


class Text(Protocol):
    """What was read from a file: a version of a document, or a file of a conversation. ``passages`` are its rows."""

    text: Any
    pages: Any
    media_type: Any

    @property
    def passages(self) -> Any: ...


class Stretch(Protocol):
    """A passage of such a text."""

    start: Any
    end: Any

    @property
    def version(self) -> Any: ...


@dataclass(frozen=True)
class Part:
    """``text[start:end]`` of a version, from ``page`` where it has pages; whether there is text before and after it."""

    start: int
    end: int
    page: int | None
    goes_before: bool
    goes_after: bool


def around(passage: Stretch) -> Part:
    """The page the passage is on, or what stands within 2,500 characters before and after it."""
    version = passage.version
    page = page_of(version, passage.start)
    bounds = _bounds(version, page)
    if page and bounds[1] - bounds[0] <= LONGEST_PAGE:
        return _part(version, min(bounds[0], passage.start), max(bounds[1], passage.end), page)
    near = version.passages.filter(end__gt=passage.start - 2 * AROUND, start__lt=passage.end + 2 * AROUND)
    spans = list(near.order_by("ordinal").values_list("start", "end"))
    kept = [
        n for n, (start, end) in enumerate(spans) if passage.start - AROUND <= start and end <= passage.end + AROUND
    ]
    start = spans[kept[0] - 1][1] if kept[0] else bounds[0]
    end = spans[kept[-1]][1] if kept[-1] + 1 < len(spans) else bounds[1]
    return _part(version, max(start, bounds[0]), min(end, bounds[1]), page)


def after(version: Text, offset: int) -> Part:
    """What follows ``offset``: a page, or as many whole passages as have 8,000 characters."""
    page = next(_pages_between(version, offset, len(version.text)), None)
    first, last = _bounds(version, page)
    first = max(first, offset)
    if page and last - first <= LONGEST_PAGE:
        return _part(version, first, last, page)
    rows = version.passages.filter(start__gte=first, start__lt=last).order_by("ordinal").values_list("start", "end")
    spans = _gathered(list(rows[:_ROWS]))
    if not spans:
        return _part(version, min(first, last), last, page)
    is_last = not version.passages.filter(start__gte=spans[-1][1], start__lt=last).exists()
    return _part(version, first, last if is_last else spans[-1][1], page)


def before(version: Text, offset: int) -> Part:
    """What comes before ``offset``, ending there."""
    offset = min(offset, len(version.text))
    page = next(_pages_between(version, 0, offset, backwards=True), None)
    first, last = _bounds(version, page)
    last = min(last, offset)
    if page and last - first <= LONGEST_PAGE:
        return _part(version, first, last, page)
    rows = version.passages.filter(end__lte=last, end__gt=first).order_by("-ordinal").values_list("start", "end")
    spans = _gathered(list(rows[:_ROWS]))
    if not spans:
        return _part(version, first, max(first, last), page)
    earlier = version.passages.filter(end__lte=spans[-1][0], end__gt=first).order_by("-ordinal").first()
    return _part(version, earlier.end if earlier else first, last, page)


def page_of(version: Text, offset: int) -> int | None:
    """The page, from 1, that a character stands on; None in a version without pages."""
    starts = [page[0] for page in version.pages]
    return max(bisect_right(starts, offset), 1) if starts else None


def _bounds(version: Text, page: int | None) -> _Span:
    """Where a page begins and ends; the whole text in a version without pages."""
    if not page or page > len(version.pages):
        return 0, len(version.text)
    return version.pages[page - 1][0], version.pages[page - 1][1]


def _pages_between(version: Text, start: int, end: int, *, backwards: bool = False) -> Iterator[int]:
    """The pages with something to read between two characters, in order, or the last first."""
    numbers = range(len(version.pages), 0, -1) if backwards else range(1, len(version.pages) + 1)
    for page in numbers:
        first, last = _bounds(version, page)
        if version.text[max(first, start) : min(last, end)].strip():
            yield page


def _gathered(spans: Sequence[_Span]) -> list[_Span]:
    """The first spans that make up a part; at least one when there is any."""
    found: list[_Span] = []
    size = 0
    for span in spans:
        size += span[1] - span[0]
        if found and size > FURTHER:
            break
        found.append(span)
    return found


def _part(version: Text, start: int, end: int, page: int | None) -> Part:
    text = version.text
    return Part(start, end, page, bool(text[:start].strip()), bool(text[end:].strip()))
