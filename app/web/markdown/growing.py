"""A Markdown text that arrives in pieces, drawn piece by piece.

A top-level block is closed once nothing that follows can change it; closed blocks never change again, so a page
appends them once and redraws only the open one. Of that one, too, only the end is read anew: the last item of a list,
the last row of a table (``_Stem``), the new lines of code (``_Fence``), the last words of a line (``seams``). So the
cost of a long answer stays linear in its length.

Rows of a table are shown whole. Definitions of links reach back into closed blocks, and a note may turn out never to
be defined: ``finish`` says when the whole text has to be drawn anew for that.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html import escape

from markdown_it.token import Token

from app.web.markdown import code
from app.web.markdown.cleaning import clean
from app.web.markdown.parsing import Reading, language_of, outliner, parser, render
from app.web.markdown.seams import LETTER, Seam

_FENCE = re.compile(r"(`{3,}(?=[^`\n]*\n)|~{3,})([^\n]*)\n")
_OPENS_LIST = re.compile(r"<[uo]l[^>]*>\n")
_TASKS = ' class="contains-task-list"'
_ROWS = "<tbody>\n"
# Blocks that a blank line ends, and such as end with their line.
_ENDED_BY_BLANK = {"paragraph_open", "table_open", "blockquote_open", "formula_block"}
_ENDED_BY_LINE = {"heading_open", "hr"}


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
            (is_blank and last.type in _ENDED_BY_BLANK)
            or (last.type in _ENDED_BY_LINE and last.map and last.map[1] == self.text.count("\n"))
        ):
            return len(self.text)
        return max(self.starts(tops), default=0) if len(tops) > 1 else 0


@dataclass(frozen=True)
class _Stem:
    """What is finished of a list or a table that is still open.

    ``begin``: its HTML up to where the rest goes. ``head``: what the rest must follow to be read as part of it (the
    names and the rule of a table). ``is_loose``: whether the items of the list are paragraphs.
    """

    source: str
    begin: str
    head: str = ""
    is_loose: bool = False

    def joined(self, rest: str, reading: Reading) -> tuple[str, list[Token]]:
        """The block with its rest."""
        if self.head:
            html, tokens = _draw(self.head + rest, reading)
            return self.begin + html[html.index(_ROWS) + len(_ROWS) :], tokens
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
    coloured: int = 0
    html_coloured: str = ""

    @classmethod
    def of(cls, opening: re.Match[str]) -> _Fence:
        language = language_of(opening[2])
        before, after = code.frame(language)
        head, foot = clean(before + LETTER + after).split(LETTER)
        end = re.compile(rf" {{0,3}}{re.escape(opening[1])}{re.escape(opening[1][0])}*[ \t]*(?:\n|$)", re.MULTILINE)
        return cls(opening.end(), language, end, head, foot, opening.end())

    def closes_at(self, text: str) -> int:
        """Where the block ends, with the line that ends it; 0 when there is none yet."""
        begin = self.looked_at
        while (stop := text.find("\n", begin)) >= 0:
            if self.end.fullmatch(text, begin, stop + 1):
                return stop + 1
            begin = stop + 1
        self.looked_at = begin
        return 0

    def html(self, text: str) -> str:
        whole = text.rfind("\n") + 1
        if whole - self.begin >= 2 * self.coloured and whole > self.begin:
            self.coloured = whole - self.begin
            self.html_coloured = clean(code.highlighted(text[self.begin : whole], self.language))
        rest = text[self.begin + self.coloured :]
        last = rest[rest.rfind("\n") + 1 :]
        if last and not last.strip(" `~"):  # the line that ends it, perhaps
            rest = rest.removesuffix(last)
        rest = escape(rest, quote=False).replace("\xa0", "&nbsp;")
        return self.head + self.html_coloured + rest + self.foot


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
    _seam: Seam | None = None
    _has_ended: bool = False

    def add(self, text: str) -> str:
        """Take more text; return the HTML of the blocks that this closed (may be empty)."""
        text = self._with_plain_lines(text)
        self.tail += text
        if "\n" not in text:
            return ""
        closed = ""
        while self._fence is None or self._fence.closes_at(self.tail):
            before = len(self.tail), self._fence
            closed += self._close()
            if (len(self.tail), self._fence) == before or "\n" not in self.tail:
                break
        return closed

    def open_html(self) -> str:
        if self._has_ended:
            return self._draw(self.tail, self._reading.trial())[0] if _has_text(self.tail) else ""
        if self._fence:
            return self._fence.html(self.tail)
        shown = self._whole_rows()
        if not _has_text(shown):
            return ""
        reading = self._reading
        if self._seam is None or self._seam.links is not reading.links:
            self._seam = Seam.of(shown, reading, self._draw)
        else:
            self._seam = self._seam.grown(shown, reading, self._draw)
        return self._seam.html(shown)

    def finish(self, text: str, html_closed: str) -> str | None:
        """Take note that no more comes. ``text`` is the whole, ``html_closed`` what ``add`` returned of it.

        Returns the HTML of the whole text when some block that is closed has to be drawn otherwise: it then takes the
        place of all.
        """
        self.tail += self._carried
        self._carried, self._seam, self._fence, self._has_ended = "", None, None, True
        if "]:" in text or "[^" in text:
            whole = render(text, self.links, name=self.name)
            if whole != html_closed + self.open_html():
                self.tail, self._stem, self._seam = "", None, None
                return whole
        return None

    @property
    def _reading(self) -> Reading:
        self._known.links, self._known.name = self.links, self.name
        return self._known

    def _with_plain_lines(self, text: str) -> str:
        """Ends of lines as the parser counts them; one that may be cut in two waits for its other half."""
        if not self._carried and "\r" not in text and "\0" not in text:
            return text
        text = self._carried + text
        self._carried = "\r" if text.endswith("\r") else ""
        return text.removesuffix("\r").replace("\r\n", "\n").replace("\r", "\n").replace("\0", "\ufffd")

    def _draw(self, text: str, reading: Reading) -> tuple[str, list[Token]]:
        return self._stem.joined(text, reading) if self._stem else _draw(text, reading)

    def _close(self) -> str:
        """Close what can be closed; return its HTML."""
        self._seam = None
        if self._fence:
            end, self._fence = self._fence.closes_at(self.tail), None
            return self._cut_off(end)
        whole = self.tail[: self.tail.rfind("\n") + 1]
        if not _has_text(whole):
            self.tail = self.tail.removeprefix(whole)
            return ""
        head = self._stem.head if self._stem else ""
        outline = _Outline.of(head + whole)
        if self._stem and not head and _is_loose(outline.tokens) and not self._stem.is_loose:
            self.tail, self._stem = self._stem.source + self.tail, None
            return self._close()
        end = outline.closed_until() - len(head)
        closed = self._cut_off(end) if end > 0 else ""
        if opening := _FENCE.match(self.tail):
            self._fence = _Fence.of(opening)
        elif end <= 0:
            self._settle(outline)
        return closed

    def _cut_off(self, end: int) -> str:
        html, _ = self._draw(self.tail[:end], self._reading)
        self.tail, self._stem = self.tail[end:], None
        return html

    def _settle(self, outline: _Outline) -> None:
        """Move the finished items or rows of the open block into its stem."""
        first = outline.tokens[0] if outline.tokens else None
        if first is None or first.map is None or first.map[0] != 0:
            return
        if first.type == "table_open":
            head = self._stem.head if self._stem else "".join(outline.text.splitlines(keepends=True)[:2])
            rows = [token for token in outline.tokens if token.type == "tr_open"][1:]
            end = max(outline.starts(rows), default=0) - len(head if self._stem else "")
            closing = "</tbody>"
            is_loose = False
            if end <= len("" if self._stem else head):
                return
        elif first.type in ("bullet_list_open", "ordered_list_open"):
            items = [token for token in outline.tokens if token.type == "list_item_open" and token.level == 1]
            end, head, closing = max(outline.starts(items), default=0), "", f"</{first.tag}>"
            if end <= 0 or not _has_words(outline.tokens):
                return
            is_loose = _is_loose(outline.tokens) or (self._stem is not None and self._stem.is_loose)
        else:
            return
        part, self.tail = self.tail[:end], self.tail[end:]
        source = (self._stem.source if self._stem else "") + part
        if self._stem or head:
            html, _ = self._draw(part, self._reading)
        else:
            html = _draw_list(parser.parse(part, self._reading.env()), is_loose, self._reading)
        self._stem = _Stem(source, html[: html.rindex(closing)], head, is_loose)

    def _whole_rows(self) -> str:
        """The tail without a row of a table that is being written, and without its names while the rule is missing."""
        text = self.tail
        last = begin = text.rfind("\n") + 1
        if text[last:].strip() and not _is_row(text[last:]):
            return text
        count = 0
        while begin > 0 and count < 2:
            previous = text.rfind("\n", 0, begin - 1) + 1
            if not _is_row(text[previous:begin]):
                break
            begin, count = previous, count + 1
        if count >= 2 or (self._stem and self._stem.head):
            return text[:last]
        return text[:begin] if count == 1 or _is_row(text[last:]) else text


def _has_text(text: str) -> bool:
    """Whether it is more than blank lines."""
    return bool(text.strip(" \t\n"))


def _is_row(line: str) -> bool:
    return line.lstrip(" ").startswith("|")


def _draw(text: str, reading: Reading) -> tuple[str, list[Token]]:
    env = reading.env()
    tokens = parser.parse(text, env)
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
