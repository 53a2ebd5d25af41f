"""RTF, through striprtf, which gives its words without their looks.

Headings are marked before, by the styles and levels that Word writes, and found again behind.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import striprtf.striprtf

from knowledge.extraction.types import Extracted, ExtractionError, Limits
from knowledge.extraction.writing import Writer, one_line, table

_text_of: Callable[..., str] = striprtf.striprtf.rtf_to_text
MEDIA_TYPE = "application/rtf"
_MOST_BYTES = 20 * 2**20
_TITLE = re.compile(r"\{\\title ([^{}\\]{1,300})\}")
_HIDDEN = re.compile(r"\{[^{}]{0,400}\\v(?![a-z0-9])([^{}]{1,5000})\}|\\v(?![a-z0-9])([^{}]{1,5000}?)\\v0(?!\d) ?")
_DELETED = re.compile(r"\{[^{}]{0,400}\\deleted(?![a-z0-9])[^{}]{0,20000}\}")
_HEADING_STYLE = re.compile(r"\{(?:\\\*)?\\s(\d{1,4})(?!\d)[^{}]{0,500}?\bheading (\d)\b[^{}]{0,50}\}", re.IGNORECASE)
_STYLED = re.compile(r"\\(?:s(\d{1,4})|outlinelevel(\d))(?!\d) ?")
_MARK = re.compile("\x01(\\d)")
_WORDS = re.compile(r"\\[a-z]+-?\d* ?|\\'[0-9a-f]{2}|[\r\n]")
_PICTURE = re.compile(r"\\bin\d+ |(?:[0-9a-fA-F]{64,}\s*){8,}")
_BULLET = re.compile(r"^[\u00b7\u2022\u25aa\u25cf\uf0b7]\s*")


def read(path: Path, limits: Limits) -> Extracted:
    if path.stat().st_size > _MOST_BYTES * 5:
        raise ExtractionError(f"It is larger than {_MOST_BYTES * 5 // 2**20} MB; no real text is.")
    source = path.read_bytes().decode("latin-1")
    if not source.lstrip().startswith("{\\rtf"):
        raise ExtractionError("It is damaged: it does not begin like an RTF file.")
    source = _PICTURE.sub("", source)
    if len(source) > _MOST_BYTES:
        raise ExtractionError(f"Its text is larger than {_MOST_BYTES // 2**20} MB; no real one is.")
    writer = Writer(limits)
    source = _DELETED.sub("", _HIDDEN.sub(lambda match: _hide(match, writer), source))
    source = _with_marked_headings(source)
    try:
        text = str(_text_of(source, encoding="cp1252", errors="replace"))
    except (ValueError, IndexError, LookupError) as error:
        raise ExtractionError("It is damaged: it cannot be read as RTF.") from error
    _write(text, writer)
    title = _TITLE.search(source)
    return writer.extracted(title=title[1] if title else "", media_type=MEDIA_TYPE)


def _with_marked_headings(source: str) -> str:
    """``source`` with a sign and a level at the start of each paragraph that is a heading."""
    levels = dict(_HEADING_STYLE.findall(source))
    begin = source.rfind("}}", 0, source.find("\\pard") + 1 or None) if "{\\stylesheet" in source else 0

    def mark(match: re.Match[str]) -> str:
        level = levels.get(match[1], "") if match[1] else str(int(match[2]) + 1)
        return f"{match[0].rstrip()} \x01{level}" if level and level <= "6" else match[0]

    begin = max(begin, 0)
    return source[:begin] + _STYLED.sub(mark, source[begin:])


def _hide(match: re.Match[str], writer: Writer) -> str:
    writer.hide(_WORDS.sub("", match[1] or match[2] or ""))
    return ""


def _write(text: str, writer: Writer) -> None:
    """Paragraphs are lines; lines with bars are rows of one table, lines with a bullet items of one list."""
    rows: list[list[str]] = []
    items: list[str] = []
    for line in [*text.split("\n"), ""]:
        level = _MARK.search(line)
        line = _MARK.sub("", line)
        if line.count("|") >= 2 and line.rstrip().endswith("|"):
            rows.append([value.strip() for value in line.rstrip().removesuffix("|").split("|")])
            continue
        writer.block(table(rows))
        rows = []
        if _BULLET.match(line):
            items.append("- " + one_line(_BULLET.sub("", line)))
            continue
        writer.block("\n".join(items))
        items = []
        if level:
            writer.heading(line, int(level[1]))
        else:
            writer.block(one_line(line))
