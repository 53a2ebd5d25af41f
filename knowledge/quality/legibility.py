"""Whether a text can be read at all: enough of it, in the right encoding, made of words.

The figures were chosen by looking at handbooks, documentation and papers in several languages, tables and code, and
at the same texts broken on purpose; see ``tests/knowledge/test_judge_legibility.py``.
"""

from __future__ import annotations

import unicodedata

import regex

from knowledge.quality.findings import Finding, Subject, count, some

_LATIN = regex.compile(r"\p{Latin}+")
_VOWELS = frozenset("aeiouyæœøıəɛɔ")
_ENDLESS = regex.compile(r"\p{Ll}{33,}")
_LOST = regex.compile("[\ufffd\x80-\x9f]")
# One alone is a bullet or an icon of a symbol font, as there are in almost every PDF.
_PRIVATE = regex.compile(r"\p{Co}{2,}|\(cid:\d+\)")
# What bytes of UTF-8 look like when they are read as Windows-1252 or Latin-1, lead byte and continuation bytes.
_CONTINUATION = "[\x80-\xbf€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ]"
_MISREAD = regex.compile(
    rf"[ÂÃÄÅÆÇÈÉÊËÌÍÎÏÐÑÒÓÔÕÖ×ØÙÚÛÜÝÞß]{_CONTINUATION}|[à-ï]{_CONTINUATION}{{2}}|[ð-ô]{_CONTINUATION}{{3}}"
)
# A sign inside a word that no spelling has there, or a digit between small letters.
_STRANGE = r"[^\s\p{L}\p{N}\p{M}'’‘.,;:!?/()\[\]\-‐‑–—&@_·*\"“”»«+=#]"
_BROKEN_WORD = regex.compile(rf"(?<!\S)\p{{L}}*(?:\p{{L}}{_STRANGE}{{1,3}}\p{{L}}|\p{{Ll}}\d\p{{Ll}})\S*")
_FEW_LETTERS = 200


def little_text(subject: Subject) -> list[Finding]:
    """Hardly any text for what the file is: a note may be short, a file of many pages or much weight may not."""
    letters = sum(len(text) for text in subject.words)
    pages = len(subject.extracted.pages)
    if pages and letters < 25 * pages:
        message = f"There is almost no text: {count(letters, 'letter')} on {count(pages, 'page')}."
        return [Finding("little_text", 0.9, message, detail={"letters": letters, "pages": pages})]
    if letters < 60 and len(subject.text) < 200 and subject.size_bytes > 50_000:
        message = f"There is almost no text: {count(letters, 'letter')} in a file of {subject.size_bytes // 1000:,} kB."
        return [Finding("little_text", 0.9, message, detail={"letters": letters})]
    if len(subject.text.split()) < 5:
        return [Finding("little_text", 0.2, "There is very little text.", detail={"letters": letters})]
    return []


def garbled(subject: Subject) -> list[Finding]:
    """Characters that were lost or misread, and words that are none."""
    found = [*_lost(subject), *_misread(subject), *_no_words(subject)]
    return sorted(found, key=lambda finding: -finding.severity)[:1]


def _lost(subject: Subject) -> list[Finding]:
    lost = [match.span() for match in _LOST.finditer(subject.text)]
    private = [match.span() for match in _PRIVATE.finditer(subject.text)]
    length = max(len(subject.text), 1)
    share = sum(end - start for start, end in private) / length
    severity = max(_scaled(len(lost) / length, 0.0005, 0.01), _scaled(share, 0.01, 0.06))
    if not severity:
        return []
    message = f"{count(len(lost) + len(private), 'character')} could not be read and are replaced by signs."
    return [Finding("garbled", severity, message, some(lost or private), {"kind": "lost"})]


def _misread(subject: Subject) -> list[Finding]:
    if subject.text.isascii():
        return []
    places = [match.span() for match in _MISREAD.finditer(subject.text) if _was_utf8(match[0])]
    severity = _scaled(len(places) / max(len(subject.text.split()), 1), 0.001, 0.02)
    if not severity:
        return []
    message = (
        f"It was read in the wrong encoding: {count(len(places), 'letter')} look like “Ã¤” instead of “ä”. "
        "Save the file as UTF-8 and bring it in again."
    )
    return [Finding("garbled", severity, message, some(places), {"kind": "misread"})]


def _was_utf8(text: str) -> bool:
    """Whether these characters are the bytes of one letter in UTF-8."""
    for encoding in ("cp1252", "latin-1"):
        try:
            return len(text.encode(encoding).decode("utf-8")) == 1
        except UnicodeError:
            continue
    return False


def _no_words(subject: Subject) -> list[Finding]:
    """Latin letters that do not make words: fonts that map to other letters, failed recognition, encoded bytes."""
    prose = _without_accents(subject.prose)
    latin = _LATIN.findall(prose.casefold())
    letters = sum(len(word) for word in latin)
    if letters < max(_FEW_LETTERS, 0.6 * sum(len(word) for word in subject.words)):
        return []
    longer = [word for word in latin if len(word) >= 4]
    shares = {
        "vowels": sum(letter in _VOWELS for word in latin for letter in word) / letters,
        "mute": sum(_VOWELS.isdisjoint(word) for word in longer) / max(len(longer), 1),
        "endless": sum(len(match) for match in _ENDLESS.findall(prose)) / letters,
        "broken": len(_BROKEN_WORD.findall(prose)) / len(latin),
    }
    severity = max(
        _scaled(max(0.36 - shares["vowels"], 0.0) + shares["mute"] / 2, 0.1, 0.17),
        _scaled(shares["endless"], 0.1, 0.5),
        _scaled(shares["broken"], 0.1, 0.3),
    )
    if not severity:
        return []
    message = "Much of it does not read as words. It may be a bad scan, a font that cannot be read, or encoded data."
    return [Finding("garbled", severity, message, detail={name: round(value, 3) for name, value in shares.items()})]


def _without_accents(text: str) -> str:
    if text.isascii():
        return text
    return "".join(sign for sign in unicodedata.normalize("NFD", text) if not "\u0300" <= sign <= "\u036f")


def _scaled(value: float, harmless: float, bad: float) -> float:
    """0 up to ``harmless``, .8 at ``bad``, and up to 1 beyond."""
    if value <= harmless:
        return 0.0
    return min(0.3 + 0.5 * (value - harmless) / (bad - harmless), 1.0)
