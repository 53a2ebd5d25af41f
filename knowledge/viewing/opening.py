"""What a reader sees of a version: a part of it, with the cited words marked."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from django.utils.translation import gettext as _

from knowledge.viewing import parts
from knowledge.viewing.parts import Part, Stretch, Text
from knowledge.viewing.rendering import Span, as_rows, as_written, rendered

_PLAIN_TYPES = frozenset({"text/plain"})
_LINED_TYPES = frozenset({"application/pdf", "message/rfc822"})
_SLIDE_TYPE = "application/vnd.openxmlformats-officedocument.presentationml.presentation"
_ROW_TYPES = frozenset({"text/csv", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"})


@dataclass(frozen=True)
class Excerpt:
    """Safe HTML of a part of a version. ``kind`` is how it is set: ``prose``, ``plain``, ``lines`` (line ends mean
    something) or ``rows``. ``page_name`` is "Page 3" or the like, "" without pages.
    """

    html: str
    kind: str
    part: Part
    page_name: str = ""

    @property
    def is_plain(self) -> bool:
        return self.kind == "plain"

    @property
    def goes_before(self) -> bool:
        return self.part.goes_before

    @property
    def goes_after(self) -> bool:
        return self.part.goes_after


def excerpt(passage: Stretch, start: int, end: int) -> Excerpt:
    """The text around a passage with ``[start, end)`` marked; offsets count in the version's text."""
    return _excerpt(passage.version, parts.around(passage), (start, end))


def part_after(version: Text, offset: int) -> Excerpt:
    return _excerpt(version, parts.after(version, offset), None)


def part_before(version: Text, offset: int) -> Excerpt:
    return _excerpt(version, parts.before(version, offset), None)


def page_text(version: Text, page: int, span: Span | None) -> str:
    """A page's text as it is written, for whoever cannot see its picture."""
    first, last = version.pages[page - 1] if page <= len(version.pages) else (0, len(version.text))
    return as_written(version.text, (first, min(last, first + parts.LONGEST_PAGE)), span, first_id="")


def span_within(passage: Stretch, start: int | None, end: int | None) -> Span:
    """The span asked for, cut to the passage; the whole passage when it makes no sense."""
    if start is None or end is None:
        return passage.start, passage.end
    start, end = max(start, passage.start), min(end, passage.end)
    return (start, end) if start < end else (passage.start, passage.end)


def page_name(version: Text, page: int | None) -> str:
    """What readers call a page: "Slide 3" of a presentation, else "Page 3"; "" without one."""
    if not page:
        return ""
    words = _("Slide %(page)s") if version.media_type == _SLIDE_TYPE else _("Page %(page)s")
    return words % {"page": page}


def _excerpt(version: Text, part: Part, span: Span | None) -> Excerpt:
    html, kind = _set(version, part, span)
    return Excerpt(html, kind, part, page_name(version, part.page))


def _set(version: Text, part: Part, span: Span | None) -> tuple[str, str]:
    """The HTML of a part and the kind of its setting."""
    text, bounds = version.text, (part.start, part.end)
    if version.media_type in _PLAIN_TYPES:
        return as_written(text, bounds, span), "plain"
    if version.media_type in _ROW_TYPES:
        return as_rows(text, bounds, span), "rows"
    html = rendered(text, bounds, span)
    if html is None:
        return as_written(text, bounds, span), "plain"
    return html, "lines" if version.media_type in _LINED_TYPES else "prose"


@dataclass(frozen=True)
class OutsideLink:
    """Where a document can be opened at its source, and the host that a reader is told."""

    url: str
    host: str


def outside_link(url: str) -> OutsideLink | None:
    """``url`` when it is a plain web address whose host every browser reads the same way; else None."""
    if not url.isprintable() or set(url) & set(" \\<>\"'`^{|}"):
        return None
    try:
        parts_of_it = urlsplit(url)
        host = parts_of_it.hostname
    except ValueError:
        return None
    if parts_of_it.scheme not in ("http", "https") or not host or "@" in parts_of_it.netloc:
        return None
    return OutsideLink(url, host)
