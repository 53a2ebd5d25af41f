"""Blocks of code: a head that names the language, and the code in the colours that Pygments' classes stand for."""

from __future__ import annotations

from functools import lru_cache
from html import escape

from pygments import highlight as pygments_highlight
from pygments.formatters import HtmlFormatter
from pygments.lexer import Lexer
from pygments.lexers import get_lexer_by_name
from pygments.util import ClassNotFound

LONGEST_NAME = 30
PLAIN = "Text"
_formatter = HtmlFormatter(nowrap=True, classprefix="hl-")


def block(code: str, language: str) -> str:
    """HTML of a block of code in ``language``, as the text names it (may be "")."""
    head, foot = frame(language)
    return head + highlighted(code, language) + foot


def frame(language: str) -> tuple[str, str]:
    """What stands before and after the code. Where it scrolls, the keyboard reaches it.

    The name is no text of the document, so it is none here either.
    """
    name = escape(name_of(language))
    head = f'<div class="code-head" data-language="{name}"></div>'
    pre = f'<pre class="code" tabindex="0" role="group" aria-label="Code: {name}">'
    return f'<div class="code-block">{head}{pre}<code>', "</code></pre></div>\n"


def name_of(language: str) -> str:
    lexer = _lexer_class(language[:LONGEST_NAME])
    name = lexer.name if lexer else language
    return PLAIN if name in ("", "Text only") else name[:LONGEST_NAME]


def highlighted(code: str, language: str) -> str:
    lexer = _lexer_class(language[:LONGEST_NAME])
    if lexer is None:
        return escape(code, quote=False)
    return str(pygments_highlight(code, lexer(stripnl=False, ensurenl=False), _formatter))


@lru_cache(maxsize=256)
def _lexer_class(language: str) -> type[Lexer] | None:
    """The class and no instance: some lexers keep what they read. Looking up a name that there is not takes long."""
    try:
        return type(get_lexer_by_name(language)) if language else None
    except ClassNotFound:
        return None
