"""How the open block of an answer became longer: what is new, and at the end of which element it goes in.

Most frames add words to the end of a line, or an item to a list. Sent alone they cost a few bytes, and leave what
stands there as it is, with what a reader has selected in it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

DEEPEST_END = 400  # characters
_CLOSING = re.compile(r"</([a-z0-9]+)>\n*")
_ENDS = re.compile(r"(?:</[a-z0-9]+>\n*)*\Z")
_TAG = re.compile(r"<(/?)([a-z0-9]+)[^>]*>")
_VOID = {"br", "hr", "input"}
# Parts of tables cannot stand alone in a fragment.
_NOT_ALONE = {"tr", "td", "th", "thead", "tbody"}


@dataclass(frozen=True)
class Insertion:
    """``html`` goes to the end of the element at ``path``: a selector below the block's own element; "" is that one."""

    path: str
    html: str


def insertion(before: str, after: str) -> Insertion | None:
    """What makes ``after`` of ``before``; None when it takes more than putting something in at one end."""
    if len(after) < len(before):
        return None
    match = _ENDS.search(before, max(0, len(before) - DEEPEST_END))
    begin = match.start() if match else len(before)
    while True:
        end = before[begin:]
        html = after[begin : len(after) - len(end)]
        if after.endswith(end) and after.startswith(before[:begin]) and _stands_alone(html):
            names = [one[1] for one in _CLOSING.finditer(end)]
            return Insertion("".join(f" > {name}:last-child" for name in reversed(names)), html)
        closing = _CLOSING.match(before, begin)
        if closing is None:
            return None
        begin = closing.end()


def _stands_alone(html: str) -> bool:
    """Whether every element in it begins and ends in it."""
    if html.rfind("<") > html.rfind(">"):
        return False
    opened: list[str] = []
    for match in _TAG.finditer(html):
        name = match[2]
        if name in _NOT_ALONE:
            return False
        if match[1]:
            if not opened or opened.pop() != name:
                return False
        elif name not in _VOID:
            opened.append(name)
    return not opened
