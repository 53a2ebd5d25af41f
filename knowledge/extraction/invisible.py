"""Characters that nobody sees: taken out of a text, and read, because they can carry words for a machine.

Unicode's tag characters spell ASCII without a trace on the screen, variation selectors can carry any bytes,
and controls of direction show a text in another order than it is read. Joiners stay where scripts and emoji need
them.
"""

from __future__ import annotations

import re

_TAGS = "\U000e0000-\U000e007f"
_SELECTORS = "\ufe00-\ufe0f\U000e0100-\U000e01ef"
_OVERRIDES = "\u202d\u202e"
_UNSEEN = re.compile(
    f"[\u200b-\u200f\u2060-\u2064\u206a-\u206f\ufeff\u180e\u061c\u3164\uffa0\u202a-\u202e\u2066-\u2069{_TAGS}{_SELECTORS}]+"
)
_KEPT = re.compile(
    "(?:[\u200c\u200d][\ufe0e\ufe0f]?|[\ufe0e\ufe0f][\u200c\u200d]?|[\ufe00-\ufe0d\U000e0100-\U000e01ef])"
)
_FLAG = "\U0001f3f4"
_MANY = 8


def without_invisible(text: str) -> tuple[str, list[str]]:
    """``text`` without invisible characters, and what they said."""
    if text.isascii() or not _UNSEEN.search(text):
        return text, []
    said: list[str] = []
    parts: list[str] = []
    at = 0
    for match in _UNSEEN.finditer(text):
        parts.append(text[at : match.start()])
        before = text[match.start() - 1 : match.start()]
        if _belongs(before, match[0]):
            parts.append(match[0])
        elif words := _said(match[0], text, match.end()):
            said.append(words)
        at = match.end()
    parts.append(text[at:])
    return "".join(parts), said


def _belongs(before: str, run: str) -> bool:
    """Whether the run shapes the character before it: an emoji, a flag, or a letter of a script that joins."""
    if before == _FLAG:
        return len(run) <= 8 and run.endswith("\U000e007f")
    return ord(before or "\0") > 0x2FF and bool(_KEPT.fullmatch(run)) and not before.isspace()


def _said(run: str, text: str, end: int) -> str:
    """What a run of invisible characters says, or "" for the stray ones that programs leave behind."""
    tags = "".join(chr(ord(character) - 0xE0000) for character in run if 0xE0020 <= ord(character) < 0xE007F)
    if tags:
        return f"In invisible characters: {tags}"
    selectors = bytes(value for character in run if (value := _byte(character)) is not None)
    if len(selectors) >= _MANY:
        return f"In invisible characters: {selectors.decode(errors='replace')}"
    if any(character in _OVERRIDES for character in run):
        return f"Shown in another order than written: {text[end : end + 80]}"
    return f"{len(run)} invisible characters in a row" if len(run) >= _MANY else ""


def _byte(selector: str) -> int | None:
    if "\ufe00" <= selector <= "\ufe0f":
        return ord(selector) - 0xFE00
    if "\U000e0100" <= selector <= "\U000e01ef":
        return ord(selector) - 0xE0100 + 16
    return None
