"""A conversation as Markdown, with footnotes for its citations.

An answer's own Markdown is kept, but for what would act or mislead in another program: raw HTML and pictures (which
load from outside), links that lead elsewhere than to web pages and mail, definitions of links and footnotes, which hold
for the whole file, headings above those of the export, and a block of code that is never closed. Code is left as it is.

Programs do not agree on where blocks begin and end, so what makes a line safe asks for nothing but that line, and a
line is left as code only where every reading of the result has it for code. Where they differ, nothing is code.
"""

from __future__ import annotations

import html
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from django.utils import timezone
from django.utils.translation import gettext as _
from markdown_it import MarkdownIt
from markdown_it.token import Token

from chat.composing.snapshots import Cited, Entry, Transcript
from chat.exporting import wording
from chat.exporting.wording import in_a_line, tame
from chat.streaming.telling import MARKER

_APART = "\u2060"
# What may stand before the first word of a line: quotes and lists that it is in.
_OPENING = r"((?:[ \t>]|[-+*](?=[ \t])|\d{1,9}[.)](?=[ \t]))*+)"
_HEADING = re.compile(rf"^{_OPENING}(#{{1,6}})(?=[ \t]|$)")
_UNDERLINE = re.compile(r"^([ \t>]*)(=+|-+)[ \t]*$")
_FENCE = re.compile(rf"^{_OPENING}(?=```|~~~)")
_CODE_SPAN = re.compile(r"(?<!`)(`+)(?!`)(?:.*?[^`])\1(?!`)")
_TAG = re.compile(r"<(?=[A-Za-z/!?])")
# The name of a link that is defined, whole or the end of one that begins above.
_DEFINES = re.compile(rf"^{_OPENING}(\[?+(?:[^\[\]\\]|\\.)*+)\]:")
# A link's target, as far as it can hold a scheme; nothing before the end of the line: it may stand on the next one.
_LINK = re.compile(r"\](?=\([ \t]*(?:<([^<>()\[\]]*)|([^<>()\[\] \t]*))(.?))")
_ESCAPE = re.compile(r"\\([!-/:-@\[-`{-~])")
_HARMLESS = re.compile(r"(?:https?|mailto):|(?![\\/]{2})[^:]*(?:[/?#]|$)", re.IGNORECASE)
_SIGNS = re.compile(r"([\\`*_\[\]<>#|~])")
HEADINGS_BELOW = 2


def _reader(*rules: str, has_html: bool) -> MarkdownIt:
    """Reads blocks, and not what is in them."""
    reader = MarkdownIt("commonmark", {"html": has_html}).enable(rules)
    reader.core.ruler.enableOnly(["normalize", "block"])
    return reader


_BLOCKS = _reader("table", has_html=False)
_READINGS = (_reader(has_html=True), _reader("table", has_html=True))


@dataclass
class Notes:
    """The footnotes so far, numbered through the whole file."""

    lines: list[str] = field(default_factory=list)

    def add(self, cited: Cited) -> int:
        number = len(self.lines) + 1
        quote = in_a_line(cited.quote)
        where = _escaped(wording.place(cited))
        self.lines.append(f"[^{number}]: {where}: “{_escaped(quote)}” <{wording.link(cited)}>")
        return number


def written(transcript: Transcript) -> str:
    """The branch that is shown, as a Markdown file."""
    conversation, notes = transcript.conversation, Notes()
    parts = [
        f"# {_escaped(in_a_line(str(conversation)))}",
        f"> **{wording.notice()}**",
        "\n".join(_head(transcript)),
    ]
    for entry in transcript.branch:
        parts += _answer(entry, notes) if entry.is_answer else _question(entry)
    if notes.lines:
        parts += ["---", "\n".join(notes.lines)]
    return "\n\n".join(parts) + "\n"


def _head(transcript: Transcript) -> Iterator[str]:
    conversation = transcript.conversation
    yield f"- {_('Assistant')}: {_escaped(in_a_line(conversation.assistant.name))}"
    models = dict.fromkeys(entry.model for entry in transcript.branch if entry.model)
    if models:
        yield f"- {_('Model')}: {_escaped(in_a_line(', '.join(models)))}"
    yield f"- {_('Begun')}: {conversation.created_at:%Y-%m-%d %H:%M} UTC"
    yield f"- {_('Exported')}: {timezone.now():%Y-%m-%d %H:%M} UTC"


def _question(entry: Entry) -> list[str]:
    quoted = "\n".join(_lines_of(entry.text, {}, is_plain=True))
    return [f"## {_('Question')}", f"*{entry.at:%Y-%m-%d %H:%M} UTC*", quoted]


def _answer(entry: Entry, notes: Notes) -> list[str]:
    said = ". ".join(filter(None, [wording.byline(entry), f"{entry.at:%Y-%m-%d %H:%M} UTC"]))
    parts = [f"## {_('Answer')}", f"*{_escaped(said)}*"]
    if how := wording.ending(entry):
        parts.append(f"*{_escaped(how)}*")
    if entry.text.strip():
        numbers = {one.number: notes.add(one) for one in entry.cited}
        parts.append("\n".join(_lines_of(entry.text, numbers)))
    return parts


