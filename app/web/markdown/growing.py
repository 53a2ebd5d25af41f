"""A Markdown text that arrives in pieces, drawn piece by piece.

A top-level block is closed once nothing that follows can change it; closed blocks never change again, so a page
appends them once and redraws only the open one. Of that one, too, only the end is read anew: the last item of a list,
the last row of a table (``Stem``), the new lines of code (``Fence``), the last words of a line (``seams``). What is
known without the parser of blocks is not given to it (``lines``), and what was drawn while it was open is not drawn
once more when it closes. So the cost of a long answer stays linear in its length, and near that of drawing it once.

Rows of a table are shown whole, and of a line no first sign that may yet come to mean anything. Definitions of links
reach back into closed blocks, and a note may turn out never to be defined: ``finish`` says when the whole text has to
be drawn anew for that.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from markdown_it.token import Token

from app.web.markdown import formulas
from app.web.markdown.blocks import (
    ENDED_BY_WORDS,
    FENCE,
    TASKS,
    Fence,
    Outline,
    Parts,
    Stem,
    as_text,
    draw_blocks,
    draw_list,
    frame,
    has_loose_items,
    has_text,
    has_words,
    is_row,
)
from app.web.markdown.lines import Columns, Line, begins_anew, is_undecided, next_line
from app.web.markdown.parsing import Reading, parser, refers_to_unknown, render
from app.web.markdown.seams import Seam


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
    _stem: Stem | None = None
    _fence: Fence | None = None
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
            head, foot = frame(formulas.LANGUAGE)
            return Parts(head, as_text(formula), f"\n{foot}")
        if not has_text(shown):
            return self._in_two(self._draw("", self._reading)[0]) if self._stem else Parts("", "", "")
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
        elif not is_row(text[last:]):
            return text
        count = 0
        while begin > 0 and count < 2:
            previous = text.rfind("\n", 0, begin - 1) + 1
            if not is_row(text[previous:begin]):
                break
            begin, count = previous, count + 1
        if count >= 2 or (self._stem and self._stem.columns):
            return text[:last]
        return text[:begin] if count == 1 or is_row(text[last:]) else text

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
        before = self._place()
        closed = self._close()
        return None if not closed and self._place() == before else closed

    def _place(self) -> tuple[int, Fence | None, int, bool]:
        """How far it has come; otherwise again where it was, but in a list that turned out to be loose."""
        return len(self.tail), self._fence, self._over_at, self._stem is not None and self._stem.is_loose

    def _take_up(self) -> bool:
        """Whether it is certain what the first line of the tail is."""
        if self._is_odd or self._has_ended or (self._stem and self._stem.columns):
            return False
        if self._stem:
            has_tasks = TASKS in self._stem.begin[: self._stem.begin.index("\n")]
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
            self._stem = Stem(part, html, f"</{line.levels[0].tag}>\n")
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
        return self._stem.joined(text, reading) if self._stem else draw_blocks(text, reading)

    def _close(self) -> str:
        """Close what can be closed; return its HTML."""
        whole = self.tail[: self.tail.rfind("\n") + 1]
        if not has_text(whole) and self._stem is None:
            self._move_to(len(whole))
            return ""
        head = self._stem.head if self._stem else ""
        outline = Outline.of(head + whole)
        if self._stem and self._stem.may_be_loose_with(whole, outline.tokens):
            self.tail, self._stem = self._stem.source + self.tail, None
            self._forget()
            return self._close()
        end = outline.closed_until() - len(head)
        is_over = bool(head) and end == 0 and len(outline.tops) > 1
        closed = self._cut_off(end) if end > 0 or is_over else ""
        if opening := FENCE.match(self.tail):
            self._fence = Fence.of(opening)
        elif not closed:
            self._settle(outline)
            tops = outline.tops
            if len(tops) == 1 and tops[0].type in ENDED_BY_WORDS and whole.endswith("\n\n"):
                self._over_at = self.tail.rfind("\n") + 1

        return closed

    def _cut_off(self, end: int) -> str:
        html, _ = self._draw(self.tail[:end], self._reading)
        self._stem = None
        self._move_to(end)
        return html

    def _settle(self, outline: Outline) -> None:
        """Move the finished items or rows of the open block into its stem."""
        first = outline.tokens[0] if outline.tokens else None
        if first is None or first.map is None or first.map[0] != 0:
            return
        if first.type == "table_open":
            self._settle_rows(outline)
        elif first.type in ("bullet_list_open", "ordered_list_open"):
            self._settle_items(outline, f"</{first.tag}>\n")

    def _settle_rows(self, outline: Outline) -> None:
        head = self._stem.head if self._stem else "".join(outline.text.splitlines(keepends=True)[:2])
        part = outline.text[len(head) if self._stem else 0 :]
        if len(outline.text) == len(head) or outline.pending is not None:
            return
        html, _ = self._draw(part, self._reading)
        begin, closing = html[: html.rindex("</tbody>")], html[html.rindex("</tbody>") :]
        columns = Columns.of(begin[begin.rindex("<tr>") :])
        self._stem = Stem((self._stem.source if self._stem else "") + part, begin, closing, head, columns=columns)
        self._move_to(len(part))

    def _settle_items(self, outline: Outline, closing: str) -> None:
        items = [token for token in outline.tokens if token.type == "list_item_open" and token.level == 1]
        end = max(outline.starts(items), default=0)
        if end <= 0 or not has_words(outline.tokens):
            return
        is_loose = has_loose_items(outline.tokens) or (self._stem is not None and self._stem.is_loose)
        part = self.tail[:end]
        if self._stem:
            html, _ = self._draw(part, self._reading)
        else:
            html = draw_list(parser.parse(part, self._reading.env()), is_loose, self._reading)
        source = (self._stem.source if self._stem else "") + part
        self._stem = Stem(source, html[: html.rindex(closing)], closing, is_loose=is_loose)
        self._move_to(end)
