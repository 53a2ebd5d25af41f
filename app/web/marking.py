"""Marking stretches of a Markdown text in its HTML, which stays otherwise the very same.

Signs that no text has go into the Markdown where a stretch begins and ends; what they enclose in the HTML is wrapped,
run by run, so that a stretch may cross emphasis and cells. Where a sign would change how the text reads, nothing is
marked: the words come first.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from html import escape

from app.web.markdown import Links, render

Span = tuple[int, int]

_FOCUS = ' tabindex="0"'
_OPEN, _CLOSE = "\ue001", "\ue002"  # of the private use area
_TAG = re.compile(r"<[^>\"]*(?:\"[^\"]*\"[^>\"]*)*>")
_SIGNS = re.compile(f"([{_OPEN}{_CLOSE}])")
# What stands before a sentence's own words, and behind them: signs of a row, a task, emphasis, quotes and citations.
_BEFORE = re.compile(r"(?:\|\s*)?(?:\[[ xX]\]\s+)?[*_~\"'“‘(]*")
_BEHIND = re.compile(r"(?:\s*\[\d{1,2}\]|[*_~)\"'”’\s|])+\Z")


def render_marked(text: str, spans: Sequence[Span], note: str, links: Links | None = None, *, name: str = "") -> str:
    """As ``render``, with each span in ``<mark class="unsupported">`` that can have the focus, and behind its words
    ``note`` for those who hear the page.
    """
    plain = render(text, links, name=name)
    if not spans or _SIGNS.search(text):
        return plain
    for tried in (
        spans,
        [span for span in spans if _unsigned(render(_signed(text, [span]), links, name=name)) == plain],
    ):
        html = render(_signed(text, tried), links, name=name)
        if _unsigned(html) == plain:
            return "".join(_wrapped(html, note))
    return plain


def _signed(text: str, spans: Sequence[Span]) -> str:
    parts, at = [], 0
    for start, end in spans:
        start, end = _own_words(text, start, end)
        if start < at or end <= start:
            continue
        parts += [text[at:start], _OPEN, text[start:end], _CLOSE]
        at = end
    return "".join([*parts, text[at:]])


def _own_words(text: str, start: int, end: int) -> Span:
    begin = _BEFORE.match(text, start, end)
    start = begin.end() if begin else start
    behind = _BEHIND.search(text[start:end])
    return start, start + behind.start() if behind else end


def _unsigned(html: str) -> str:
    return _SIGNS.sub("", html)


def _wrapped(html: str, note: str) -> Iterator[str]:
    """Runs of text between the signs in marks. The chip of a citation, and what is not text, stay as they are."""
    hidden = f'<span class="visually-hidden"> ({escape(note)})</span>'
    is_inside, is_first, is_chip = False, False, False
    last = 0
    for tag in [*_TAG.finditer(html), None]:
        for part in _SIGNS.split(html[last : tag.start() if tag else len(html)]):
            if part in (_OPEN, _CLOSE):
                is_inside = is_first = part == _OPEN
                yield "" if part == _OPEN else hidden
            elif is_inside and not is_chip and part.strip():
                yield f'<mark class="unsupported"{_FOCUS if is_first else ""}>{part}</mark>'
                is_first = False
            else:
                yield part
        if tag:
            is_chip = tag[0].startswith('<a class="cite"') or (is_chip and tag[0] != "</a>")
            yield tag[0]
            last = tag.end()