def _lines_of(text: str, numbers: dict[int, int], *, is_plain: bool = False) -> list[str]:
    """The lines of a text made safe, with its citations as footnotes; what it leaves open is closed at its end.

    ``is_plain``: quoted as somebody wrote it, where headings of theirs are no headings of the file.
    """
    lines = tame(text).strip("\n").split("\n")
    lines = [f"> {line}".rstrip() for line in lines] if is_plain else _with_signs(lines)
    tokens = _BLOCKS.parse("\n".join(lines))
    code, closing = _code_in(tokens), _closing(tokens, lines)
    safe = [line if index in code else _line(line, numbers, is_plain=is_plain) for index, line in enumerate(lines)]
    safe += [closing] if closing else []
    if all(_is_read_so(reading, safe, code) for reading in _READINGS):
        return safe
    return [_line(_FENCE.sub(r"\1\\", line), numbers, is_plain=is_plain) for line in lines]


def _with_signs(lines: list[str]) -> list[str]:
    """With signs before headings that are underlined, which know two levels alone."""
    lines = list(lines)
    for token, title in pairwise(_BLOCKS.parse("\n".join(lines))):
        if token.type != "heading_open" or token.markup not in ("=", "-") or not token.map:
            continue
        begin, end = token.map
        line = lines[begin].rstrip()
        if end - begin == 2 and line.endswith(title.content):
            lines[begin] = f"{line.removesuffix(title.content)}{'#' * int(token.tag[1])} {title.content}"
            lines[begin + 1] = _UNDERLINE.sub(r"\1", lines[begin + 1]).rstrip()
    return lines


def _code_in(tokens: Sequence[Token]) -> set[int]:
    """Which lines are blocks of code. What a block calls itself is no code."""
    code: set[int] = set()
    for token in tokens:
        if token.type in ("fence", "code_block") and token.map:
            begin, end = token.map
            code.update(range(begin + (token.type == "fence"), end))
    return code


def _closing(tokens: Sequence[Token], lines: Sequence[str]) -> str:
    """What closes the last block of code if nothing does."""
    if not tokens or tokens[-1].type != "fence" or not tokens[-1].map:
        return ""
    fence, (begin, end) = tokens[-1], tokens[-1].map
    last = lines[end - 1].strip()
    is_closed = end - begin > 1 and set(last) == {fence.markup[0]} and len(last) >= len(fence.markup)
    return "" if is_closed else fence.markup


def _is_read_so(reading: MarkdownIt, lines: Sequence[str], code: Collection[int]) -> bool:
    """Whether ``code`` is code, and nothing takes in what comes behind these lines."""
    tokens = reading.parse("\n".join([*lines, "", "# end"]))
    is_apart = tokens[-1].type == "heading_close" and tokens[-1].level == 0
    return is_apart and _code_in(tokens).issuperset(code)


def _line(line: str, numbers: dict[int, int], *, is_plain: bool) -> str:
    """A line made safe, whatever stands around it."""
    if heading := _HEADING.match(line):
        signs = "\\" + heading[2] if is_plain else "#" * min(6, len(heading[2]) + HEADINGS_BELOW)
        line = heading[1] + signs + line[heading.end() :]
    line = _UNDERLINE.sub(_no_underline, line)
    pieces, at = [], 0
    for code in _CODE_SPAN.finditer(line):
        pieces += [_safe(line[at : code.start()], numbers), _safe_code(code[0])]
        at = code.end()
    line = "".join([*pieces, _safe(line[at:], numbers)])
    line = _DEFINES.sub(rf"\1\2]{_APART}:", line)  # last: a bracket that became an entity ends no name
    return _LINK.sub(lambda match: "]" if _is_harmless(match) else f"]{_APART}", line)


def _no_underline(match: re.Match[str]) -> str:
    """A line across the page stays one, of a sign that makes no heading of what stands above it."""
    before, signs = match[1], match[2]
    return before + ("*" * len(signs) if signs.startswith("---") else f"\\{signs}")


def _is_harmless(match: re.Match[str]) -> bool:
    """Whether a link leads to a web page, to mail, or to no other program, however its target is written."""
    in_brackets, bare, behind = match.groups(default="")
    target = in_brackets or bare
    if not target and not behind:
        return False
    read = html.unescape(_ESCAPE.sub(r"\1", target))
    return _HARMLESS.match("".join(sign for sign in read if sign > " " and not sign.isspace())) is not None


def _safe(text: str, numbers: dict[int, int]) -> str:
    # As entities, which no sign before them can undo.
    text = _TAG.sub("&lt;", text).replace("![", "!&#91;").replace("[^", "&#91;^")
    return MARKER.sub(lambda match: f"[^{numbers[int(match[1])]}]" if int(match[1]) in numbers else match[0], text)


def _safe_code(text: str) -> str:
    """A span of code shows a backslash, so a sign without width keeps apart what would act if it were none after all:
    where spans end depends on the lines and cells around them.
    """
    return _TAG.sub(f"<{_APART}", text).replace("![", f"!{_APART}[").replace("[^", f"[{_APART}^")


def _escaped(text: str) -> str:
    """Words of somebody's that are no Markdown."""
    return _SIGNS.sub(r"\\\1", text)
