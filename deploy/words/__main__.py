"""``python -m deploy.words [--check]``."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator

from deploy.words import bare, catalogues, sources
from deploy.words.catalogues import PLACEHOLDER, Catalogue, Entry

# Names stand in a sentence of the other direction: each is isolated, so that nothing around it turns.
RIGHT_TO_LEFT = {"ar"}
SCRIPT = re.compile(r"\{\w+\}")
ISOLATED = re.compile("\u2068%\\(\\w+\\)s\u2069")


def main() -> int:
    is_check = "--check" in sys.argv[1:]
    problems = list(bare.problems())
    translated: dict[tuple[str, str, str], tuple[str, list[str]]] = {}
    for room, wanted in sources.messages().items():
        for language in catalogues.LANGUAGES:
            path = catalogues.place(room, language)
            known = catalogues.read(path)
            fresh = {key: _entry(message, known.get(key)) for key, message in wanted.items()}
            problems += _problems(f"{path.relative_to(sources.ROOT)}", fresh, language)
            for key, entry in fresh.items():
                told = translated.setdefault((language, *key), (room, entry.forms))
                if told[1] != entry.forms:
                    problems.append(f"{room} and {told[0]} say {key[1]!r} in different words ({language})")
            text, compiled = catalogues.write(fresh, language), catalogues.compiled(fresh, language)
            if is_check:
                problems += _stale(
                    path.relative_to(sources.ROOT).as_posix(), path.read_text() if path.exists() else "", text
                )
                mo = path.with_suffix(".mo")
                problems += _stale(
                    mo.relative_to(sources.ROOT).as_posix(), mo.read_bytes() if mo.exists() else b"", compiled
                )
            else:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text)
                path.with_suffix(".mo").write_bytes(compiled)
    sys.stdout.writelines(f"{problem}\n" for problem in problems)
    return 1 if problems else 0


def _entry(message: sources.Message, known: Entry | None) -> Entry:
    if known is None or known.message.plural != message.plural:
        return Entry(message)
    return Entry(message, known.forms, known.is_fuzzy)


def _stale(name: str, there: object, wanted: object) -> Iterator[str]:
    if there != wanted:
        yield f"{name} is not what the sources say; run `make messages`"


def _problems(name: str, catalogue: Catalogue, language: str) -> Iterator[str]:
    for entry in catalogue.values():
        message = entry.message
        forms = catalogues.forms_in(language) if message.plural else 1
        if entry.is_fuzzy or len(entry.forms) != forms or not all(entry.forms):
            yield f"{name}: {message.text!r} is not translated"
            continue
        wanted = set(PLACEHOLDER.findall(message.text + message.plural))
        for number, form in enumerate(entry.forms):
            has = set(PLACEHOLDER.findall(form))
            # "one" and "two" say their number in words.
            may_lack = message.plural and (number < 3 if forms == 6 else number == 0)
            if has - wanted or (wanted - has and not may_lack):
                yield f"{name}: {message.text!r} has {sorted(wanted)}, its translation {sorted(has)}"
            if sorted(SCRIPT.findall(form)) != sorted(SCRIPT.findall(message.text)):
                yield f"{name}: {message.text!r} and its translation have different values in braces"
            if wanted and re.sub(r"%%|%\(\w+\)s", "", form).count("%"):
                yield f"{name}: {message.text!r}: a percent sign beside placeholders is written twice"
            if sorted(re.findall(r"</?\w+", form)) != sorted(re.findall(r"</?\w+", message.text)) and not may_lack:
                yield f"{name}: {message.text!r} and its translation have different tags"
            outside = re.sub(r"<[^>]*>", "", form)
            if language in RIGHT_TO_LEFT and PLACEHOLDER.search(ISOLATED.sub("", outside)):
                yield f"{name}: {message.text!r}: a placeholder is not isolated (U+2068 … U+2069)"


sys.exit(main())
