"""Lines of which it is certain from their first word what they are, whatever follows: paragraphs of one line, headings,
items of tight lists, rows of tables.

Most lines of an answer are such. Their HTML is known but for their words, so they need no parser of blocks: neither to
show them while they are written, nor to close them, nor to set them apart from the next. All others are left to it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from markdown_it.common.utils import MD_TRIM_CHARS

from app.web.markdown.parsing import Reading, heading_level
from app.web.markdown.seams import Seam

# What begins so is text: no sign of a list, a rule, a fence, a definition, a table.
_WORDS = r"(?=(?:\*\*?|`|[\"'(])?[^\W\d_]|\d{1,6} [^\W\d_])"
_PARAGRAPH = re.compile(_WORDS)
_HEADING = re.compile(rf"(#{{1,6}}) {{1,3}}{_WORDS}")
_ITEM = re.compile(rf"( {{0,16}})(?:([-*+])|(\d{{1,9}})([.)])) {{1,3}}{_WORDS}")
_BLANK = re.compile(r"(?:[ \t]*\n)+")
_ROW = re.compile(r"\|([^\\\n]*)\n")
# The beginning of a line that may yet become anything: it is shown once that is known.
_UNDECIDED = re.compile(
    r"[ \t]*(?:(?:[-+*]|\d{1,9}[.)]?|#{1,6})? {0,3}(?:\*{1,2}|`{1,2}|[\"'(])?|[-=_*]+|`{3,}[^`\n]*|~{1,2}|~{3,}[^\n]*"
    r"|\${1,2}|\\\[?)\Z"
)


@dataclass(frozen=True)
class Level:
    """A list that is open: how far its signs are indented, and the words of its last item; what tells its items."""

    indent: int
    words: int
    sign: str
    tag: str


@dataclass
class Line:
    """The line that is being written, in a text where it is the last one. ``end``: where it ended, if it has."""

    seam: Seam
    levels: tuple[Level, ...] = ()
    is_heading: bool = False
    end: int = -1

    @classmethod
    def first(cls, text: str, reading: Reading) -> Line | None:
        """That with which a block begins."""
        if _PARAGRAPH.match(text):
            return cls(Seam(0, "<p>", "</p>\n", reading))
        if match := _HEADING.match(text):
            tag = f"h{heading_level(len(match[1]))}"
            return cls(Seam(match.end(), f"<{tag}>", f"</{tag}>\n", reading), is_heading=True)
        if (match := _ITEM.match(text)) and not match[1]:
            level = _level(match)
            start = f' start="{int(match[3])}"' if match[3] and int(match[3]) != 1 else ""
            return cls(Seam(match.end(), f"<{level.tag}{start}>\n<li>", _feet((level,)), reading), (level,))
        return None

    @classmethod
    def next_item(cls, text: str, list_source: str, reading: Reading) -> Line | None:
        """That of another item, behind what is finished of its list."""
        match, other = _ITEM.match(text), _ITEM.match(list_source)
        if not match or not other or match[1] or other[1] or _level(match).sign != _level(other).sign:
            return None
        return cls(Seam(match.end(), "<li>", _feet((_level(match),)), reading), (_level(match),))

    def words(self, text: str) -> str:
        """Its HTML but for the end."""
        return self.seam.words(text[: self.end] if self.end >= 0 else text)

    def html(self, text: str) -> str:
        return self.words(text) + self.seam.foot

    def ends_block(self, text: str) -> int:
        """Behind the end of the line: where the next block begins, 0 when it is not known to."""
        begin = self.end + 1
        if self.is_heading or _HEADING.match(text, begin):
            return begin
        blank = _BLANK.match(text, begin)
        if not self.levels:
            match = _ITEM.match(text, begin)
            begins_list = match and not match[1] and match[3] in (None, "1")
            return blank.end() if blank else begin if begins_list else 0
        is_over = blank and (_PARAGRAPH.match(text, blank.end()) or _HEADING.match(text, blank.end()))
        return blank.end() if blank and is_over else 0

    def waits(self, text: str) -> bool:
        """Whether what follows the end of the line is not enough to know what it is."""
        blank = _BLANK.match(text, self.end + 1) if self.levels else None
        return is_undecided(text, blank.end() if blank else self.end + 1)

    def item_behind(self, text: str) -> Line | None:
        """The next line, if it is an item of a list that is open, or of one within its last item."""
        match = _ITEM.match(text, self.end + 1) if self.levels else None
        if match is None:
            return None
        level, head, count = _level(match), self.words(text), len(self.levels)
        innermost = self.levels[-1]
        if innermost.words <= level.indent <= innermost.words + 3 and match[3] in (None, "1"):
            levels = (*self.levels, level)
            return Line(self._seam(match, f"{head}\n<{level.tag}>\n<li>", levels), levels)
        for depth in reversed(range(count)):
            other = self.levels[depth]
            if other.indent == level.indent and other.sign == level.sign:
                levels = (*self.levels[:depth], level)
                return Line(self._seam(match, f"{head}{_feet(self.levels[depth + 1 :])}</li>\n<li>", levels), levels)
        return None

    def _seam(self, match: re.Match[str], head: str, levels: tuple[Level, ...]) -> Seam:
        return Seam(match.end(), head, _feet(levels), self.seam.reading)


@dataclass(frozen=True)
class Columns:
    """How a table draws its rows: the tags with which cells begin."""

    cells: tuple[str, ...]

    @classmethod
    def of(cls, row_html: str) -> Columns:
        """As they are in a row that was drawn."""
        return cls(tuple(re.findall(r"<td[^>]*>", row_html)))

    def row_at(self, text: str, reading: Reading) -> tuple[str, int] | None:
        """A row that begins a text: its HTML, and where it ends. None when there is none, or one to be parsed."""
        match = _ROW.match(text)
        if match is None or "[^" in match[1]:
            return None
        words = match[1].rstrip(" \t").removesuffix("|").split("|")
        if len(words) < len(self.cells):
            return None
        inside = "".join([self._cell(tag, word, reading) for tag, word in zip(self.cells, words, strict=False)])
        return f"<tr>\n{inside}</tr>\n", match.end()

    def _cell(self, tag: str, words: str, reading: Reading) -> str:
        seam = Seam(0, tag, "</td>\n", reading)
        words = words.strip(MD_TRIM_CHARS)
        seam.grow(words, is_whole=True)
        return seam.html(words)


def is_undecided(text: str, begin: int) -> bool:
    """Whether what begins there, to the end of the text, may yet be anything."""
    return _UNDECIDED.match(text, begin) is not None


def _level(match: re.Match[str]) -> Level:
    indent, words = len(match[1]), match.end() - match.start()
    return Level(indent, words, match[2], "ul") if match[2] else Level(indent, words, match[4], "ol")


def _feet(levels: tuple[Level, ...]) -> str:
    return "".join([f"</li>\n</{level.tag}>\n" for level in reversed(levels)])
