"""What is said to people, as the sources have it.

Three things are looked for: ``{% translate %}``, ``{% blocktranslate %}`` and ``_("…")`` in templates; gettext's
functions in Python; and, under the context "said", the sentences of errors and of what workers write down. Those stay
English in code, database and interfaces for programs; app.web.saying translates them where a person reads them.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from django.template.base import Lexer, Token, TokenType
from django.utils.text import smart_split
from django.utils.translation import trim_whitespace

ROOT = Path(__file__).resolve().parent.parent.parent
ROOMS = ("accounts", "moderation", "knowledge", "chat", "app")
# Templates of a room lie in a folder of its name; all others belong to the roof.
FOLDERS = dict.fromkeys(("accounts", "account", "allauth", "mfa", "socialaccount"), "accounts") | {
    room: room for room in ("moderation", "knowledge", "chat")
}
SAID = "said"

# What programs and operators read is English: no page shows it.
FOR_PROGRAMS = re.compile(
    r"/(migrations|management|demo|embedded|openai|socket|serving|weights|calling|asides|routing|api|scim|ldap)/"
    r"|/auditing/(keys|keeping|witnesses|sealing|verifying|rows)\.py$"
    r"|/(api|schemas|usage_api|refusals|bodies|authentication|ownership|audit|audit_chain|environment|registry|valkey)\.py$"
    r"|accounts/(signing_in/providers|people/(api|groups_api)|programs/api)\.py$"
)
# Files whose sentences reach people by way of a row that a worker wrote, or of a report.
WRITTEN_DOWN = re.compile(
    r"^(knowledge/(extraction|connectors|fetching|quality|syncs|publication|versions\.py|ingestion\.py|sources\.py|many\.py)"
    r"|knowledge/keeping/asking_again\.py|moderation/(review/cases|screening/judging)\.py|chat/writing|app/inference/watching"
    r"|app/operations/pool/state\.py)"
)
SENTENCE = re.compile(r"^(?:[A-Z“]|%\().*\s.*[.?!…]$", re.S)
# What an error says to people; others ("`by` is one of …", "not connected") are for programs and logs.
SAYING = re.compile(r"[A-Z“]|%\(")
# Words that a model server, or the search, is asked on trial.
ASKED = ("Say yes.", "Does it answer?", "What is new here?")

SINGULAR = {"gettext", "gettext_lazy", "gettext_noop", "_"}
PLURAL = {"ngettext", "ngettext_lazy"}
CONTEXTUAL = {"pgettext", "pgettext_lazy"}


@dataclass
class Message:
    """One thing to translate. ``plural`` and ``context`` are empty where there is none."""

    text: str
    plural: str = ""
    context: str = ""
    places: set[str] = field(default_factory=set)

    @property
    def key(self) -> tuple[str, str]:
        return self.context, self.text


def room_of(path: Path) -> str:
    """Whose catalogue the words of a file belong to."""
    first, second = path.parts[:2]
    return FOLDERS.get(second, "app") if first == "templates" else first


def messages() -> dict[str, dict[tuple[str, str], Message]]:
    """Every message of every room."""
    found: dict[str, dict[tuple[str, str], Message]] = {room: {} for room in ROOMS}
    for path in files():
        for message in _of(path):
            known = found[room_of(path)].setdefault(message.key, message)
            known.plural = known.plural or message.plural
            known.places.add(path.as_posix())
    return found


def files() -> Iterator[Path]:
    """Templates and modules, relative to the root."""
    for path in sorted((ROOT / "templates").rglob("*")):
        if path.suffix in (".html", ".txt"):
            yield path.relative_to(ROOT)
    for room in ROOMS:
        for path in sorted((ROOT / room).rglob("*.py")):
            if not re.search(r"/(migrations|demo|embedded|formats)/", path.as_posix()):
                yield path.relative_to(ROOT)


def _of(path: Path) -> Iterator[Message]:
    text = (ROOT / path).read_text()
    return _of_template(text) if path.suffix in (".html", ".txt") else _of_module(path, text)


# Templates


def _of_template(text: str) -> Iterator[Message]:
    tokens = iter(Lexer(text).tokenize())
    for token in tokens:
        if token.token_type not in (TokenType.BLOCK, TokenType.VAR):
            continue
        bits = list(smart_split(token.contents))
        if token.token_type == TokenType.BLOCK and bits[0] == "comment":
            for inner in tokens:
                if inner.contents == "endcomment":
                    break
            continue
        for constant in re.findall(r"""_\(("[^"]*"|'[^']*')\)""", token.contents):
            yield Message(_unquoted(constant))
        if token.token_type == TokenType.VAR:
            continue
        if bits[0] in ("translate", "trans") and bits[1][0] in "\"'":
            context = _unquoted(bits[bits.index("context") + 1]) if "context" in bits else ""
            yield Message(_unquoted(bits[1]), context=context)
        elif bits[0] in ("blocktranslate", "blocktrans"):
            yield _block(bits, tokens)


