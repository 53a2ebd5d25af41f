"""Words of the interface that nothing translates: in templates outside of its tags, in scripts, and in style sheets."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path

from deploy.words.sources import ROOT

# Names, units, keys and formats: the same in every language.
SAME = re.compile(
    r"\b(?:Parley|UTC|ms|px|rem|kB|MB|GB|SHA-256|Esc|Ctrl|Shift|Enter|Alt|Tab|Home|End|Markdown|API|REST|JSON|GPU|PDF"
    r"|EUR|Wh|kWh|W|A|B|C|D|E|N|P|R|U|J|K|vLLM|llama\.cpp|serve_model|Authorization|Bearer KEY)\b"
)
WORD = re.compile(r"[^\W\d_]{2,}")
ATTRIBUTES = ("aria-label", "title", "placeholder", "alt", "data-label", "aria-roledescription", "aria-description")
DJANGO = re.compile(r"\{%.*?%\}|\{\{.*?\}\}|\{#.*?#\}", re.S)

# In scripts: a text of two words and more that begins like a sentence. What they say comes from the page.
SCRIPT_TEXT = re.compile(r"""["`]([A-Z“][a-z]+ [^"`]*|[A-Z][a-z]+ ?\.)["`]""")
# In style sheets: what they write beside what the page says. attr(data-…) has it from the page.
STYLE_TEXT = re.compile(r"""\bcontent:[^;]*?"([^"]*)\"""")


def problems() -> Iterator[str]:
    for path in sorted((ROOT / "templates").rglob("*.html")):
        name = path.relative_to(ROOT).as_posix()
        for line, words in _in_template(path.read_text()):
            yield f"{name}:{line}: not translated: {words}"
    for path in sorted((ROOT / "static" / "js").rglob("*.js")):
        name = path.relative_to(ROOT).as_posix()
        yield from (f"{name}:{line}: a page has to say this: {words}" for line, words in _in_script(path))
    for path in sorted((ROOT / "static" / "css").rglob("*.css")):
        name = path.relative_to(ROOT).as_posix()
        for line, words in _in_style(path.read_text()):
            yield f"{name}:{line}: a page has to say this: {words}"


def _in_template(text: str) -> Iterator[tuple[int, str]]:
    """Blanked step by step, so that lines stay where they are."""
    for gone in (
        r"\{% comment.*?endcomment %\}",
        r"\{% block main_id %\}\w+\{% endblock %\}",  # the name of an element
        r"\{% blocktrans(?:late)?\b.*?\{% endblocktrans(?:late)? %\}",
        r"<!--.*?-->|<!DOCTYPE[^>]*>",
        r"<(script|style)\b.*?</\1>",
    ):
        text = re.sub(gone, _blank, text, flags=re.S)
    for found in re.finditer(r"\{% include .*?%\}", text, re.S):
        for value in re.findall(r"""\b\w+="([A-Z][^"]*)\"""", found[0]):
            if _has_words(value):
                yield text.count("\n", 0, found.start()) + 1, value
    text = DJANGO.sub(_blank, text)
    for found in re.finditer(rf"""\s(?:{"|".join(ATTRIBUTES)})="([^"]*)\"""", text):
        if _has_words(found[1]):
            yield text.count("\n", 0, found.start()) + 1, found[1].strip()
    text = re.sub(r"""<(?:"[^"]*"|'[^']*'|[^'">])*>""", _blank, text)
    for number, line in enumerate(text.split("\n"), 1):
        if _has_words(line):
            yield number, line.strip()


def _in_script(path: Path) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(path.read_text().split("\n"), 1):
        if not line.lstrip().startswith(("/*", "*", "//")):
            for found in SCRIPT_TEXT.finditer(line):
                yield number, found[1]


def _in_style(text: str) -> Iterator[tuple[int, str]]:
    for found in STYLE_TEXT.finditer(text):
        if _has_words(found[1]):
            yield text.count("\n", 0, found.start()) + 1, found[1].strip()


def _blank(found: re.Match[str]) -> str:
    return re.sub(r"[^\n]", " ", found[0])


def _has_words(text: str) -> bool:
    return WORD.search(SAME.sub("", unescape(text))) is not None
