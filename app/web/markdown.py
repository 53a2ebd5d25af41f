"""Markdown to safe HTML, whole or while it is still being written.

Raw HTML in the text is escaped by the parser, and the result is cleaned again by nh3: two locks. A text that grows is
rendered block by block (``Growing``): a top-level block is closed once another has begun after it; closed blocks never
change again, so a page appends them once and redraws only the open one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from html import escape
from typing import Any
from urllib.parse import quote, urlsplit

import nh3
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererProtocol
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token
from markdown_it.utils import OptionsDict
from mdit_py_plugins.tasklists import tasklists_plugin
from pygments import highlight as pygments_highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import get_lexer_by_name
from pygments.util import ClassNotFound

LEAVING = "/leaving/?to="
MARKER = re.compile(r"\[(\d{1,2})\]")
_TAG_NAMES = """
    p br hr h1 h2 h3 h4 h5 h6 strong em s del code pre blockquote ul ol li table thead tbody tr th td a sup div span
    input mark
"""
TAGS = set(_TAG_NAMES.split())
ATTRIBUTES: dict[str, set[str]] = {
    "a": {"href", "class", "data-number", "title", "rel"},
    "code": {"class"},
    "div": {"class", "tabindex", "role", "aria-label"},
    "pre": {"class", "data-language"},
    "span": {"class"},
    "input": {"type", "checked", "disabled", "class"},
    "th": {"class"},
    "td": {"class"},
    "ol": {"start", "class"},
    "ul": {"class"},
    "li": {"class"},
    "mark": {"id"},
}
Links = Mapping[int, str]
_LETTER = "\ue000"  # of the private use area
_PLAIN = re.compile(r"(?:[^\W_]|[ ,.'?])+")
_ENDS = re.compile(r"(?:</(?!pre|code)[a-z0-9]+>|\n)*")


def render(text: str, links: Links | None = None) -> str:
    """Safe HTML of a whole Markdown text. ``links`` gives the address of each numbered citation ``[n]``."""
    return _clean(_parser.render(text, {"links": links or {}}))


def _clean(html: str) -> str:
    # The box of a task has a name; its words follow, and whether it is ticked is said by itself.
    named = {"input": {"aria-label": "Task"}}
    schemes = {"http", "https", "mailto"}
    return nh3.clean(
        html, tags=TAGS, attributes=ATTRIBUTES, set_tag_attribute_values=named, link_rel=None, url_schemes=schemes
    )


@dataclass(frozen=True)
class _Seam:
    """A rendered text, and where in its HTML more words would go: between ``before`` and ``after``.

    Plain words after a word, on a line that is a line of text already, can neither open nor close anything. So they
    appear where any other letter would, which is found out with one that no text has. Spaces at the end are not shown.
    """

    length: int
    links: Links
    before: str
    after: str
    can_grow: bool

    @classmethod
    def of(cls, text: str, links: Links) -> _Seam:
        if text.removesuffix(" ")[-1:].isalnum() and any(map(str.isalpha, text[text.rfind("\n") + 1 :])):
            before, *rest = render(text + _LETTER, links).split(_LETTER)
            if len(rest) == 1 and _ENDS.fullmatch(rest[0]):
                return cls(len(text), links, before, rest[0], can_grow=True)
        return cls(len(text), links, render(text, links) if text.strip() else "", "", can_grow=False)

    def takes(self, added: str) -> bool:
        """Whether a text that grows by this can still be shown by ``html``."""
        return self.can_grow and _PLAIN.fullmatch(added) is not None

    def html(self, text: str) -> str:
        """Of the text, with all that it has taken since."""
        return (self.before + text[self.length :]).rstrip(" ") + self.after if self.can_grow else self.before


@dataclass
class Growing:
    """A Markdown text that arrives in pieces, and how much of it is closed.

    After ``add`` the newly closed blocks' HTML is returned once; ``open_html`` is the block still being written.
    Only the open tail is parsed again, so the cost of a long answer stays linear in its length; and where a tail grows
    by plain words alone, as most do most of the time, not even that.
    """

    links: dict[int, str] = field(default_factory=dict)
    tail: str = ""
    _seam: _Seam | None = None

    def add(self, text: str) -> str:
        """Take more text; return the HTML of the blocks that this closed (may be empty)."""
        self.tail += text
        if self._seam and text and not self._seam.takes(text):
            self._seam = None
        if "\n" not in text:
            return ""
        end = self._closed_until()
        if end == 0:
            return ""
        closed, self.tail = self.tail[:end], self.tail[end:]
        return render(closed, self.links)

    def open_html(self) -> str:
        if self._seam is None or self._seam.links is not self.links:
            self._seam = _Seam.of(self.tail, self.links)
        return self._seam.html(self.tail)

    def _closed_until(self) -> int:
        """Offset in ``tail`` where its last top-level block begins.

        Only whole lines count: what an unfinished one begins, its rest may take back.
        """
        whole = self.tail[: self.tail.rfind("\n") + 1]
        tokens = _parser.parse(whole, {})
        starts = [token.map[0] for token in tokens if token.level == 0 and token.map and token.nesting >= 0]
        if len(starts) < 2:
            return 0
        return sum(len(line) for line in whole.split("\n")[: starts[-1]]) + starts[-1]


def _citation(state: StateInline, silent: bool) -> bool:
    """``[3]`` becomes a chip when passage 3 exists; anything else stays text or a link."""
    match = MARKER.match(state.src, state.pos, state.posMax)
    links: Links = state.env.get("links", {})
    if not match or int(match[1]) not in links or state.src[match.end() : match.end() + 1] == "(":
        return False
    if not silent:
        token = state.push("citation", "a", 0)
        token.content = match[1]
        token.meta = {"href": links[int(match[1])]}
    state.pos = match.end()
    return True


def _render_citation(
    self: RendererProtocol, tokens: list[Token], index: int, options: OptionsDict, env: dict[str, Any]
) -> str:
    number, href = tokens[index].content, tokens[index].meta["href"]
    return f'<a class="cite" href="{escape(href)}" data-number="{number}">{number}</a>'


def _render_image(
    self: RendererProtocol, tokens: list[Token], index: int, options: OptionsDict, env: dict[str, Any]
) -> str:
    """An answer loads nothing from outside: an image is only its description."""
    return escape(tokens[index].content or "image")


def _render_link_open(
    self: RendererProtocol, tokens: list[Token], index: int, options: OptionsDict, env: dict[str, Any]
) -> str:
    """Links out of Parley go through a page that shows where they lead."""
    href = str(tokens[index].attrGet("href") or "")
    if urlsplit(href).scheme in ("http", "https") or href.startswith("//"):
        return f'<a class="leaves" href="{LEAVING}{quote(href, safe="")}">'
    return f'<a href="{escape(href)}">'


def _render_fence(
    self: RendererProtocol, tokens: list[Token], index: int, options: OptionsDict, env: dict[str, Any]
) -> str:
    token = tokens[index]
    language = (token.info.split() or [""])[0].lower()
    code = _highlight(token.content, language)
    return f'<pre class="code" data-language="{escape(language)}"><code>{code}</code></pre>'


def _highlight(code: str, language: str) -> str:
    try:
        lexer = get_lexer_by_name(language, stripnl=False)
    except ClassNotFound:
        return escape(code)
    return str(pygments_highlight(code, lexer, HtmlFormatter(nowrap=True, classprefix="hl-")))


def _scrolling(open_tag: str) -> Callable[..., str]:
    def rule(self: RendererProtocol, tokens: list[Token], index: int, options: OptionsDict, env: dict[str, Any]) -> str:
        return open_tag

    return rule


def _make_parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": False, "linkify": False}).enable(["table", "strikethrough"])
    parser.use(tasklists_plugin)
    parser.inline.ruler.before("link", "citation", _citation)
    parser.add_render_rule("citation", _render_citation)
    parser.add_render_rule("image", _render_image)
    parser.add_render_rule("link_open", _render_link_open)
    parser.add_render_rule("fence", _render_fence)
    parser.add_render_rule(
        "table_open", _scrolling('<div class="scrolls" tabindex="0" role="group" aria-label="Table"><table>')
    )
    parser.add_render_rule("table_close", _scrolling("</table></div>"))
    return parser


_parser = _make_parser()
