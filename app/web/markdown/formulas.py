r"""Formulas: LaTeX between ``$…$``, ``$$…$$``, ``\(…\)`` or ``\[…\]``, set as MathML that browsers draw themselves.

What cannot be set is shown as code, as it was written. Sums of money stay text: a single dollar opens a formula only
where no letter, digit or blank touches it from the wrong side, and "5 or 10" between two dollars is none.

The converter is not trusted. Its tree is rebuilt from the elements and attributes below, with short lengths only, so
that no formula can lie over other text or act; ``cleaning`` looks at the result once more.
"""

from __future__ import annotations

import re
from functools import lru_cache
from html import escape, unescape
from xml.etree.ElementTree import Element

from latex2mathml.converter import convert_to_element
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererProtocol
from markdown_it.rules_block import StateBlock
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token
from markdown_it.utils import OptionsDict

from app.web.markdown import code

_ELEMENT_NAMES = """
    math mrow mi mn mo mtext mspace mfrac msqrt mroot msub msup msubsup munder mover munderover mmultiscripts
    mprescripts none mtable mtr mtd mstyle mpadded mphantom menclose
"""
ELEMENTS = set(_ELEMENT_NAMES.split())
_WORD = re.compile(r"[a-z]+(?:[ -][a-z]+)*")
_LENGTH = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+))(em|ex|pt|px)?")
_LENGTHS = re.compile(r"(?:\d*\.?\d+em)(?: \d*\.?\d+em)*")
_LONGEST = {"em": 3.0, "ex": 6.0, "pt": 36.0, "px": 48.0, "": 3.0}
_WORD_NAMES = """
    display displaystyle mathvariant stretchy fence separator form symmetric movablelimits accent accentunder largeop
    columnalign columnlines rowlines notation
"""
_WORDS = set(_WORD_NAMES.split())
_SIZES = {"minsize", "maxsize", "linethickness", "lspace", "rspace", "width", "height", "depth", "voffset"}
_SPACINGS = {"columnspacing", "rowspacing"}
ATTRIBUTES = _WORDS | _SIZES | _SPACINGS | {"scriptlevel"}
LONGEST_SOURCE = 2000
DEEPEST = 60
LANGUAGE = "latex"
WIDE_SIGNS = 22
_DEFINES = re.compile(r"\\(?:(?:re|provide)?newcommand|renewcommand|[egx]?def|let)\b")
_ENVIRONMENT = re.compile(r"\\(begin|end)\{([a-z]+\*?)\}")
# What the converter does not know, by what it does; "" leaves it out.
_KNOWN_AS = {
    "aligned": "align*",
    "align": "align*",
    "gathered": "matrix",
    "gather": "matrix",
    "gather*": "matrix",
    "dcases": "cases",
    "equation": "",
    "equation*": "",
}
OPENS_BLOCK = re.compile(r"\$\$|\\\[")
_CLOSERS = {"$$": "$$", r"\[": r"\]", r"\(": r"\)", "$": "$"}
_MONEY = re.compile(r"\d[^\\^_={}]*[\s/][A-Za-z]{2,}[^\\^_={}]*")


class _UnknownError(Exception):
    """The converter left something in the formula that it did not understand."""


def add_formulas(parser: MarkdownIt) -> None:
    """Teach ``parser`` to read formulas and to draw them."""
    parser.inline.ruler.before("escape", "formula", _read_inline)
    parser.block.ruler.before(
        "fence", "formula_block", _read_block, {"alt": ["paragraph", "reference", "blockquote", "list"]}
    )
    parser.add_render_rule("formula", _draw)
    parser.add_render_rule("formula_block", _draw)


@lru_cache(maxsize=2048)
def mathml(latex: str, *, is_display: bool) -> tuple[str, int] | None:
    """MathML of a formula, and how many signs it has; None when it cannot be set."""
    if len(latex) > LONGEST_SOURCE or _DEFINES.search(latex):  # definitions can grow a few signs into millions
        return None
    try:
        tree = convert_to_element(_ENVIRONMENT.sub(_as_known, latex), display="block" if is_display else "inline")
        signs: list[str] = []
        return _rebuilt(tree, signs, 0), sum(map(len, signs))
    except Exception:  # noqa: BLE001 - of a broken formula the converter raises whatever comes, RecursionError too
        return None


def _as_known(match: re.Match[str]) -> str:
    name = _KNOWN_AS.get(match[2], match[2])
    return f"\\{match[1]}{{{name}}}" if name else ""


def _rebuilt(element: Element, signs: list[str], depth: int) -> str:
    if depth > DEEPEST or element.tag not in ELEMENTS:
        raise _UnknownError
    text = unescape(element.text or "")
    if (len(text) > 1 and text.startswith("\\")) or "&#x" in text or (text == "&" and element.tag == "mi"):
        raise _UnknownError
    signs.append(text)
    attributes = "".join(f' {name}="{escape(value)}"' for name, value in element.items() if _is_harmless(name, value))
    inside = "".join([_rebuilt(child, signs, depth + 1) for child in element])
    return f"<{element.tag}{attributes}>{escape(text, quote=False)}{inside}</{element.tag}>"


