"""Catalogues as files: .po as people translate them, .mo as Django reads them."""

from __future__ import annotations

import ast
import re
import struct
from dataclasses import dataclass, field
from pathlib import Path

from deploy.words.sources import ROOT, Message

PLURALS = {
    "de": "nplurals=2; plural=(n != 1);",
    # Word for word as Django's own, so that both are one catalogue to it.
    "ar": "nplurals=6; plural=n==0 ? 0 : n==1 ? 1 : n==2 ? 2 : n%100>=3 "
    "&& n%100<=10 ? 3 : n%100>=11 && n%100<=99 ? 4 : 5;",
}
LANGUAGES = tuple(PLURALS)
PLACEHOLDER = re.compile(r"%\((\w+)\)s")


@dataclass
class Entry:
    """A message and what it is in one language: one form, or one for each plural."""

    message: Message
    forms: list[str] = field(default_factory=list)
    is_fuzzy: bool = False


Catalogue = dict[tuple[str, str], Entry]


def forms_in(language: str) -> int:
    return int(PLURALS[language][len("nplurals=") :].split(";")[0])


def place(room: str, language: str, suffix: str = ".po") -> Path:
    return ROOT / room / "locale" / language / "LC_MESSAGES" / f"django{suffix}"


def read(path: Path) -> Catalogue:
    """A .po file; an absent one is empty."""
    catalogue: Catalogue = {}
    if not path.exists():
        return catalogue
    for block in re.split(r"\n\s*\n", path.read_text()):
        fields: dict[str, str] = {}
        current, is_fuzzy = "", False
        for line in block.splitlines():
            if line.startswith("#"):
                is_fuzzy = is_fuzzy or (line.startswith("#,") and "fuzzy" in line)
            elif found := re.match(r'(msg\w+(?:\[\d\])?)\s+(".*")$', line):
                current = found[1]
                fields[current] = ast.literal_eval(found[2])
            elif line.startswith('"'):
                fields[current] += ast.literal_eval(line)
        if fields.get("msgid"):
            message = Message(fields["msgid"], fields.get("msgid_plural", ""), fields.get("msgctxt", ""))
            forms = [text for name, text in sorted(fields.items()) if name.startswith("msgstr")]
            catalogue[message.key] = Entry(message, forms, is_fuzzy)
    return catalogue


def write(catalogue: Catalogue, language: str) -> str:
    """The text of a .po file: by message, so that two changes seldom meet on a line."""
    header = f'msgid ""\nmsgstr ""\n"Language: {language}\\n"\n"MIME-Version: 1.0\\n"\n'
    header += '"Content-Type: text/plain; charset=UTF-8\\n"\n"Content-Transfer-Encoding: 8bit\\n"\n'
    blocks = [header + f'"Plural-Forms: {PLURALS[language]}\\n"']
    for _key, entry in sorted(catalogue.items(), key=lambda one: (one[0][1].lower(), one[0][1], one[0][0])):
        message = entry.message
        lines = [f"#: {one}" for one in sorted(message.places)]
        if PLACEHOLDER.search(message.text):
            lines.append("#, python-format")
        if message.context:
            lines.append(f"msgctxt {_quoted(message.context)}")
        lines.append(f"msgid {_quoted(message.text)}")
        if message.plural:
            lines.append(f"msgid_plural {_quoted(message.plural)}")
            lines += [f"msgstr[{number}] {_quoted(form)}" for number, form in enumerate(entry.forms)]
        else:
            lines.append(f"msgstr {_quoted(entry.forms[0] if entry.forms else '')}")
        blocks.append("\n".join(lines))
    return "\n\n".join(blocks) + "\n"


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


def compiled(catalogue: Catalogue, language: str) -> bytes:
    """The bytes of a .mo file, as the GNU gettext manual describes it ("The Format of GNU MO Files")."""
    texts = {"": f"Content-Type: text/plain; charset=UTF-8\nPlural-Forms: {PLURALS[language]}\nLanguage: {language}\n"}
    for entry in catalogue.values():
        if entry.is_fuzzy or not entry.forms or not all(entry.forms):
            continue
        message = entry.message
        name = f"{message.context}\x04{message.text}" if message.context else message.text
        texts[f"{name}\x00{message.plural}" if message.plural else name] = "\x00".join(entry.forms)
    pairs = sorted((name.encode(), text.encode()) for name, text in texts.items())
    count = len(pairs)
    at = 28 + 16 * count
    tables: list[bytes] = []
    body = b""
    for column in (0, 1):
        for pair in pairs:
            tables.append(struct.pack("<II", len(pair[column]), at + len(body)))
            body += pair[column] + b"\x00"
    return struct.pack("<7I", 0x950412DE, 0, count, 28, 28 + 8 * count, 0, 0) + b"".join(tables) + body
