"""A conversation as a PDF to be kept or printed: set in one column, with numbered sources at its end.

It says that an AI wrote the answers to people, on the first page and at each answer, and to programs, in its metadata:
as XMP with the digital source type of the IPTC, which is what programs look for. Text is set, never run: there are no
pictures, scripts or forms, and its links lead to this Parley or to web pages.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import urlsplit
from xml.sax.saxutils import escape

from django.utils import timezone
from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext as _
from fpdf import FPDF
from fpdf.enums import WrapMode, XPos, YPos
from markdown_it import MarkdownIt
from markdown_it.token import Token

from app.errors import BadInputError
from chat.composing.snapshots import Cited, Entry, Transcript
from chat.exporting import fonts, wording
from chat.exporting.wording import in_a_line, tame
from chat.streaming.telling import MARKER

MOST_CHARACTERS = 300_000  # some seconds of a processor
TITLE_CHARACTERS = 80
# Parts of it were made by a trained model, parts by a person: the questions are theirs.
SOURCE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"
XMP = """<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/"
 xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/" xmlns:xmp="http://ns.adobe.com/xap/1.0/">
<dc:title><rdf:Alt><rdf:li xml:lang="x-default">{title}</rdf:li></rdf:Alt></dc:title>
<dc:description><rdf:Alt><rdf:li xml:lang="x-default">{notice}</rdf:li></rdf:Alt></dc:description>
<Iptc4xmpExt:DigitalSourceType>{source_type}</Iptc4xmpExt:DigitalSourceType>
<xmp:CreatorTool>Parley</xmp:CreatorTool>
</rdf:Description></rdf:RDF></x:xmpmeta>"""

TEXT, SMALL, CODE = 10.5, 8.5, 9.0
HEADINGS = {1: 13.5, 2: 12.5, 3: 11.5}
LINE = 1.4
INK, QUIET, TINT, RULE, PAPER = (32, 30, 27), (98, 94, 88), (243, 241, 236), (205, 200, 192), (255, 255, 255)
INDENT = 6.0
FROM_RIGHT = ("R", "AL")
# Marks that combine; Hebrew, Arabic and what follows them, up to Burmese; Khmer and Mongolian; presentation forms.
SHAPED = re.compile("[\u0300-\u036f\u0590-\u109f\u1780-\u18af\ufb1d-\ufdff\ufe70-\ufeff]")
_PARSER = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])


@dataclass(frozen=True)
class Run:
    """Words in one style: "", "B", "I", "BI", or "code"; with where they lead, if anywhere."""

    text: str
    style: str = ""
    link: str = ""


def written(transcript: Transcript) -> bytes:
    """The branch that is shown. Raises BadInputError for one that is too long to be set."""
    texts = [str(transcript.conversation)] + [entry.text for entry in transcript.branch]
    texts += [one.quote + wording.place(one) for entry in transcript.branch for one in entry.cited]
    if sum(map(len, texts)) > MOST_CHARACTERS:
        raise BadInputError(_("This conversation is too long for a PDF. Export it as Markdown or JSON."))
    sheet = Sheet("".join(texts))
    sheet.begin(transcript)
    sources: list[Cited] = []
    for entry in transcript.branch:
        if entry.is_answer:
            sheet.answer(entry, first_number=len(sources) + 1)
            sources += entry.cited
        else:
            sheet.question(entry)
    sheet.sources(sources)
    sheet.missing()
    return sheet.made()


class _Pages(FPDF):
    """Numbers its pages."""

    family = "Helvetica"

    def footer(self) -> None:
        self.set_y(-15)
        self.set_font(self.family, size=SMALL)
        self.set_text_color(*QUIET)
        self.cell(0, 5, f"{self.page_no()}", align="C")


class Sheet:
    """The pages as they are being set, from above to below."""

    def __init__(self, text: str) -> None:
        self._pdf = pdf = _Pages(format="A4")
        pdf.str_alias_nb_pages = ""  # else "{nb}" in somebody's text would become a number
        pdf.set_margins(25, 22, 25)
        pdf.set_auto_page_break(True, margin=22)
        self._mono = "Courier"
        self._coverage = self._choose_fonts(tame(text) + wording.notice())
        pdf.add_page()

    def _choose_fonts(self, text: str) -> fonts.Coverage:
        family, pdf = fonts.find_family(), self._pdf
        if family is None:
            pdf.core_fonts_encoding = fonts.CORE_ENCODING
            return fonts.Coverage(None)
        pdf.family, self._mono = "text", "fixed"
        pdf.add_font("text", fname=family.regular)
        pdf.add_font("text", style="B", fname=family.bold)
        pdf.add_font("text", style="I", fname=family.italic)
        pdf.add_font("text", style="BI", fname=family.bold)
        pdf.add_font("fixed", fname=family.mono)
        known = fonts.letters_of(family.regular)
        others = fonts.others_for(text, known)
        for number, path in enumerate(others):
            pdf.add_font(f"other{number}", fname=path)
            known |= fonts.letters_of(path)
        pdf.set_fallback_fonts(["text", *(f"other{number}" for number in range(len(others)))], exact_match=False)
        return fonts.Coverage(known)

    # ---- what stands on it

    def begin(self, transcript: Transcript) -> None:
        conversation, pdf = transcript.conversation, self._pdf
        title = in_a_line(str(conversation))
        pdf.set_title(title)
        pdf.set_creator("Parley")
        pdf.set_subject(wording.notice())
        pdf.set_keywords("AI-generated")
        pdf.set_lang(get_language() or "en")
        facts = {"title": escape(title), "notice": escape(wording.notice()), "source_type": SOURCE_TYPE}
        pdf.set_xmp_metadata(XMP.format(**facts))
        self._line(title, size=17, style="B", after=2)
        models = ", ".join(dict.fromkeys(entry.model for entry in transcript.branch if entry.model))
        facts_told = [in_a_line(conversation.assistant.name), in_a_line(models)]
        facts_told.append(_("begun %(at)s UTC") % {"at": f"{conversation.created_at:%Y-%m-%d %H:%M}"})
        facts_told.append(_("exported %(at)s UTC") % {"at": f"{timezone.now():%Y-%m-%d %H:%M}"})
        self._line(" · ".join(filter(None, facts_told)), size=SMALL, colour=QUIET, after=3)
        self._line(wording.notice(), size=TEXT, style="B", fill=True, after=5)

    def question(self, entry: Entry) -> None:
        self._room(24)
        pdf = self._pdf
        pdf.set_font(pdf.family, size=TEXT)
        name = self._coverage.fit(in_a_line(entry.text))[:TITLE_CHARACTERS]
        pdf.start_section(name or "?")
        self._line(f"{_('Question')} · {entry.at:%Y-%m-%d %H:%M} UTC", size=SMALL, colour=QUIET, after=1)
        for paragraph in tame(entry.text).strip("\n").split("\n"):
            self._line(paragraph or " ", size=TEXT, style="B", fill=True, after=0)
        pdf.ln(4)

    def answer(self, entry: Entry, *, first_number: int) -> None:
        self._room(18)
        said = [_("Answer"), wording.byline(entry), f"{entry.at:%Y-%m-%d %H:%M} UTC"]
        self._line(" · ".join(filter(None, said)), size=SMALL, colour=QUIET, after=1)
        if how := wording.ending(entry):
            self._line(how, size=SMALL, style="I", colour=QUIET, after=1)
        numbers = {one.number: number for number, one in enumerate(entry.cited, first_number)}
        self._markdown(tame(entry.text), numbers)
        self._pdf.ln(5)

    def sources(self, sources: Sequence[Cited]) -> None:
        if not sources:
            return
        self._room(24)
        self._pdf.set_font(self._pdf.family, size=TEXT)
        self._pdf.start_section(_("Sources"))
        self._line(_("Sources"), size=HEADINGS[1], style="B", after=2)
        for number, one in enumerate(sources, 1):
            head = Run(f"{wording.place(one)}: ", "B", wording.link(one))
            self._paragraph([head, Run(f"“{in_a_line(one.quote)}”")], bullet=f"[{number}]", indent=9, after=2, size=9.5)

    def missing(self) -> None:
        """Say what could not be set, where something could not."""
        if count := len(self._coverage.missed):
            said = ngettext(
                "%(count)d sign of this conversation has no font on this machine; a box stands for it. "
                "The exports as Markdown and JSON have all of the text.",
                "%(count)d signs of this conversation have no font on this machine; boxes stand for them. "
                "The exports as Markdown and JSON have all of the text.",
                count,
            )
            self._line(said % {"count": count}, size=SMALL, style="I", colour=QUIET, after=0)

    def made(self) -> bytes:
        return bytes(self._pdf.output())

    # ---- Markdown

    def _markdown(self, text: str, numbers: dict[int, int]) -> None:
        """The blocks of an answer. Lists keep their marks and depth; tables their rows; code its lines."""
        tokens = iter(_PARSER.parse(text))
        lists: list[int | None] = []
        depth, bullet, heading = 0, "", 0
        for token in tokens:
            kind = token.type
            if kind in ("bullet_list_open", "ordered_list_open"):
                start = token.attrGet("start")
                lists.append(int(str(1 if start is None else start)) if kind == "ordered_list_open" else None)
            elif kind in ("bullet_list_close", "ordered_list_close"):
                lists.pop()
            elif kind == "list_item_open":
                number = lists[-1]
                bullet = "•" if number is None else f"{number}."
                lists[-1] = None if number is None else number + 1
            elif kind in ("blockquote_open", "blockquote_close"):
                depth += 1 if kind == "blockquote_open" else -1
            elif kind == "heading_open":
                heading = int(token.tag[1])
            elif kind == "heading_close":
                heading = 0
            elif kind == "inline":
                self._block(_runs(token, numbers), len(lists) + depth, bullet, heading)
                bullet = ""
            elif kind in ("fence", "code_block"):
                self._code(token.content, len(lists) + depth)
                bullet = ""
            elif kind == "table_open":
                self._table(tokens, numbers)
            elif kind == "hr":
                self._rule()

    def _block(self, runs: list[Run], depth: int, bullet: str, heading: int) -> None:
        if heading:
            size = HEADINGS.get(heading, TEXT)
            self._room(16)
            self._paragraph([Run(run.text, "B", run.link) for run in runs], size=size, after=1.5, before=2)
        else:
            self._paragraph(runs, indent=depth * INDENT, bullet=bullet, after=1 if depth else 2)

    def _code(self, code: str, depth: int) -> None:
        pdf = self._pdf
        pdf.set_font(self._mono, size=CODE)
        pdf.set_text_color(*INK)
        pdf.set_fill_color(*TINT)
        self._direct("ltr", code)
        for line in code.rstrip("\n").split("\n"):
            pdf.set_x(pdf.l_margin + depth * INDENT)
            fitted = self._coverage.fit(line.expandtabs(4)) or " "
            pdf.multi_cell(0, 4.4, fitted, fill=True, align="L", wrapmode=WrapMode.CHAR, **_BELOW)
        pdf.ln(2)

    def _table(self, tokens: Iterator[Token], numbers: dict[int, int]) -> None:
        rows: list[list[str]] = []
        for token in tokens:
            if token.type == "table_close":
                break
            if token.type == "tr_open":
                rows.append([])
            elif token.type == "inline":
                rows[-1].append("".join(run.text for run in _runs(token, numbers)))
        pdf = self._pdf
        pdf.set_font(pdf.family, size=9)
        pdf.set_text_color(*INK)
        pdf.set_draw_color(*RULE)
        pdf.set_fill_color(*PAPER)
        self._direct(None, "".join(cell for cells in rows for cell in cells))
        with pdf.table(borders_layout="HORIZONTAL_LINES", text_align="LEFT", line_height=4.6, padding=1) as table:
            for cells in rows:
                row = table.row()
                for cell in cells:
                    row.cell(self._coverage.fit(cell) or " ")
        pdf.ln(2)

    def _rule(self) -> None:
        pdf = self._pdf
        pdf.set_draw_color(*RULE)
        y = pdf.get_y() + 2
        pdf.line(pdf.l_margin, y, pdf.w - pdf.r_margin, y)
        pdf.ln(4)

    # ---- lines of text

    def _paragraph(
        self,
        runs: Iterable[Run],
        *,
        size: float = TEXT,
        indent: float = 0,
        bullet: str = "",
        before: float = 0,
        after: float = 2,
    ) -> None:
        """Words in several styles as one paragraph; in one style where some run from right to left, since the library
        puts only whole lines of text in their order.
        """
        pdf, runs = self._pdf, [run for run in runs if run.text]
        if before:
            pdf.ln(before)
        text = "".join(run.text for run in runs)
        if any(unicodedata.bidirectional(letter) in FROM_RIGHT for letter in text):
            self._line(f"{bullet} {text}" if bullet else text, size=size, after=after, indent=indent)
            return
        self._direct("ltr", text)
        pdf.set_text_color(*INK)
        pdf.set_font(pdf.family, size=size)
        with pdf.text_columns(text_align="LEFT", line_height=LINE) as columns:
            more: dict[str, Any] = {"bullet_string": self._coverage.fit(bullet)} if bullet else {}
            with columns.paragraph(indent=indent, **more) as paragraph:
                for run in runs:
                    is_code = run.style == "code"
                    pdf.set_font(self._mono if is_code else pdf.family, "" if is_code else run.style, size)
                    paragraph.write(self._coverage.fit(run.text), link=run.link or None)
        pdf.ln(after)

    def _line(
        self,
        text: str,
        *,
        size: float,
        style: str = "",
        colour: tuple[int, int, int] = INK,
        fill: bool = False,
        after: float = 2,
        indent: float = 0,
    ) -> None:
        """Text in one style, over as many lines as it takes, from right to left where its first letter is."""
        pdf, is_from_right = self._pdf, _from_right(text)
        self._direct("rtl" if is_from_right else "ltr", text)
        pdf.set_x(pdf.l_margin if is_from_right else pdf.l_margin + indent)
        pdf.set_font(pdf.family, style, size)
        pdf.set_text_color(*colour)
        pdf.set_fill_color(*TINT)
        align = "R" if is_from_right else "L"
        pdf.multi_cell(pdf.epw - indent, size * 0.5, self._coverage.fit(text), align=align, fill=fill, **_BELOW)
        if after:
            pdf.ln(after)

    def _direct(self, direction: Literal["ltr", "rtl"] | None, text: str) -> None:
        """Where the lines of ``text`` begin; None: each as it says itself. The library else keeps that of the last.

        Letters are joined and put in order only where their script needs it, since that costs more than all the rest.
        """
        if self._coverage.letters is not None:
            is_shaped = SHAPED.search(text) is not None
            self._pdf.set_text_shaping(is_shaped, direction=direction if is_shaped else None)

    def _room(self, height: float) -> None:
        """Begin another page where so little is left that a head would stand alone."""
        if self._pdf.will_page_break(height):
            self._pdf.add_page()


_BELOW: dict[str, Any] = {"new_x": XPos.LMARGIN, "new_y": YPos.NEXT}


def _runs(inline: Token, numbers: dict[int, int]) -> list[Run]:
    """The words of an inline token with their styles; citations have the numbers of the whole file."""
    runs: list[Run] = []
    bold, italic, target = 0, 0, ""
    for token in inline.children or []:
        kind = token.type
        if kind in ("strong_open", "strong_close"):
            bold += 1 if kind == "strong_open" else -1
        elif kind in ("em_open", "em_close"):
            italic += 1 if kind == "em_open" else -1
        elif kind == "link_open":
            target = _outside(str(token.attrGet("href") or ""))
        elif kind == "link_close":
            target = ""
        elif kind in ("softbreak", "hardbreak"):
            runs.append(Run("\n" if kind == "hardbreak" else " "))
        else:
            style = "code" if kind == "code_inline" else "B" * (bold > 0) + "I" * (italic > 0)
            text = token.content if kind == "code_inline" else _numbered(token.content, numbers)
            runs.append(Run(text, style, target))
    return runs


def _numbered(text: str, numbers: dict[int, int]) -> str:
    return MARKER.sub(lambda match: f"[{numbers[int(match[1])]}]" if int(match[1]) in numbers else match[0], text)


def _outside(href: str) -> str:
    """Where a link may lead: to a web page, else nowhere."""
    try:
        parts = urlsplit(href)
    except ValueError:
        return ""
    return href if parts.scheme in ("http", "https") and parts.netloc else ""


def _from_right(text: str) -> bool:
    """Whether a paragraph's first letter that has a direction runs from right to left."""
    directions = (unicodedata.bidirectional(letter) for letter in text)
    return next((one for one in directions if one in ("L", *FROM_RIGHT)), "L") != "L"
