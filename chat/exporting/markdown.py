"""A conversation as Markdown, with footnotes for its citations.

An answer's own Markdown is kept, but for what would act or mislead in another program: raw HTML and pictures (which
load from outside), links that run something, footnotes of its own, headings above those of the export, and a block of
code that is never closed. Code is left as it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from django.utils import timezone
from django.utils.translation import gettext as _
from markdown_it import MarkdownIt

from chat.composing.snapshots import Cited, Entry, Transcript
from chat.exporting import wording
from chat.exporting.wording import in_a_line, tame
from chat.streaming.telling import MARKER

_PARSER = MarkdownIt("commonmark", {"html": False}).enable("table")
_APART = "\u2060"
_HEADING = re.compile(r"^( {0,3})(#{1,6})(?=[ \t]|$)")
_CODE_SPAN = re.compile(r"(?<!`)(`+)(?!`)(?:.*?[^`])\1(?!`)")
_TAG = re.compile(r"<(?=[A-Za-z/!?])")
_RUNS = re.compile(r"\]\((\s*<?\s*)(?=(?:javascript|data|vbscript|file):)", re.IGNORECASE)
_SIGNS = re.compile(r"([\\`*_\[\]<>#|~])")
HEADINGS_BELOW = 2


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
    lines = _lines_of(entry.text, {}, is_plain=True)
    quoted = "\n".join(f"> {line}".rstrip() for line in lines)
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

    ``is_plain``: as somebody wrote it, where headings of theirs are no headings of the file.
    """
    lines = tame(text).strip("\n").split("\n")
    is_code, closing = _code_in(lines)
    safe = [line if index in is_code else _line(line, numbers, is_plain=is_plain) for index, line in enumerate(lines)]
    return [*safe, closing] if closing else safe


def _code_in(lines: list[str]) -> tuple[set[int], str]:
    """Which of these lines are blocks of code, and what closes the last one if nothing does."""
    is_code: set[int] = set()
    closing = ""
    for token in _PARSER.parse("\n".join(lines)):
        if token.type not in ("fence", "code_block") or not token.map:
            continue
        begin, end = token.map
        is_code.update(range(begin, end))
        if token.type == "fence":
            is_code.discard(begin)  # what it calls itself is no code
            last = lines[end - 1].strip()
            is_closed = end - begin > 1 and set(last) == {token.markup[0]} and len(last) >= len(token.markup)
            closing = token.markup if not is_closed and not "".join(lines[end:]).strip() and token.level == 0 else ""
    return is_code, closing


def _line(line: str, numbers: dict[int, int], *, is_plain: bool) -> str:
    if heading := _HEADING.match(line):
        signs = "\\" + heading[2] if is_plain else "#" * min(6, len(heading[2]) + HEADINGS_BELOW)
        line = heading[1] + signs + line[heading.end() :]
    pieces, at = [], 0
    for code in _CODE_SPAN.finditer(line):
        pieces += [_safe(line[at : code.start()], numbers), _safe_code(code[0])]
        at = code.end()
    return "".join([*pieces, _safe(line[at:], numbers)])


def _safe(text: str, numbers: dict[int, int]) -> str:
    # As entities, which no sign before them can undo.
    text = _TAG.sub("&lt;", text).replace("![", "!&#91;").replace("[^", "&#91;^")
    text = _RUNS.sub(r"](\1blocked:", text)
    return MARKER.sub(lambda match: f"[^{numbers[int(match[1])]}]" if int(match[1]) in numbers else match[0], text)


def _safe_code(text: str) -> str:
    """A span of code shows a backslash, so a sign without width keeps apart what would act if it were none after all:
    where spans end depends on the lines and cells around them.
    """
    text = _TAG.sub(f"<{_APART}", text).replace("![", f"!{_APART}[").replace("[^", f"[{_APART}^")
    return _RUNS.sub(rf"](\1{_APART}", text)


def _escaped(text: str) -> str:
    """Words of somebody's that are no Markdown."""
    return _SIGNS.sub(r"\\\1", text)
