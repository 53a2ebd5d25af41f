"""Lines of which it is certain from their first word what they are, whatever follows: paragraphs of one line, headings,
items of tight lists, rows of tables.

Most lines of an answer are such. Their HTML is known but for their words, so they need no parser of blocks: neither to
show them while they are written, nor to close them, nor to set them apart from the next. All others are left to it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from markdown_it.common.utils import MD_TRIM_CHARS

from app.web.markdown.parsing import Reading
from app.web.markdown.seams import Seam

# What begins so is text: no sign of a list, a rule, a fence, a definition, a table.
_WORDS = r"(?=(?:\*\*?|`|[\"'(])?[^\W\d_]|\d{1,6} [^\W\d_])"
_PARAGRAPH = re.compile(_WORDS)
_HEADING = re.compile(rf"(#{{1,6}}) {{1,3}}{_WORDS}")
_ITEM = re.compile(rf"( {{0,16}})(?:([-*+])|(\d{{1,9}})([.)])) {{1,3}}(?:\[([ xX])\](?= {_WORDS})|{_WORDS})")
_QUOTE = re.compile(rf"> {_WORDS}")
_NO_ITEM = re.compile(r"[^-*+\d\s]")  # what ends a list behind a blank line
_BOX = '<input class="task-list-item-checkbox"{} disabled="disabled" type="checkbox" aria-label="Task">'
_TASKS = ' class="contains-task-list"'
_BLANK = re.compile(r"(?:[ \t]*\n)+")
_ROW = re.compile(r"\|([^\\\n]*)\n")
# The beginning of a line that may yet become anything: it is shown once that is known.
_UNDECIDED = re.compile(
    r"[ \t]*(?:(?:[-+*]|\d{1,9}[.)]?|#{1,6})? {0,3}(?:\*{1,2}|`{1,2}|[\"'(])?|[-=_*]+|`{3,}[^`\n]*|~{1,2}|~{3,}[^\n]*"
    r"|\${1,2}|\\\[?|[-+*] \[[ xX]?\]? ?|\[\^[^\]\s]{0,40}\]?:? ?|> ?)\Z"
)


@dataclass(frozen=True)
class Level:
    """A list that is open: how far its signs are indented, and the words of its last item; what tells its items."""

    indent: int
    words: int
    sign: str
    tag: str
    has_tasks: bool = False


@dataclass
class Line:
    """The line that is being written, in a text where it is the last one. ``end``: where it ended, if it has."""

    seam: Seam
    levels: tuple[Level, ...] = ()
    is_heading: bool = False
    is_quote: bool = False
    is_loose: bool = False
    end: int = -1

    @classmethod
    def first(cls, text: str, reading: Reading) -> Line | None:
        """That with which a block begins."""
        if _PARAGRAPH.match(text):
            return cls(Seam(0, "<p>", "</p>\n", reading))
        if match := _HEADING.match(text):
            tag = f"h{reading.heading_level(len(match[1]))}"
            return cls(Seam(match.end(), f"<{tag}>", f"</{tag}>\n", reading), is_heading=True)
        if (match := _ITEM.match(text)) and not match[1]:
            level = _level(match)
            start = f' start="{int(match[3])}"' if match[3] and int(match[3]) != 1 else ""
            head = f"<{level.tag}{start}{_TASKS if level.has_tasks else ''}>\n{_item(match)}"
            return cls(Seam(match.end(), head, _feet((level,)), reading), (level,))
        if match := _QUOTE.match(text):
            return cls(Seam(match.end(), "<blockquote>\n<p>", "</p>\n</blockquote>\n", reading), is_quote=True)
        return None

    @classmethod
    def next_item(
        cls, text: str, list_source: str, reading: Reading, *, has_tasks: bool, is_loose: bool
    ) -> Line | None:
        """That of another item, behind what is finished of its list."""
        match, other = _ITEM.match(text), _ITEM.match(list_source)
        if not match or not other or match[1] or other[1] or _level(match).sign != _level(other).sign:
            return None
        if match[5] and (is_loose or not has_tasks):
            return None
        level = replace(_level(match), has_tasks=has_tasks)
        if is_loose:
            seam = Seam(match.end(), "<li>\n<p>", f"</p>\n{_feet((level,))}", reading)
            return cls(seam, (level,), is_loose=True)
        return cls(Seam(match.end(), _item(match), _feet((level,)), reading), (level,))

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
        if blank and (not self.levels or _NO_ITEM.match(text, blank.end()) or _PARAGRAPH.match(text, blank.end())):
            return blank.end()
        match = _ITEM.match(text, begin if blank is None else blank.end())
        if match is None or match[1]:
            return 0
        is_other = self.levels[0].sign != _level(match).sign if self.levels else match[3] in (None, "1")
        return match.start() if is_other else 0

    def waits(self, text: str) -> bool:
        """Whether what follows the end of the line is not enough to know what it is."""
        blank = _BLANK.match(text, self.end + 1) if self.levels else None
        return is_undecided(text, blank.end() if blank else self.end + 1)

    def item_behind(self, text: str) -> Line | None:
        """The next line, if it is an item of a list that is open, or of one within its last item."""
        blank = _BLANK.match(text, self.end + 1) if self.is_loose else None
        match = _ITEM.match(text, blank.end() if blank else self.end + 1) if self.levels else None
        if match is None:
            return None
        if self.is_loose:
            return Line.next_item(text[match.start() :], text, self.seam.reading, has_tasks=False, is_loose=True)
        level, head, count = _level(match), self.words(text), len(self.levels)
        innermost = self.levels[-1]
        if innermost.words <= level.indent <= innermost.words + 3 and match[3] in (None, "1"):
            levels = (*self.levels, level)
            tasks = _TASKS if level.has_tasks else ""
            return Line(self._seam(match, f"{head}\n<{level.tag}{tasks}>\n{_item(match)}", levels), levels)
        for depth in reversed(range(count)):
            other = self.levels[depth]
            if other.indent == level.indent and other.sign == level.sign and other.has_tasks >= level.has_tasks:
                levels = (*self.levels[:depth], replace(level, has_tasks=other.has_tasks))
                head += f"{_feet(self.levels[depth + 1 :])}</li>\n{_item(match)}"
                return Line(self._seam(match, head, levels), levels)
        return None

    def more_words(self, text: str) -> Line | None:
        """The next line, if it goes on with the words of this one."""
        begin = self.end + 1
        if self.is_heading or not self.seam.is_settled or text[self.end - 2 : self.end] == "  ":
            return None
        if self.levels:
            begin += self.levels[-1].words
            if text[self.end + 1 : begin].strip(" "):
                return None
        elif self.is_quote:
            begin += 2
            if text[self.end + 1 : begin] != "> ":
                return None
        if not _PARAGRAPH.match(text, begin):
            return None
        return replace(self, seam=Seam(begin, self.words(text) + "\n", self.seam.foot, self.seam.reading), end=-1)

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
        return seam.words(words) + seam.foot


def next_line(text: str, begin: int) -> int:
    """Where the first line begins that is not blank."""
    blank = _BLANK.match(text, begin)
    return blank.end() if blank else begin


def begins_anew(text: str, begin: int) -> bool:
    """Whether what begins there, behind a blank line, belongs to no list or note above it."""
    return _NO_ITEM.match(text, begin) is not None


def is_undecided(text: str, begin: int) -> bool:
    """Whether what begins there, to the end of the text, may yet be anything."""
    return _UNDECIDED.match(text, begin) is not None


def _level(match: re.Match[str]) -> Level:
    end = match.end() - 3 if match[5] else match.end()
    sign, tag = (match[2], "ul") if match[2] else (match[4], "ol")
    return Level(len(match[1]), end - match.start(), sign, tag, has_tasks=bool(match[5]))


def _item(match: re.Match[str]) -> str:
    """How the item begins."""
    if not match[5]:
        return "<li>"
    return '<li class="task-list-item">' + _BOX.format("" if match[5] == " " else ' checked="checked"')


def _feet(levels: tuple[Level, ...]) -> str:
    return "".join([f"</li>\n</{level.tag}>\n" for level in reversed(levels)])
