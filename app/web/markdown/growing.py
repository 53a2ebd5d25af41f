"""A Markdown text that arrives in pieces, drawn piece by piece.

A top-level block is closed once nothing that follows can change it; closed blocks never change again, so a page
appends them once and redraws only the open one. Of that one, too, only the end is read anew: the last item of a list,
the last row of a table (``_Stem``), the new lines of code (``_Fence``), the last words of a line (``seams``). What is
known without the parser of blocks is not given to it (``lines``), and what was drawn while it was open is not drawn
once more when it closes. So the cost of a long answer stays linear in its length, and near that of drawing it once.

Rows of a table are shown whole, and of a line no first sign that may yet come to mean anything. Definitions of links
reach back into closed blocks, and a note may turn out never to be defined: ``finish`` says when the whole text has to
be drawn anew for that.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from functools import lru_cache
from html import escape
from typing import NamedTuple

from markdown_it.token import Token

from app.web.markdown import code, formulas
from app.web.markdown.cleaning import clean
from app.web.markdown.lines import Columns, Line, begins_anew, is_undecided, next_line
from app.web.markdown.parsing import Reading, language_of, outliner, parser, refers_to_unknown, render
from app.web.markdown.seams import LETTER, Seam

_FENCE = re.compile(r"(`{3,}(?=[^`\n]*\n)|~{3,})([^\n]*)\n")
_OPENS_LIST = re.compile(r"<[uo]l[^>]*>\n")
_TASKS = ' class="contains-task-list"'
_ROWS = "<tbody>\n"
_TABLE_END = "</table></div>\n"
# Blocks that a blank line ends, that words behind a blank line end, and such as end with their line.
_ENDED_BY_BLANK = {"paragraph_open", "table_open", "blockquote_open"}
_ENDED_BY_WORDS = {"bullet_list_open", "ordered_list_open", "footnote_reference_open"}
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
class _Outline:
    """The blocks of a text of whole lines."""

    text: str
    tokens: list[Token]
    pending: int | None

    @classmethod
    def of(cls, text: str) -> _Outline:
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
            last = self.pending - bool(self.pending and _has_text(lines[self.pending - 1]))
        numbers = [token.map[0] for token in tokens if token.map and token.map[0] <= last]
        return [sum(map(len, lines[:number])) + number for number in numbers]

    def closed_until(self) -> int:
        """Where the first block begins that may still change."""
        if not (tops := self.tops):
            return 0
        last = tops[-1]
        is_blank = not _has_text(self.text[self.text.rfind("\n", 0, -1) + 1 :])
        if self.pending is None and (
            (is_blank and last.type in _ENDED_BY_BLANK) or (last.type in _ENDED_BY_LINE and self._is_last_line(last))
        ):
            return len(self.text)
        return max(self.starts(tops), default=0) if len(tops) > 1 else 0

    def _is_last_line(self, top: Token) -> bool:
        """Whether nothing but blank lines follows a block."""
        return top.map is not None and not any(map(_has_text, self.text.split("\n")[top.map[1] :]))


@dataclass(frozen=True)
class _Stem:
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

    def longer(self, source: str, html: str) -> _Stem:
        return replace(self, source=self.source + source, begin=self.begin + html)

    def joined(self, rest: str, reading: Reading) -> tuple[str, list[Token]]:
        """The block with its rest."""
        if not _has_text(rest):
            return self.begin + self.closing, []
        if self.head:
            html, tokens = _draw(self.head + rest, reading)
            end = html.index(_TABLE_END)
            rows = html.find(_ROWS, 0, end)
            if rows < 0:  # it is another block
                return self.begin + self.closing + html[end + len(_TABLE_END) :], tokens
            return self.begin + html[rows + len(_ROWS) :], tokens
        env = reading.env()
        tokens = parser.parse(rest, env)
        if _is_loose(tokens) and not self.is_loose:
            return _draw(self.source + rest, reading)
        html = _draw_list(tokens, self.is_loose, reading)
        opening = _OPENS_LIST.match(html)
        assert opening is not None
        begin = self.begin
        if _TASKS in opening[0] and _TASKS not in begin[: begin.index("\n")]:
            begin = begin.replace(">", f"{_TASKS}>", 1)
        return begin + html[opening.end() :], tokens


@dataclass
class _Fence:
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
    def of(cls, opening: re.Match[str]) -> _Fence:
        language = language_of(opening[2])
        head, foot = _frame(language)
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
            self.text += _as_text(text[self.text_until : whole])
            self.text_until = whole
        last = text[max(whole, self.begin) :]
        if not last.strip(" `~"):  # the line that ends it, perhaps
            last = ""
        return Parts(self.settled, self.text + _as_text(last), self.foot)


@dataclass
class Growing:
    """A Markdown text that arrives in pieces, and how much of it is closed.

    After ``add`` the newly closed blocks' HTML is returned once; ``open_html`` is the block still being written.
    ``name`` tells the text from others on the same page (see ``Reading``).
    """

    links: dict[int, str] = field(default_factory=dict)
    name: str = ""
    tail: str = ""
    _carried: str = ""
    _known: Reading = field(default_factory=lambda: Reading(expects_notes=True, is_cut=True))
    _stem: _Stem | None = None
    _fence: _Fence | None = None
    _line: Line | None = None
    _is_odd: bool = False  # what the tail begins with is for the parser
    _seam: Seam | None = None
    _over_at: int = 0  # where a list or a note may be over that a blank line follows
    _open: Parts | None = None
    _shown: tuple[str, Parts] | None = None
    _has_ended: bool = False

    def add(self, text: str) -> str:
        """Take more text; return the HTML of the blocks that this closed (may be empty)."""
        if self._carried or "\r" in text or "\0" in text:
            text = self._with_plain_lines(text)
        self.tail += text
        self._open = None
        if "\n" not in text and not self._over_at and (self._line is None or self._line.end < 0):
            return ""
        closed = ""
        while (html := self._go_on()) is not None:
            closed += html
        return closed

    def open_html(self) -> str:
        return self.open_parts().html

    def open_parts(self) -> Parts:
        """The open block; the same as long as nothing is added."""
        if self._known.links is not self.links:
            self._open = self._seam = None
            if self._line:
                self._leave_to_parser()
        if self._open is None:
            self._open = self._drawn_open()
        return self._open

    def finish(self, text: str, html_closed: str) -> str | None:
        """Take note that no more comes. ``text`` is the whole, ``html_closed`` what ``add`` returned of it.

        Returns the HTML of the whole text when some block that is closed has to be drawn otherwise: it then takes the
        place of all.
        """
        self.tail += self._carried
        self._carried, self._open, self._has_ended = "", None, True
        self._forget()
        if "]:" not in text and "[^" not in text:
            return None
        after = self._reading.trial()
        self._draw(self.tail, after)
        if not after.references and not refers_to_unknown(text, after):
            return None
        whole = render(text, self.links, name=self.name)
        if whole == html_closed + self.open_html():
            return None
        self.tail, self._stem, self._open = "", None, None
        return whole

    @property
    def _reading(self) -> Reading:
        self._known.links, self._known.name = self.links, self.name
        return self._known

    def _with_plain_lines(self, text: str) -> str:
        """Ends of lines as the parser counts them; one that may be cut in two waits for its other half."""
        text = self._carried + text
        self._carried = "\r" if text.endswith("\r") else ""
        return text.removesuffix("\r").replace("\r\n", "\n").replace("\r", "\n").replace("\0", "\ufffd")

    # --- what is shown of the open block -------------------------------------------------------------------------

    def _drawn_open(self) -> Parts:
        if self._has_ended:
            return self._in_two(self._draw(self.tail, self._reading.trial())[0])
        if self._fence:
            return self._fence.parts(self.tail)
        if self._line or self._take_up():
            if self._line and (self._line.end >= 0 or self._line.seam.grow(self.tail)):
                return Parts(self._stem.begin if self._stem else "", self._line.words(self.tail), self._line.seam.foot)
            self._leave_to_parser()
        shown = self._decided()
        if self._stem is None and (formula := formulas.open_block(shown)):
            head, foot = _frame(formulas.LANGUAGE)
            return Parts(head, _as_text(formula), f"\n{foot}")
        if not _has_text(shown):
            return self._in_two(self._draw("", self._reading)[0])
        if self._shown is None or self._shown[0] != shown:
            self._shown = shown, self._grown(shown)
        return self._shown[1]

    def _grown(self, shown: str) -> Parts:
        text = shown if formulas.OPENS_BLOCK.search(shown) else shown.rstrip("\n")  # the end of a line is nothing new
        seam = self._seam
        if seam is None or (text != shown and not seam.can_cut) or "\n" in text[seam.length :] or not seam.grow(text):
            self._seam = seam = Seam.of(shown, self._reading, self._draw)
            text = shown
        return self._in_two(seam.words(text), seam.foot)

    def _in_two(self, html: str, foot: str = "") -> Parts:
        begin = self._stem.begin if self._stem else ""
        return Parts(begin, html[len(begin) :], foot) if html.startswith(begin) else Parts("", html, foot)

    def _decided(self) -> str:
        """The tail without a row of a table that is being written, and without its names while the rule is missing; and
        without the first signs of a line.
        """
        text = self.tail
        last = begin = text.rfind("\n") + 1
        if is_undecided(text, last):
            text = text[:last]
        elif not _is_row(text[last:]):
            return text
        count = 0
        while begin > 0 and count < 2:
            previous = text.rfind("\n", 0, begin - 1) + 1
            if not _is_row(text[previous:begin]):
                break
            begin, count = previous, count + 1
        if count >= 2 or (self._stem and self._stem.columns):
            return text[:last]
        return text[:begin] if count == 1 or _is_row(text[last:]) else text

    # --- going on from line to line ------------------------------------------------------------------------------

    def _go_on(self) -> str | None:
        """Go over the next end of a line, or over as many as the parser can tell apart. Returns the HTML of what that
        closed; None when there is nothing to go over.
        """
        if self._fence:
            end = self._fence.closes_at(self.tail)
            return self._cut_off(end) if end else None
        if self._stem and self._stem.columns and (row := self._stem.columns.row_at(self.tail, self._reading)):
            html, end = row
            self._stem = self._stem.longer(self.tail[:end], html)
            self._move_to(end)
            return ""
        if self._line or self._take_up():
            return self._cross()
        if "\n" not in self.tail or (not self._stem and formulas.open_block(self.tail)):
            return None
        if self._over_at and begins_anew(self.tail, self._over_at):
            return self._cut_off(self._over_at)
        if "\n" not in self.tail[self._over_at :]:
            return None
        before = len(self.tail), self._fence, self._over_at
        closed = self._close()
        return None if not closed and (len(self.tail), self._fence, self._over_at) == before else closed

    def _take_up(self) -> bool:
        """Whether it is certain what the first line of the tail is."""
        if self._is_odd or self._has_ended or (self._stem and self._stem.columns):
            return False
        if self._stem:
            has_tasks = _TASKS in self._stem.begin[: self._stem.begin.index("\n")]
            is_loose = self._stem.is_loose
            self._line = Line.next_item(
                self.tail, self._stem.source, self._reading, has_tasks=has_tasks, is_loose=is_loose
            )
        else:
            self._line = Line.first(self.tail, self._reading)
        if self._line:
            self._seam = None
        else:
            self._is_odd = not is_undecided(self.tail, 0)
        return self._line is not None

    def _cross(self) -> str | None:
        """Go over the end of the line."""
        line = self._line
        assert line is not None
        if line.end < 0:
            line.end = self.tail.find("\n", line.seam.length)
        if line.end < 0:
            return None
        if "[^" in self.tail[: line.end] or not line.seam.grow(self.tail[: line.end], is_whole=True):
            self._leave_to_parser()
            return ""
        if end := line.ends_block(self.tail):
            html = (self._stem.begin if self._stem else "") + line.html(self.tail)
            self._stem = None
            self._move_to(end)
            return html
        if following := line.item_behind(self.tail):
            if len(following.levels) == 1:
                self._take_into_stem(line)
            else:
                self._line = following
            return ""
        if more := line.more_words(self.tail):
            self._line = more
            return ""
        if line.waits(self.tail):
            return None
        self._leave_to_parser()
        return ""

    def _take_into_stem(self, line: Line) -> None:
        """The item that the line ends: another one begins."""
        begin = next_line(self.tail, line.end + 1)
        part, html = self.tail[:begin], line.html(self.tail)
        html = html[: html.rindex("</")]
        if self._stem:
            self._stem = self._stem.longer(part, html)
        else:
            self._stem = _Stem(part, html, f"</{line.levels[0].tag}>\n")
        self._move_to(begin)

    def _move_to(self, begin: int) -> None:
        self.tail = self.tail[begin:]
        self._forget()

    def _forget(self) -> None:
        self._line = self._seam = self._fence = self._shown = None
        self._is_odd, self._over_at = False, 0

    def _leave_to_parser(self) -> None:
        self._line, self._is_odd = None, True

    # --- with the parser of blocks -------------------------------------------------------------------------------

    def _draw(self, text: str, reading: Reading) -> tuple[str, list[Token]]:
        return self._stem.joined(text, reading) if self._stem else _draw(text, reading)

    def _close(self) -> str:
        """Close what can be closed; return its HTML."""
        whole = self.tail[: self.tail.rfind("\n") + 1]
        if not _has_text(whole) and self._stem is None:
            self._move_to(len(whole))
            return ""
        head = self._stem.head if self._stem else ""
        outline = _Outline.of(head + whole)
        if self._stem and not head and _is_loose(outline.tokens) and not self._stem.is_loose:
            self.tail, self._stem = self._stem.source + self.tail, None
            self._forget()
            return self._close()
        end = outline.closed_until() - len(head)
        is_over = bool(head) and end == 0 and len(outline.tops) > 1
        closed = self._cut_off(end) if end > 0 or is_over else ""
        if opening := _FENCE.match(self.tail):
            self._fence = _Fence.of(opening)
        elif not closed:
            self._settle(outline)
            tops = outline.tops
            if len(tops) == 1 and tops[0].type in _ENDED_BY_WORDS and whole.endswith("\n\n"):
                self._over_at = self.tail.rfind("\n") + 1

        return closed

    def _cut_off(self, end: int) -> str:
        html, _ = self._draw(self.tail[:end], self._reading)
        self._stem = None
        self._move_to(end)
        return html

    def _settle(self, outline: _Outline) -> None:
        """Move the finished items or rows of the open block into its stem."""
        first = outline.tokens[0] if outline.tokens else None
        if first is None or first.map is None or first.map[0] != 0:
            return
        if first.type == "table_open":
            self._settle_rows(outline)
        elif first.type in ("bullet_list_open", "ordered_list_open"):
            self._settle_items(outline, f"</{first.tag}>\n")

    def _settle_rows(self, outline: _Outline) -> None:
        head = self._stem.head if self._stem else "".join(outline.text.splitlines(keepends=True)[:2])
        part = outline.text[len(head) if self._stem else 0 :]
        if len(outline.text) == len(head) or outline.pending is not None:
            return
        html, _ = self._draw(part, self._reading)
        begin, closing = html[: html.rindex("</tbody>")], html[html.rindex("</tbody>") :]
        columns = Columns.of(begin[begin.rindex("<tr>") :])
        self._stem = _Stem((self._stem.source if self._stem else "") + part, begin, closing, head, columns=columns)
        self._move_to(len(part))

    def _settle_items(self, outline: _Outline, closing: str) -> None:
        items = [token for token in outline.tokens if token.type == "list_item_open" and token.level == 1]
        end = max(outline.starts(items), default=0)
        if end <= 0 or not _has_words(outline.tokens):
            return
        is_loose = _is_loose(outline.tokens) or (self._stem is not None and self._stem.is_loose)
        part = self.tail[:end]
        if self._stem:
            html, _ = self._draw(part, self._reading)
        else:
            html = _draw_list(parser.parse(part, self._reading.env()), is_loose, self._reading)
        source = (self._stem.source if self._stem else "") + part
        self._stem = _Stem(source, html[: html.rindex(closing)], closing, is_loose=is_loose)
        self._move_to(end)


def _as_text(text: str) -> str:
    return escape(text, quote=False).replace("\xa0", "&nbsp;")


@lru_cache(maxsize=64)
def _frame(language: str) -> tuple[str, str]:
    """What stands before and after code that is still written."""
    before, after = code.frame(language)
    head, foot = clean(before + LETTER + after).split(LETTER)
    return head, foot


def _has_text(text: str) -> bool:
    """Whether it is more than blank lines."""
    return bool(text.strip(" \t\n"))


def _is_row(line: str) -> bool:
    return line.lstrip(" ").startswith("|")


def _draw(text: str, reading: Reading) -> tuple[str, list[Token]]:
    env = reading.env()
    tokens = parser.parse(text, env)
    reading.notes.update(name.removeprefix(":") for name in env.get("footnotes", {}).get("refs", {}))
    return clean(str(parser.renderer.render(tokens, parser.options, env))), tokens


def _draw_list(tokens: list[Token], is_loose: bool, reading: Reading) -> str:
    """A list whose items are paragraphs, or are not, for the sake of others that are not among them."""
    for token in _item_paragraphs(tokens):
        token.hidden = not is_loose
    return clean(str(parser.renderer.render(tokens, parser.options, reading.env())))


def _is_loose(tokens: list[Token]) -> bool:
    return any(not token.hidden for token in _item_paragraphs(tokens))


def _has_words(tokens: list[Token]) -> bool:
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
