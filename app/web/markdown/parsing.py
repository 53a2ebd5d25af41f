"""What is read in a Markdown text, and how it is drawn.

Raw HTML in the text is escaped by the parser, and the result is cleaned again by nh3: two locks. Headings stand below
those of the page they are shown on. Notes stay where they are defined and keep their names as signs, so that what
comes later changes nothing that stands already.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from html import escape
from typing import Any
from urllib.parse import quote, urlsplit

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererProtocol
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token
from markdown_it.utils import OptionsDict
from mdit_py_plugins.footnote import footnote_plugin
from mdit_py_plugins.tasklists import tasklists_plugin

from app.web.markdown import code
from app.web.markdown.cleaning import ID_PREFIX, clean
from app.web.markdown.formulas import add_formulas

LEAVING = "/leaving/?to="
TOP_HEADING = 4
Links = Mapping[int, str]
_MARKER = re.compile(r"\[(\d{1,2})\]")
_NOTE = re.compile(r"\[\^([\w.-]{1,40})\]")


@dataclass
class Reading:
    """What a text is read with.

    ``links``: the address of each numbered citation ``[n]``. ``name``: of this text, unlike all others on a page, for
    the ids of its notes; without one they have none. ``references``: the definitions of links known so far; ``notes``:
    the names of notes that are. ``noted``: which notes were referred to already. ``expects_notes``: whether a note that
    is not defined may still be, further on. ``is_cut``: whether the text goes on behind its end. ``top``: the level of
    its first heading, one below that of what it stands in. ``first_signs``: how many signs that heading has, 0 while
    there is none: a text that begins with ``###`` skips no level.
    """

    links: Links = field(default_factory=dict)
    name: str = ""
    references: dict[str, Any] = field(default_factory=dict)
    notes: set[str] = field(default_factory=set)
    noted: set[str] = field(default_factory=set)
    expects_notes: bool = False
    is_cut: bool = False
    top: int = TOP_HEADING
    first_signs: int = 0

    def env(self) -> dict[str, Any]:
        return {"reading": self, "references": self.references, "is_cut": self.is_cut}

    def heading_level(self, signs: int) -> int:
        """Which heading of the page the next heading is, by how many signs it has."""
        self.first_signs = self.first_signs or signs
        return min(6, self.top + max(0, signs - self.first_signs))

    def trial(self) -> Reading:
        """One that may be thrown away, for the end of a text."""
        return replace(
            self, references=dict(self.references), notes=set(self.notes), noted=set(self.noted), is_cut=False
        )


def render(
    text: str, links: Links | None = None, *, name: str = "", top: int = TOP_HEADING, first_signs: int = 0
) -> str:
    """Safe HTML of a whole Markdown text. For the arguments see ``Reading``."""
    return draw(text, Reading(links or {}, name, top=top, first_signs=first_signs))


def draw(text: str, reading: Reading) -> str:
    return clean(str(parser.render(text, reading.env())))


def _citation(state: StateInline, silent: bool) -> bool:
    """``[3]`` becomes a chip when passage 3 exists; anything else stays text or a link."""
    match = _MARKER.match(state.src, state.pos, state.posMax)
    links = _reading(state.env).links
    if not match or int(match[1]) not in links or state.src[match.end() : match.end() + 1] == "(":
        return False
    if not silent:
        token = state.push("citation", "a", 0)
        token.content = match[1]
        token.meta = {"href": links[int(match[1])]}
    state.pos = match.end()
    return True


def _note(state: StateInline, silent: bool) -> bool:
    """``[^name]`` refers to a note that is defined, or may yet be."""
    match = _NOTE.match(state.src, state.pos, state.posMax)
    if not match:
        return False
    defined = state.env.get("footnotes", {}).get("refs", {})
    if f":{match[1]}" not in defined and not _reading(state.env).expects_notes:
        return False
    if not silent:
        state.push("note", "sup", 0).content = match[1]
    state.pos = match.end()
    return True


def refers_to_unknown(text: str, reading: Reading) -> bool:
    """Whether a note is named in it that is not defined."""
    return any(name not in reading.notes for name in _NOTE.findall(text))


def _reading(env: Mapping[str, Any]) -> Reading:
    reading: Reading = env["reading"]
    return reading


def _draw_note(
    self: RendererProtocol, tokens: list[Token], index: int, options: OptionsDict, env: dict[str, Any]
) -> str:
    label, reading = tokens[index].content, _reading(env)
    sign = escape(label)
    if not reading.name:
        return f'<sup class="note-sign">{sign}</sup>'
    place = f' id="{ID_PREFIX}from-{reading.name}-{sign}"' if label not in reading.noted else ""
    reading.noted.add(label)
    link = f'<a href="#{ID_PREFIX}{reading.name}-{sign}"{place} aria-label="Note {sign}">{sign}</a>'
    return f'<sup class="note-sign">{link}</sup>'


def _draw_note_open(
    self: RendererProtocol, tokens: list[Token], index: int, options: OptionsDict, env: dict[str, Any]
) -> str:
    label, name = str(tokens[index].meta["label"]), _reading(env).name
    sign = escape(label)
    if not name or not _NOTE.fullmatch(f"[^{label}]"):
        return f'<div class="note"><span class="note-sign">{sign}</span><div>\n'
    says = f"Note {sign}: back to the text"
    back = f'<a class="note-sign" href="#{ID_PREFIX}from-{name}-{sign}" aria-label="{says}">{sign}</a>'
    return f'<div class="note" id="{ID_PREFIX}{name}-{sign}">{back}<div>\n'


def citation(number: str, href: str) -> str:
    """The numeral of a passage."""
    return f'<a class="cite" href="{escape(href)}" data-number="{number}">{number}</a>'


def _draw_citation(
    self: RendererProtocol, tokens: list[Token], index: int, options: OptionsDict, env: dict[str, Any]
) -> str:
    return citation(tokens[index].content, tokens[index].meta["href"])


def _draw_image(
    self: RendererProtocol, tokens: list[Token], index: int, options: OptionsDict, env: dict[str, Any]
) -> str:
    """An answer loads nothing from outside: an image is only its description."""
    return escape(tokens[index].content or "image")


def _draw_link_open(
    self: RendererProtocol, tokens: list[Token], index: int, options: OptionsDict, env: dict[str, Any]
) -> str:
    """Links out of Parley go through a page that shows where they lead."""
    href = str(tokens[index].attrGet("href") or "")
    if urlsplit(href).scheme in ("http", "https") or href.startswith("//"):
        return f'<a class="leaves" href="{LEAVING}{quote(href, safe="")}">'
    return f'<a href="{escape(href)}">'


def _draw_heading(
    self: RendererProtocol, tokens: list[Token], index: int, options: OptionsDict, env: dict[str, Any]
) -> str:
    token = tokens[index]
    level = _reading(env).heading_level(int(token.tag[1]))
    return f"<h{level}>" if token.nesting > 0 else f"</h{level}>\n"


def _draw_cell_open(
    self: RendererProtocol, tokens: list[Token], index: int, options: OptionsDict, env: dict[str, Any]
) -> str:
    """Its column's alignment as a class: pages allow no inline styles."""
    token = tokens[index]
    side = str(token.attrGet("style") or "").removeprefix("text-align:")
    return f'<{token.tag} class="to-{side}">' if side in ("right", "center") else f"<{token.tag}>"


