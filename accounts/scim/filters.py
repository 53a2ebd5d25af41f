"""SCIM's filters (RFC 7644, 3.4.2.2) and the paths of PATCH, read into a small tree.

What comes in is a stranger's text: its length, its depth and its characters are bounded here, and whatever is not the
grammar is ``invalidFilter``. What an attribute means is not known here; ``accounts.scim.asking`` has the list.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from accounts.scim.errors import ScimError, ScimType

MOST_CHARACTERS = 2000
MOST_DEPTH = 12
OPERATORS = ("eq", "ne", "co", "sw", "ew", "gt", "ge", "lt", "le")
_TOKEN = re.compile(
    r"""\s*(?:(?P<string>"(?:[^"\\]|\\.)*")|(?P<number>-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?(?![\w.]))"""
    r"""|(?P<word>[A-Za-z$][\w$:.-]*)|(?P<sub>\.[A-Za-z$][\w$-]*)|(?P<mark>[()\[\]]))"""
)
_URN = re.compile(r"urn:[\w:.-]*:(?=[^:]*$)", re.IGNORECASE)
Value = str | bool | int | float | None


@dataclass(frozen=True)
class Compare:
    """``path`` is in lower case and without its schema."""

    path: str
    operator: str
    value: Value


@dataclass(frozen=True)
class Present:
    path: str


@dataclass(frozen=True)
class Within:
    """One element of a list for which all of ``inner`` holds; its paths are relative to the element."""

    path: str
    inner: Filter


@dataclass(frozen=True)
class Not:
    inner: Filter


@dataclass(frozen=True)
class Both:
    left: Filter
    right: Filter


@dataclass(frozen=True)
class Either:
    left: Filter
    right: Filter


Filter = Compare | Present | Within | Not | Both | Either


@dataclass(frozen=True)
class Path:
    """Where a PATCH operation goes: an attribute, elements of it, a part of it."""

    attribute: str
    chosen: Filter | None = None
    part: str = ""


def read_filter(text: str) -> Filter:
    """Raises ScimError ``invalidFilter``."""
    reader = _Reader(text, "invalidFilter")
    found = reader.either(0)
    reader.end()
    return found


def read_path(text: str) -> Path:
    """Raises ScimError ``invalidPath``."""
    reader = _Reader(text, "invalidPath")
    attribute, _, part = reader.attribute().partition(".")
    chosen: Filter | None = None
    if not part and reader.take("["):
        chosen = reader.either(0)
        reader.expect("]")
        part = reader.sub()
    reader.end()
    return Path(attribute, chosen, part)


def plain_name(name: str) -> str:
    """An attribute's name in lower case, without the schema that may stand before it."""
    return _URN.sub("", name).lower()