def _is_harmless(name: str, value: str) -> bool:
    if name in _WORDS:
        return _WORD.fullmatch(value) is not None
    if name in _SPACINGS:
        return _LENGTHS.fullmatch(value) is not None and len(value) < 200
    if name == "scriptlevel":
        return value in ("0", "1", "2")
    match = _LENGTH.fullmatch(value) if name in _SIZES else None
    return match is not None and -1 <= float(match[1]) <= _LONGEST[match[2] or ""]


def _read_inline(state: StateInline, silent: bool) -> bool:
    source, start = state.src, state.pos
    if source[start] not in "$\\":
        return False
    opener = source[start : start + 2]
    if opener not in _CLOSERS:
        opener = opener[:1]
    if opener not in _CLOSERS:
        return False
    begin = start + len(opener)
    end = _closing(source, _CLOSERS[opener], begin, state.posMax)
    if end < 0 or not source[begin:end].strip() or (opener == "$" and not _is_formula(source, begin, end)):
        return False
    if not silent:
        _push(state.push("formula", "math", 0), source[begin:end], opener, is_whole=True)
    state.pos = end + len(opener)
    return True


def _is_formula(source: str, begin: int, end: int) -> bool:
    """Whether what stands between two single dollars is meant as a formula."""
    content = source[begin:end]
    around = source[begin - 2 : begin - 1] + source[end + 1 : end + 2] if begin > 1 else source[end + 1 : end + 2]
    if "\n" in content or content[0].isspace() or content[-1].isspace():
        return False
    return not any(one == "$" or (one.isascii() and one.isalnum()) for one in around) and not _MONEY.fullmatch(content)


def _read_block(state: StateBlock, first: int, last: int, silent: bool) -> bool:
    r"""From a line that begins with ``$$`` or ``\[`` to one that ends with its counterpart, with no blank one between.

    One that is still open at the end of the text may yet become a formula: it is shown as code until then, and
    ``env["pending"]`` tells where it begins.
    """
    begin = state.bMarks[first] + state.tShift[first]
    opener = state.src[begin : begin + 2]
    if opener not in ("$$", r"\[") or state.is_code_block(first):
        return False
    lines, is_whole = [], False
    for number in range(first, last):
        if number > first:
            begin = state.bMarks[number] + state.tShift[number]
            if state.isEmpty(number) or state.sCount[number] < state.blkIndent:
                return False
        else:
            begin += 2
        line = state.src[begin : state.eMarks[number]]
        end = _closing(line, _CLOSERS[opener], 0, len(line))
        if end >= 0 and line[end + 2 :].strip():
            return False
        lines.append(line[:end] if end >= 0 else line)
        if is_whole := end >= 0:
            break
    if not is_whole:
        if state.eMarks[last - 1] < len(state.src) - 1 or state.env.get("is_cut"):
            return False
        state.env["pending"] = min(first, state.env.get("pending", first))
    elif not any(map(str.strip, lines)):
        return False
    if not silent:
        state.line = first + len(lines)
        token = state.push("formula_block", "math", 0)
        token.block, token.map = True, [first, state.line]
        _push(token, "\n".join(lines), opener, is_whole=is_whole)
    return True


def open_block(text: str) -> str | None:
    """The source of a formula with which a text begins and which is still open; None when there is none."""
    opener = text[:2]
    if opener not in ("$$", r"\["):
        return None
    lines = text[2:].removesuffix("\n").split("\n")
    if not all(line.strip(" \t") for line in lines[1:]):
        return None
    if any(_closing(line, _CLOSERS[opener], 0, len(line)) >= 0 for line in lines):
        return None
    return opener + "\n".join([lines[0], *(line.lstrip(" \t") for line in lines[1:])])


def _push(token: Token, latex: str, opener: str, *, is_whole: bool) -> None:
    token.content, token.markup = latex, opener
    token.meta = {"is_whole": is_whole}


def _closing(source: str, closer: str, begin: int, end: int) -> int:
    """Where ``closer`` stands without a backslash before it, or -1."""
    at = source.find(closer, begin, end)
    while at >= 0:
        first = at
        while first > begin and source[first - 1] == "\\":
            first -= 1
        if (at - first) % 2 == 0:
            break
        at = source.find(closer, at + 1, end)
    return at


def _draw(self: RendererProtocol, tokens: list[Token], index: int, options: OptionsDict, env: dict[str, object]) -> str:
    token = tokens[index]
    opener, is_block = token.markup, token.type == "formula_block"
    is_display = opener in ("$$", r"\[")
    if not token.meta["is_whole"]:
        head, foot = code.frame(LANGUAGE)
        return f"{head}{escape(opener + token.content, quote=False)}\n{foot}"
    found = mathml(token.content.strip(), is_display=is_display)
    if found is None:
        source = opener + token.content + _CLOSERS[opener]
        return code.block(source + "\n", LANGUAGE) if is_block else f"<code>{escape(source, quote=False)}</code>"
    html, sign_count = found
    if not is_display and sign_count < WIDE_SIGNS:
        return html
    kind = "formula formula-block" if is_display else "formula"
    tag, end = ("div", "\n") if is_block else ("span", "")
    return f'<{tag} class="{kind}" tabindex="0" role="group" aria-label="Formula">{html}</{tag}>{end}'