def _unquoted(constant: str) -> str:
    return constant[1:-1].replace("%", "%%")


def _block(bits: list[str], tokens: Iterator[Token]) -> Message:
    parts = [""]
    for token in tokens:
        if token.token_type == TokenType.VAR:
            parts[-1] += f"%({token.contents})s"
        elif token.token_type == TokenType.TEXT:
            parts[-1] += token.contents.replace("%", "%%")
        elif token.contents == "plural":
            parts.append("")
        else:
            break
    if "trimmed" in bits:
        parts = [trim_whitespace(part) for part in parts]
    context = _unquoted(bits[bits.index("context") + 1]) if "context" in bits else ""
    return Message(parts[0], plural=parts[1] if len(parts) > 1 else "", context=context)


# Modules


def _of_module(path: Path, text: str) -> Iterator[Message]:
    tree = ast.parse(text)
    is_for_programs = FOR_PROGRAMS.search("/" + path.as_posix()) is not None
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield from _marked(node)
            name = _name(node.func)
            if not is_for_programs and name.endswith("Error") and name not in BUILTIN and node.args:
                yield from _said(node.args[0])
        elif isinstance(node, ast.ClassDef) and node.name.endswith("Error") and not is_for_programs:
            for line in node.body:
                if isinstance(line, ast.Assign) and _name(line.targets[0]) == "message":
                    yield from _said(line.value)
    if WRITTEN_DOWN.search(path.as_posix()) and not is_for_programs:
        yield from _sentences(tree)


BUILTIN = {
    "OSError",
    "TimeoutError",
    "ConnectionError",
    "BrokenPipeError",
    "AssertionError",
    "LookupError",
    "HttpError",
}


def _name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def _marked(node: ast.Call) -> Iterator[Message]:
    name = _name(node.func)
    texts = [arg.value if isinstance(arg, ast.Constant) else None for arg in node.args]
    if not texts or not isinstance(texts[0], str):
        return
    if name in SINGULAR:
        yield Message(texts[0])
    elif name in PLURAL and isinstance(texts[1], str):
        yield Message(texts[0], plural=texts[1])
    elif name in CONTEXTUAL and isinstance(texts[1], str):
        yield Message(texts[1], context=texts[0])


def _said(node: ast.expr) -> Iterator[Message]:
    """The texts an expression can be: a string, one with values in it, or one of two."""
    if isinstance(node, ast.IfExp):
        yield from _said(node.body)
        yield from _said(node.orelse)
    elif (text := _text(node)) and SAYING.match(text) and _has_words(text):
        yield Message(text, context=SAID)


def _text(node: ast.expr) -> str:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value.replace("%", "%%")
    if not isinstance(node, ast.JoinedStr):
        return ""
    names: list[str] = []
    parts = []
    for part in node.values:
        if isinstance(part, ast.Constant):
            parts.append(str(part.value).replace("%", "%%"))
        elif isinstance(part, ast.FormattedValue):
            names.append(_placeholder(part.value, names))
            parts.append(f"%({names[-1]})s")
    return "".join(parts)


def _placeholder(node: ast.expr, taken: list[str]) -> str:
    """A name for a value, by what it is called in the source."""
    named = [_name(part) for part in ast.walk(node) if isinstance(part, (ast.Name, ast.Attribute))]
    name = next((one.lower() for one in named if one and one not in ("len", "str", "join", "sorted", "round")), "value")
    name = name.strip("_") or "value"
    number = 2
    while name in taken:
        name = f"{name.rstrip('0123456789')}{number}"
        number += 1
    return name


def _sentences(tree: ast.Module) -> Iterator[Message]:
    """Every text that reads as a sentence, docstrings, log lines and words for developers left out."""
    left_out: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            left_out.add(id(node.value))
        elif isinstance(node, ast.JoinedStr):
            left_out |= {id(part) for part in node.values}
        elif isinstance(node, ast.Call) and _is_no_sentence(node.func):
            left_out |= {id(arg) for arg in node.args}
        elif isinstance(node, ast.keyword) and node.arg in ("help_text", "description", "title"):
            left_out.add(id(node.value))
    for node in ast.walk(tree):
        if isinstance(node, (ast.Constant, ast.JoinedStr)) and id(node) not in left_out:
            text = _text(node)
            if SENTENCE.match(text) and "\n" not in text and _has_words(text) and text not in ASKED:
                yield Message(text, context=SAID)


def _is_no_sentence(function: ast.expr) -> bool:
    """Whether what is called takes words for the log, or is gettext's own."""
    is_log = ast.unparse(function).startswith(("log.", "logger."))
    return is_log or _name(function) in SINGULAR | PLURAL | CONTEXTUAL


def _has_words(text: str) -> bool:
    """Enough of its own to be known again by."""
    return len(re.findall(r"[A-Za-z]{2,}", re.sub(r"%\(\w+\)s", "", text))) >= 2
