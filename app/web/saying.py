"""Sentences and numbers in the reader's language.

Errors, and what workers write down beside a document or an answer, are English sentences: the database, the interfaces
for programs and the audit log never depend on who asked. A person reads them translated, where they are shown. A
sentence with values in it ("It has no page 7.") is known again by its words: the catalogue holds it as "It has no page
%(number)s.", under the context "said". What is in no catalogue stays as it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from functools import lru_cache
from typing import Any

from django.utils.formats import number_format
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import get_language, gettext, pgettext
from django.utils.translation.trans_real import translation

CONTEXT = "said"
_PLACEHOLDER = re.compile(r"%\((\w+)\)s")
_SENTENCE = re.compile(r"[A-Z“].*\s.*[.?!…]", re.S)


def said(text: str) -> str:
    """A sentence as the reader understands it; one that is translated already, or in no catalogue, as it is."""
    language = get_language()
    text_ = str(text)
    if not text_ or language is None or language.startswith("en"):
        return text
    found = _said(text_, language)
    return mark_safe(found) if isinstance(text, SafeString) else found  # noqa: S308 - as safe as what it stands for


def written(number: float | Decimal, decimals: int | None = 0) -> str:
    """``1,234.5``, or ``1.234,5``: a number with the reader's signs, rounded to so many decimals."""
    exact = Decimal(str(number)) if decimals is None else Decimal(f"{number:.{decimals}f}")
    return number_format(exact, decimals, use_l10n=True, force_grouping=True)


def _said(text: str, language: str) -> str:
    if (exact := pgettext(CONTEXT, text)) != text or (exact := gettext(text)) != text:
        return exact
    for pattern, message in _patterns(language):
        if match := pattern.fullmatch(text):
            values = {name: _within(value, language) for name, value in match.groupdict().items()}
            return pgettext(CONTEXT, message) % values
    return text


def _within(value: str, language: str) -> str:
    """A reason that stands in a sentence is one itself; names and numbers stay."""
    return _said(value, language) if _SENTENCE.fullmatch(value) else value


@lru_cache(maxsize=8)
def _patterns(language: str) -> list[tuple[re.Pattern[str], str]]:
    """Every sentence with values in it, the longest first: the one that says most of its own is the one meant."""
    messages = sorted(_with_values(language), key=lambda message: -len(_PLACEHOLDER.sub("", message)))
    return [(_pattern(message), message) for message in messages]


def _with_values(language: str) -> Iterator[str]:
    mark = f"{CONTEXT}\x04"
    known: Any = translation(language)
    for catalogue in known._catalog._catalogs:
        for key in catalogue:
            if isinstance(key, str) and key.startswith(mark) and _PLACEHOLDER.search(key):
                yield key.removeprefix(mark)


def _pattern(message: str) -> re.Pattern[str]:
    pieces = _PLACEHOLDER.split(message)
    taken: set[str] = set()
    parts = []
    for index, piece in enumerate(pieces):
        if index % 2 == 0:
            parts.append(re.escape(piece.replace("%%", "%")))
        else:
            parts.append(f"(?P={piece})" if piece in taken else f"(?P<{piece}>.+?)")
            taken.add(piece)
    return re.compile("".join(parts), re.S)
