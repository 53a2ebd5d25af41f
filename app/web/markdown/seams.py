"""Where the open end of a text grows: what was drawn of it, and where in that HTML more would go.

Most of what a model adds at a time is a few words to a line. They are drawn alone, and all before them is left as it
is, from the last blank at which everything that was opened has been closed: no sign after it can pair with one before
it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from markdown_it.token import Token

from app.web.markdown.cleaning import clean
from app.web.markdown.parsing import Links, Reading, parser

Draw = Callable[[str, Reading], tuple[str, list[Token]]]
LETTER = "\ue000"  # of the private use area: it shows where any other letter would go
_PLAIN = re.compile(r"(?:[^\W_\ue000]|[ ,.'?])+")
# What is text wherever it stands in a line, as long as none of these signs came before it.
_INERT = re.compile(r"[^\x00-\x1f*_`\[\]$<>&\\~^\xa0\ue000]*")
_OPENING = re.compile(r"[*`\[$<&\\]|~~|(?<![^\W_])_|_(?![^\W_])")
# Nothing to clean: text and the plainest of tags.
_SIMPLE = re.compile(r"(?:[^<>&\xa0]|&(?:amp|lt|gt);|</?(?:strong|em|code)>)*")
_ENDS = re.compile(r"(?:</(?!pre|code|math)[a-z0-9]+>|\n)*")
_BLOCK_ENDS = re.compile(r"(?:</(?:p|li|ul|ol|div|blockquote|h[456])>|\n)*")


@dataclass(frozen=True)
class _Cut:
    """The part of a text that stands for good: how long it is, the HTML before and after its end, and what reading it
    told.
    """

    length: int
    head: str
    foot: str
    reading: Reading

    @classmethod
    def in_text(cls, text: str, reading: Reading, draw: Draw) -> _Cut | None:
        """At the last blank of a line of text."""
        begin, length = text.rfind("\n") + 1, text.rfind(" ") + 1
        if length < begin + 2 or text[length - 2].isspace() or not any(map(str.isalpha, text[begin:length])):
            return None
        after = reading.trial()
        html, tokens = draw(text[:length] + LETTER, after)
        inlines = [token for token in tokens if token.type == "inline"]
        head, *rest = html.split(LETTER)
        if len(rest) != 1 or not inlines or not _is_settled(inlines[-1]) or not _BLOCK_ENDS.fullmatch(rest[0]):
            return None
        return cls(length, head, rest[0], after)

    def further(self, text: str) -> _Cut:
        """At the last blank, where that is possible."""
        length = text.rfind(" ") + 1
        words = text[self.length : length]
        if not words or text[length - 2].isspace() or words.count("**") % 2 or words.count("`") % 2:
            return self
        after = self.reading.trial()
        html, token = _draw_inline(words + LETTER, after)
        if not _is_settled(token) or not html.endswith(LETTER):
            return self
        return _Cut(length, self.head + html.removesuffix(LETTER), self.foot, after)


@dataclass(frozen=True)
class Seam:
    """A drawn text, and how it grows by more on the same line."""

    links: Links
    cut: _Cut | None
    length: int
    before: str
    after: str
    can_grow: bool

    @classmethod
    def of(cls, text: str, reading: Reading, draw: Draw) -> Seam:
        if cut := _Cut.in_text(text, reading, draw):
            return cls._behind(cut, text)
        if text.removesuffix(" ")[-1:].isalnum() and any(map(str.isalpha, text[text.rfind("\n") + 1 :])):
            before, *rest = draw(text + LETTER, reading.trial())[0].split(LETTER)
            if len(rest) == 1 and _ENDS.fullmatch(rest[0]):
                return cls(reading.links, None, len(text), before, rest[0], can_grow=True)
        return cls(reading.links, None, len(text), draw(text, reading.trial())[0], "", can_grow=False)

    @classmethod
    def _behind(cls, cut: _Cut, text: str) -> Seam:
        rest = text[cut.length :]
        if not _INERT.fullmatch(rest):
            cut = cut.further(text)
            rest = text[cut.length :]
        links = cut.reading.links
        if _INERT.fullmatch(rest):
            return cls(links, cut, cut.length, cut.head, cut.foot, can_grow=True)
        if rest.removesuffix(" ")[-1:].isalnum():
            before, *ends = _draw_inline(rest + LETTER, cut.reading.trial())[0].split(LETTER)
            if len(ends) == 1 and _ENDS.fullmatch(ends[0]):
                return cls(links, cut, len(text), cut.head + before, ends[0] + cut.foot, can_grow=True)
        html, _ = _draw_inline(rest.rstrip(), cut.reading.trial())
        return cls(links, cut, len(text), (cut.head + html).rstrip() + cut.foot, "", can_grow=False)

    def grown(self, text: str, reading: Reading, draw: Draw) -> Seam:
        """That of a text which is longer by something on its last line."""
        added = text[self.length :]
        if not added:
            return self
        if self.can_grow:
            is_settled = self.cut is not None and self.cut.length == self.length
            if (_INERT if is_settled else _PLAIN).fullmatch(added) and not self._ends_heading(added):
                return self
        if self.cut and not self._ends_heading(text[self.cut.length :]):
            return self._behind(self.cut, text)
        return self.of(text, reading, draw)

    def html(self, text: str) -> str:
        """Of a text that it was made or grown for. Blanks at the end of a line are not shown."""
        return (self.before + text[self.length :]).rstrip() + self.after if self.can_grow else self.before

    def _ends_heading(self, added: str) -> bool:
        return "#" in added and "</h" in self.after + (self.cut.foot if self.cut else "")


def _is_settled(inline: Token) -> bool:
    """Whether no sign in it still waits for its counterpart."""
    return not any(child.type == "text" and _OPENING.search(child.content) for child in inline.children or [])


def _draw_inline(text: str, reading: Reading) -> tuple[str, Token]:
    """Words of a line that goes on: without what the parser does for a whole text."""
    env = reading.env()
    token = Token("inline", "", 0, content=text, children=[])
    assert token.children is not None
    parser.inline.parse(text, parser, env, token.children)
    for child in token.children:
        if child.type == "text_special":
            child.type = "text"
    html = str(parser.renderer.render([token], parser.options, env)).replace("&quot;", '"')
    return html if _SIMPLE.fullmatch(html) else clean(html), token
