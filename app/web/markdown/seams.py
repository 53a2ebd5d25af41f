"""How the last line of a text grows: what has been drawn of it, and what more costs.

Most of what a model adds at a time is a few words. They are put in as they are, and a sign that opens something is too
until the one comes that closes it: only then are the words since the last seam drawn, and never again. A seam is a
blank before which everything that was opened has been closed, so that no sign after it can pair with one before it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from html import escape

from markdown_it.common.utils import MD_TRIM_CHARS
from markdown_it.token import Token

from app.web.markdown.cleaning import clean
from app.web.markdown.parsing import Reading, citation, parser

Draw = Callable[[str, Reading], tuple[str, list[Token]]]
LETTER = "\ue000"  # of the private use area: it shows where any other letter would go
# Signs that mean nothing as long as nothing is open, and such that mean nothing even then.
_INERT = r"[^\x00-\x1f*_`\[\]$<>&\\~^\xa0\ue000]"
_QUIET = r"(?:[^\W_\ue000]|[ ,.'?])"
_OPENING = re.compile(r"[*`\[$<&\\]|~~|(?<![^\W_])_|_(?![^\W_])")
_BRACKETS = re.compile(r"\[[^\[\]]*\](?!\()")
# Runs of signs that are text until another closes what they open; any other sign by itself.
_SIGNS = re.compile(r"\*+|_+|`+|~+|\[+|\$+|<+|[\x00-\x1f\]>&\\\xa0\ue000]")
_OPENERS = set("*_`~[$<")
_OPEN_LINK = re.compile(rf"{_INERT}*\[(?!\d{{1,2}}\]){_INERT}+\](?:\((?:(?![()\"']){_INERT})*)?")
# A formula is shown as its source until it is whole.
_OPEN_FORMULA = re.compile(rf"{_INERT}*(?:\${{1,2}}(?![\s\d$])|\\\()(?:[^\n$`*<\[\xa0\ue000\\]|\\[^)\n]){{0,150}}\\?")
# Behind these, at the end of what was drawn, a full stop or the like changes nothing.
_ENDS_WELL = re.compile(r".*(?:[^\W_]\*{1,3}|[^\W_]~~|\]|\)|`|[^\W_]\$)", re.DOTALL)
_PLAIN_PART = re.compile(
    rf"({_INERT}+)|(?:(?:(?<=[ (])|(?<![\s\S]))(?:(\*\*?)([^\W_](?:{_INERT}*[^\W_])?)\2|`([^\W_](?:{_INERT}*[^\W_])?)`)"
    r"|\[(\d{1,2})\](?!\())(?=[ .,:;!?)\[]|\Z)"
)
# Nothing to clean: text, the plainest of tags, and numbers of passages.
_SIMPLE = re.compile(
    r"(?:[^<>&\xa0]|&(?:amp|lt|gt|quot);|</?(?:strong|em|s|code)>"
    r'|<a class="cite" href="/(?:[\w/?=.-]|&amp;)*" data-number="\d{1,2}">\d{1,2}</a>)*',
    re.ASCII,
)
_ENDS = re.compile(r"(?:</(?!pre|code|math)[a-z0-9]+>|\n)*")
_LAST_WORD = re.compile(r"(?<![^\s])[^\W\d_][^\W_]*\Z")
_BLOCK_ENDS = re.compile(r"(?:</(?:p|li|ul|ol|div|blockquote|h[456])>|\n)*")


def _more(*, is_settled: bool, behind: str) -> re.Pattern[str]:
    """What may follow a drawn text and be put in as it is, by whether all is closed and how the text ends."""
    signs = _INERT if is_settled else _QUIET
    stops = "[.,:;!?]*" if is_settled else "[.,:!?]*"
    forms = {"letter": f"{signs}*", "end": rf"(?:{stops}(?: {signs}*)?)", "": rf"(?: {signs}*)?"}
    return re.compile(forms[behind])


_MORE = {
    (is_settled, behind): _more(is_settled=is_settled, behind=behind)
    for is_settled in (True, False)
    for behind in ("letter", "end", "")
}
_WORDS = _MORE[True, "letter"]
_MORE_WORDS = (_WORDS, _MORE[False, "letter"])
_NOTHING = re.compile("")


@dataclass(slots=True)
class Seam:
    """A drawn text, and how it grows by more on its last line.

    ``head`` is the HTML of ``text[:length]`` and stands for good; ``drawn`` that of what follows up to ``until``; the
    rest is shown as it is, and ``foot`` closes it. Up to ``seen`` it is known to mean nothing, and so does what matches
    ``more``. Without ``can_cut`` all is drawn anew where that does not.
    """

    length: int
    head: str
    foot: str
    reading: Reading
    until: int = -1
    seen: int = -1
    drawn: str = ""
    drawn_reading: Reading | None = None
    more: re.Pattern[str] = _WORDS
    is_settled: bool = True
    is_literal: bool = False
    can_cut: bool = True

    is_heading: bool = False

    def __post_init__(self) -> None:
        self.until = self.seen = self.length
        self.is_heading = "</h" in self.foot

    @classmethod
    def of(cls, text: str, reading: Reading, draw: Draw) -> Seam:
        """By drawing all of the text: of any text."""
        word = _LAST_WORD.search(text)
        length = word.start() if word else text.rfind(" ") + 1
        if word or cls._may_cut(text, length):
            after = reading.trial()
            html, tokens = draw((text if word else text[:length]) + LETTER, after)
            before, *rest = html.split(LETTER)
            inlines = [token for token in tokens if token.type == "inline"]
            if rest and "</h" in rest[-1] and "#" in text[text.rfind("\n") + 1 :].lstrip("# >"):
                rest = []  # that may end the heading
            if len(rest) == 1 and inlines and _is_settled(inlines[-1], after) and _BLOCK_ENDS.fullmatch(rest[0]):
                seam = cls(length, before.removesuffix(word[0]) if word else before, rest[0], after)
                if seam.grow(text):
                    return seam
            elif word and len(rest) == 1 and _ENDS.fullmatch(rest[0]):
                more = _MORE[False, "letter"]
                return cls(len(text), before, rest[0], reading, more=more, is_settled=False, can_cut=False)
        html = draw(text, reading.trial())[0]
        return cls(len(text), html, "", reading, more=_NOTHING, is_settled=False, can_cut=False)

    @classmethod
    def _may_cut(cls, text: str, length: int) -> bool:
        """Whether the last blank stands in a line of text."""
        begin = text.rfind("\n") + 1
        return length >= begin + 2 and not text[length - 2].isspace() and any(map(str.isalpha, text[begin:length]))

    def grow(self, text: str, *, is_whole: bool = False) -> bool:
        """Take note of a text that is longer by something on its last line; False when all of it must be drawn anew.

        ``is_whole``: no more comes on that line.
        """
        if self.is_heading and "#" in text[self.seen :]:  # it may end the heading
            return False
        if self.more.fullmatch(text, self.seen):
            if self.more in _MORE_WORDS:
                self.seen = len(text)
            elif (blank := text.find(" ", self.seen)) >= 0:
                self.more, self.seen = _MORE[self.is_settled, "letter"], blank
            return True
        if not self.can_cut:
            return False
        self._move(text)
        rest = text[self.length :]
        self.is_literal = _is_literal(rest, self.reading, is_whole=is_whole)
        if self.is_literal:
            self.drawn, self.until, self.seen = "", self.length, self.length
            self.is_settled = _WORDS.fullmatch(rest) is not None
            self.more = _WORDS if self.is_settled or _opens_only(rest) else _NOTHING
        else:
            self._draw(rest)
        return True

    def words(self, text: str) -> str:
        """HTML, but for ``foot``, of a text that it was made or grown for. Blanks that end a line are not shown."""
        if not self.can_cut and self.more is _NOTHING:
            return self.head
        rest = text[self.until :]
        if self.is_literal:
            rest = escape(rest, quote=False)
        return f"{self.head}{self.drawn}{rest}".rstrip(MD_TRIM_CHARS)

    def _move(self, text: str) -> None:
        """To the last blank before the first sign that is new."""
        if not self.is_settled:
            return
        match = self.more.match(text, self.seen)
        end = text.rfind(" ", self.until, match.end() if match else self.seen) + 1
        if end > 0:
            self.head += self.drawn + text[self.until : end]
            self.length = self.until = self.seen = end
            self.drawn, self.more = "", _WORDS
            self.reading = self.drawn_reading or self.reading
            self.drawn_reading = None

    def _draw(self, rest: str) -> None:
        words = rest.rstrip(MD_TRIM_CHARS)
        self.until = self.seen = self.length + len(words)
        self.drawn_reading = None
        plain = _plainly(words, self.reading)
        if plain is None:
            if "[^" in words:
                self.drawn_reading = self.reading.trial()
            self.drawn, token = draw_inline(words, self.drawn_reading or self.reading)
            self.is_settled = _is_settled(token, self.reading)
        else:
            self.drawn, self.is_settled = plain, True
        behind = "letter" if words[-1:].isalnum() else "end" if _ENDS_WELL.fullmatch(words) else ""
        self.more = _MORE[self.is_settled, behind]


def _opens_only(rest: str) -> bool:
    """Whether each sign in it opens something else, and nothing is closed."""
    kinds = [match[0][0] for match in _SIGNS.finditer(rest)]
    return _OPENERS.issuperset(kinds) and len(set(kinds)) == len(kinds)


def _is_literal(rest: str, reading: Reading, *, is_whole: bool) -> bool:
    """Whether nothing in it is complete, so that it is shown as it is."""
    if _opens_only(rest):
        return True
    if "$" in rest or "\\" in rest:
        return not is_whole and _OPEN_FORMULA.fullmatch(rest) is not None
    return not reading.references and _OPEN_LINK.fullmatch(rest) is not None


def _plainly(words: str, reading: Reading) -> str | None:
    """HTML of words among which some are bold, leaning or code, or numbers of passages, and nothing else; None when the
    parser has to look at them.
    """
    parts, at = [], 0
    while at < len(words):
        match = _PLAIN_PART.match(words, at)
        if match is None:
            return None
        inert, mark, inside, code, number = match.groups()
        if inert:
            parts.append(inert)
        elif mark:
            parts.append(f"<strong>{inside}</strong>" if mark == "**" else f"<em>{inside}</em>")
        elif code:
            parts.append(f"<code>{code}</code>")
        elif href := reading.links.get(int(number)):
            parts.append(citation(number, href))
        else:
            return None
        at = match.end()
    return "".join(parts)


def _is_settled(inline: Token, reading: Reading) -> bool:
    """Whether no sign in it still waits for its counterpart."""
    texts = [child.content for child in inline.children or [] if child.type == "text"]
    if not reading.references:
        texts = [_BRACKETS.sub("", text) for text in texts]
    return not any(map(_OPENING.search, texts))


def draw_inline(text: str, reading: Reading) -> tuple[str, Token]:
    """Words of a line that goes on: without what the parser does for a whole text."""
    env = reading.env()
    token = Token("inline", "", 0, content=text, children=[])
    assert token.children is not None
    parser.inline.parse(text, parser, env, token.children)
    for child in token.children:
        if child.type == "text_special":
            child.type = "text"
    html = str(parser.renderer.render([token], parser.options, env))
    return html.replace("&quot;", '"') if _SIMPLE.fullmatch(html) else clean(html), token