def _draw_code(
    self: RendererProtocol, tokens: list[Token], index: int, options: OptionsDict, env: dict[str, Any]
) -> str:
    return code.block(tokens[index].content, language_of(tokens[index].info))


def language_of(info: str) -> str:
    """The language that a fence of code names."""
    return (info.split() or [""])[0].lower()


def _always(html: str) -> Callable[..., str]:
    def rule(self: RendererProtocol, tokens: list[Token], index: int, options: OptionsDict, env: dict[str, Any]) -> str:
        return html

    return rule


def _make_parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": False, "linkify": False}).enable(["table", "strikethrough"])
    parser.use(tasklists_plugin)
    parser.use(footnote_plugin, inline=False, move_to_end=False)
    parser.inline.ruler.disable("footnote_ref")
    parser.inline.ruler.before("link", "citation", _citation)
    parser.inline.ruler.after("image", "note", _note)
    add_formulas(parser)
    for name, rule in {
        "citation": _draw_citation,
        "note": _draw_note,
        "footnote_reference_open": _draw_note_open,
        "footnote_reference_close": _always("</div></div>\n"),
        "image": _draw_image,
        "link_open": _draw_link_open,
        "heading_open": _draw_heading,
        "heading_close": _draw_heading,
        "fence": _draw_code,
        "code_block": _draw_code,
        "th_open": _draw_cell_open,
        "td_open": _draw_cell_open,
        "table_open": _always('<div class="scrolls" tabindex="0" role="group" aria-label="Table"><table>\n'),
        "table_close": _always("</table></div>\n"),
    }.items():
        parser.add_render_rule(name, rule)
    return parser


def _make_outliner() -> MarkdownIt:
    """Reads the same blocks, and not what is in them."""
    outliner = _make_parser()
    outliner.core.ruler.enableOnly(["normalize", "block"])
    return outliner


parser = _make_parser()
outliner = _make_outliner()
