"""How the open block of an answer became longer: what is new, and at the end of which element it goes in.

Most frames add words to the end of a line, or an item to a list. Sent alone they cost a few bytes, and leave what
stands there as it is, with what a reader has selected in it.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from app.web.markdown import Parts

DEEPEST_END = 400  # characters
_CLOSING = re.compile(r"</([a-z0-9]+)>\n*")
_ENDS = re.compile(r"(?:</[a-z0-9]+>\n*)*\Z")
_TAG = re.compile(r"<(/?)([a-z0-9]+)[^>]*>")
_VOID = {"br", "hr", "input"}
# Parts of tables cannot stand alone in a fragment, but whole rows can in a template.
_NOT_ALONE = {"tr", "td", "th", "thead", "tbody"}
_ROW = "<tr>"


class Insertion(NamedTuple):
    """``html`` goes to the end of the element at ``path``: a selector below the block's own element; "" is that one."""

    path: str
    html: str

    @property
    def is_rows(self) -> bool:
        return self.html.startswith(_ROW)


def insertion(before: Parts, after: Parts) -> Insertion | None:
    """What makes ``after`` of ``before``; None when it takes more than putting something in at one end.

    Only what may have changed is compared: a long list or block of code costs no more than its last line.
    """
    if before.settled != after.settled:
        return _insertion(before.html, after.html)
    if before.foot == after.foot and after.words.startswith(before.words):
        html = after.words[len(before.words) :]
        if "<" not in html or _stands_alone(html):
            return Insertion(_path(after.foot), html)
    return _insertion(before.words + before.foot, after.words + after.foot)


def _insertion(before: str, after: str) -> Insertion | None:
    if len(after) < len(before):
        return None
    match = _ENDS.search(before, max(0, len(before) - DEEPEST_END))
    begin = match.start() if match else len(before)
    while True:
        end = before[begin:]
        html = after[begin : len(after) - len(end)]
        if after.endswith(end) and after.startswith(before[:begin]) and _stands_alone(html):
            return Insertion(_path(end), html)
        closing = _CLOSING.match(before, begin)
        if closing is None:
            return None
        begin = closing.end()


@lru_cache(maxsize=1024)
def _path(end: str) -> str:
    """Where something goes in before the tags that are an end."""
    names = [one[1] for one in _CLOSING.finditer(end)]
    return "".join(f" > {name}:last-child" for name in reversed(names))


def _stands_alone(html: str) -> bool:
    """Whether every element in it begins and ends in it."""
    if html.rfind("<") > html.rfind(">"):
        return False
    opened: list[str] = []
    is_rows = html.startswith(_ROW)
    for match in _TAG.finditer(html):
        name = match[2]
        if name in _NOT_ALONE and not (is_rows and (opened or name == "tr")):
            return False
        if match[1]:
            if not opened or opened.pop() != name:
                return False
        elif name not in _VOID:
            opened.append(name)
    return not opened