class _Reader:
    """A recursive descent over the tokens."""

    def __init__(self, text: str, scim_type: ScimType) -> None:
        self.scim_type = scim_type
        if len(text) > MOST_CHARACTERS:
            raise self.wrong(f"is longer than {MOST_CHARACTERS} characters")
        self.tokens = list(self._split(text))
        self.at = 0

    def wrong(self, what: str) -> ScimError:
        kind = "filter" if self.scim_type == "invalidFilter" else "path"
        return ScimError(f"The {kind} {what}.", self.scim_type)

    def _split(self, text: str) -> list[tuple[str, str]]:
        found, place, text = [], 0, text.strip()
        while place < len(text):
            match = _TOKEN.match(text, place)
            if match is None or match.lastgroup is None:
                raise self.wrong(f"cannot be read from character {place + 1} on")
            found.append((match.lastgroup, match.group(match.lastgroup)))
            place = match.end()
        return found

    def peek(self) -> tuple[str, str]:
        return self.tokens[self.at] if self.at < len(self.tokens) else ("end", "")

    def take(self, word: str) -> bool:
        kind, text = self.peek()
        if kind in ("word", "mark") and text.lower() == word:
            self.at += 1
            return True
        return False

    def expect(self, word: str) -> None:
        if not self.take(word):
            raise self.wrong(f"lacks a “{word}”")

    def end(self) -> None:
        if self.peek()[0] != "end":
            raise self.wrong(f"has “{self.peek()[1][:40]}” where it should end")

    def attribute(self) -> str:
        kind, text = self.peek()
        if kind != "word":
            raise self.wrong("lacks the name of an attribute")
        self.at += 1
        return plain_name(text)

    def sub(self) -> str:
        kind, text = self.peek()
        if kind != "sub":
            return ""
        self.at += 1
        return text[1:].lower()

    def either(self, depth: int) -> Filter:
        if depth > MOST_DEPTH:
            raise self.wrong("is nested too deeply")
        found = self.both(depth)
        while self.take("or"):
            found = Either(found, self.both(depth))
        return found

    def both(self, depth: int) -> Filter:
        found = self.one(depth)
        while self.take("and"):
            found = Both(found, self.one(depth))
        return found

    def one(self, depth: int) -> Filter:
        if self.take("not"):
            self.expect("(")
            return Not(self.closed(depth, ")"))
        if self.take("("):
            return self.closed(depth, ")")
        path = self.attribute()
        if self.take("["):
            inner = self.closed(depth, "]")
            part = self.sub()
            return Within(path, Both(inner, self.compared(part)) if part else inner)
        return self.compared(path)

    def closed(self, depth: int, mark: str) -> Filter:
        inner = self.either(depth + 1)
        self.expect(mark)
        return inner

    def compared(self, path: str) -> Compare | Present:
        if self.take("pr"):
            return Present(path)
        kind, word = self.peek()
        operator = word.lower()
        if kind != "word" or operator not in OPERATORS:
            raise self.wrong(f"needs one of {', '.join(OPERATORS)}, pr after {path}")
        self.at += 1
        return Compare(path, operator, self.value())

    def value(self) -> Value:
        kind, text = self.peek()
        self.at += 1
        if kind == "string":
            return self._string(text)
        if kind == "number":
            return float(text) if any(one in text for one in ".eE") else int(text)
        constants: dict[str, Value] = {"true": True, "false": False, "null": None}
        if kind == "word" and text.lower() in constants:
            return constants[text.lower()]
        raise self.wrong("compares with something that is neither a string in quotes, a number, true, false nor null")

    def _string(self, text: str) -> str:
        try:
            read = str(json.loads(text, strict=False))
        except ValueError as error:
            raise self.wrong("has a string that cannot be read") from error
        if not is_storable(read):
            raise self.wrong("has a character that no text may have")
        return read


def is_storable(text: str) -> bool:
    """Whether PostgreSQL can keep it: no NUL, no half of a pair."""
    try:
        return b"\0" not in text.encode()
    except UnicodeEncodeError:
        return False


def holds(found: Filter, element: dict[str, Any]) -> bool:
    """Whether a JSON object fits, its keys in any case: for the few elements of a PATCH's target, never for rows."""
    if isinstance(found, Not):
        return not holds(found.inner, element)
    if isinstance(found, Both):
        return holds(found.left, element) and holds(found.right, element)
    if isinstance(found, Either):
        return holds(found.left, element) or holds(found.right, element)
    if isinstance(found, Within):
        return False
    value = next((value for key, value in element.items() if key.lower() == found.path), None)
    if isinstance(found, Present):
        return value not in (None, "", [])
    return _compares(value, found.operator, found.value)


def _compares(value: Any, operator: str, wanted: Value) -> bool:
    if isinstance(value, str) and isinstance(wanted, str):
        value, wanted = value.casefold(), wanted.casefold()
        tests = {"co": wanted in value, "sw": value.startswith(wanted), "ew": value.endswith(wanted)}
        if operator in tests:
            return bool(tests[operator])
    elif isinstance(value, bool) and isinstance(wanted, str):
        wanted = wanted.lower() == "true"
    if operator == "ne":
        return bool(value != wanted)
    return operator == "eq" and bool(value == wanted)
