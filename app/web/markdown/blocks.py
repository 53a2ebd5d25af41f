"""The block at the end of a text that is not closed: what of it is finished, and how its rest is drawn.

For what is not known without it, the parser of blocks is asked: where blocks begin and end (``Outline``), and how the
rest of a list or a table looks behind what is finished of it (``Stem``). Code needs no parser once it has begun
(``Fence``).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import lru_cache
from html import escape
from typing import NamedTuple

from markdown_it.token import Token

from app.web.markdown import code
from app.web.markdown.cleaning import clean
from app.web.markdown.lines import Columns
from app.web.markdown.parsing import Reading, language_of, outliner, parser
from app.web.markdown.seams import LETTER

FENCE = re.compile(r"(`{3,}(?=[^`\n]*\n)|~{3,})([^\n]*)\n")
_OPENS_LIST = re.compile(r"<[uo]l[^>]*>\n")
TASKS = ' class="contains-task-list"'
_BLANK_LINE = re.compile(r"\n[ \t]*\n")
_ROWS = "<tbody>\n"
_TABLE_END = "</table></div>\n"
# Blocks that a blank line ends, that words behind a blank line end, and such as end with their line.
_ENDED_BY_BLANK = {"paragraph_open", "table_open", "blockquote_open"}
ENDED_BY_WORDS = {"bullet_list_open", "ordered_list_open", "footnote_reference_open"}
_ENDED_BY_LINE = {"heading_open", "hr", "formula_block"}


class Parts(NamedTuple):
    """HTML in three: what stands for good is the same ``settled`` again, ``foot`` closes what more words go into."""

    settled: str
    words: str
    foot: str = ""

    @property
    def html(self) -> str:
        return f"{self.settled}{self.words}{self.foot}"


@dataclass(frozen=True)
class Outline:
    """The blocks of a text of whole lines."""

    text: str
    tokens: list[Token]
    pending: int | None

    @classmethod
    def of(cls, text: str) -> Outline:
        env: dict[str, int] = {}
        tokens = outliner.parse(text, env)
        return cls(text, tokens, env.get("pending"))

    @property
    def tops(self) -> list[Token]:
        return [token for token in self.tokens if token.level == 0 and token.map and token.nesting >= 0]

    def starts(self, tokens: list[Token]) -> list[int]:
        """Offsets at which these begin, as far as that is certain: not behind a formula that is open and, should it be
        none, could belong to what stands above it.
        """
        lines = self.text.split("\n")
        last = len(lines)
        if self.pending is not None:
            last = self.pending - bool(self.pending and has_text(lines[self.pending - 1]))
        numbers = [token.map[0] for token in tokens if token.map and token.map[0] <= last]
        return [sum(map(len, lines[:number])) + number for number in numbers]

    def closed_until(self) -> int:
        """Where the first block begins that may still change."""
        if not (tops := self.tops):
            return 0
        last = tops[-1]
        is_blank = not has_text(self.text[self.text.rfind("\n", 0, -1) + 1 :])
        if self.pending is None and (
            (is_blank and last.type in _ENDED_BY_BLANK) or (last.type in _ENDED_BY_LINE and self._is_last_line(last))
        ):
            return len(self.text)
        return max(self.starts(tops), default=0) if len(tops) > 1 else 0

    def _is_last_line(self, top: Token) -> bool:
        """Whether nothing but blank lines follows a block."""
        return top.map is not None and not any(map(has_text, self.text.split("\n")[top.map[1] :]))


@dataclass(frozen=True)
class Stem:
    """What is finished of a list or a table that is still open.

    ``begin``: its HTML up to where the rest goes; ``closing``: what comes after that. Of a table, ``head`` is what the
    rest must follow to be read as part of it (the names and the rule), ``columns`` how it draws rows. ``is_loose``:
    whether the items of the list are paragraphs.
    """

    source: str
    begin: str
    closing: str
    head: str = ""
    columns: Columns | None = None
    is_loose: bool = False

    def longer(self, source: str, html: str) -> Stem:
        return replace(self, source=self.source + source, begin=self.begin + html)

    def may_be_loose_with(self, rest: str, tokens: list[Token]) -> bool:
        """Whether its items may turn into paragraphs because of the rest; items without words do not show whether."""
        if self.head or self.is_loose:
            return False
        return has_loose_items(tokens) or (not has_words(tokens) and _BLANK_LINE.search(rest) is not None)

    def joined(self, rest: str, reading: Reading) -> tuple[str, list[Token]]:
        """The block with its rest."""
        if not has_text(rest):
            return self.begin + self.closing, []
        if self.head:
            html, tokens = draw_blocks(self.head + rest, reading)
            end = html.index(_TABLE_END)
            rows = html.find(_ROWS, 0, end)
            if rows < 0:  # it is another block
                return self.begin + self.closing + html[end + len(_TABLE_END) :], tokens
            return self.begin + html[rows + len(_ROWS) :], tokens
        env = reading.env()
        tokens = parser.parse(rest, env)
        if self.may_be_loose_with(rest, tokens):
            return draw_blocks(self.source + rest, reading)
        html = draw_list(tokens, self.is_loose, reading)
        opening = _OPENS_LIST.match(html)
        assert opening is not None
        begin = self.begin
        if TASKS in opening[0] and TASKS not in begin[: begin.index("\n")]:
            begin = begin.replace(">", f"{TASKS}>", 1)
        return begin + html[opening.end() :], tokens


@dataclass
class Fence:
    """A block of code that is still open. It is coloured anew each time it has become twice as long."""

    begin: int
    language: str
    end: re.Pattern[str]
    head: str
    foot: str
    looked_at: int
    settled: str
    coloured: int = 0
    text_until: int = 0
    text: str = ""

    def __post_init__(self) -> None:
        self.text_until = self.begin

    @classmethod
    def of(cls, opening: re.Match[str]) -> Fence:
        language = language_of(opening[2])
        head, foot = frame(language)
        end = re.compile(rf" {{0,3}}{re.escape(opening[1])}{re.escape(opening[1][0])}*[ \t]*(?:\n|$)", re.MULTILINE)
        return cls(opening.end(), language, end, head, foot, opening.end(), head)

    def closes_at(self, text: str) -> int:
        """Where the block ends, with the line that ends it; 0 when there is none yet."""
        begin = self.looked_at
        while (stop := text.find("\n", begin)) >= 0:
            if self.end.fullmatch(text, begin, stop + 1):
                return stop + 1
            begin = stop + 1
        self.looked_at = begin
        return 0

    def parts(self, text: str) -> Parts:
        whole = text.rfind("\n") + 1
        if whole - self.begin >= 2 * self.coloured and whole > self.begin:
            self.coloured = whole - self.begin
            self.settled = self.head + clean(code.highlighted(text[self.begin : whole], self.language))
            self.text_until, self.text = whole, ""
        if whole > self.text_until:
            self.text += as_text(text[self.text_until : whole])
            self.text_until = whole
        last = text[max(whole, self.begin) :]
        if not last.strip(" `~"):  # the line that ends it, perhaps
            last = ""
        return Parts(self.settled, self.text + as_text(last), self.foot)


def as_text(text: str) -> str:
    return escape(text, quote=False).replace("\xa0", "&nbsp;")


@lru_cache(maxsize=64)
def frame(language: str) -> tuple[str, str]:
    """What stands before and after code that is still written."""
    before, after = code.frame(language)
    head, foot = clean(before + LETTER + after).split(LETTER)
    return head, foot


def has_text(text: str) -> bool:
    """Whether it is more than blank lines."""
    return bool(text.strip(" \t\n"))


def is_row(line: str) -> bool:
    return line.lstrip(" ").startswith("|")


def draw_blocks(text: str, reading: Reading) -> tuple[str, list[Token]]:
    env = reading.env()
    tokens = parser.parse(text, env)
    reading.notes.update(name.removeprefix(":") for name in env.get("footnotes", {}).get("refs", {}))
    return clean(str(parser.renderer.render(tokens, parser.options, env))), tokens


def draw_list(tokens: list[Token], is_loose: bool, reading: Reading) -> str:
    """A list whose items are paragraphs, or are not, for the sake of others that are not among them."""
    for token in _item_paragraphs(tokens):
        token.hidden = not is_loose
    return clean(str(parser.renderer.render(tokens, parser.options, reading.env())))


def has_loose_items(tokens: list[Token]) -> bool:
    return any(not token.hidden for token in _item_paragraphs(tokens))


def has_words(tokens: list[Token]) -> bool:
    return any(True for _ in _item_paragraphs(tokens))


def _item_paragraphs(tokens: list[Token]) -> list[Token]:
    """The paragraphs that are the very words of the items of a list which comes first."""
    paragraphs: list[Token] = []
    for token in tokens:
        if token.level == 2 and token.type in ("paragraph_open", "paragraph_close"):
            paragraphs.append(token)
        if token.level == 0 and token.nesting < 0:
            break
    return paragraphs if tokens and tokens[0].type in ("bullet_list_open", "ordered_list_open") else []
