"""Which fonts a PDF is set in: those of this machine, since Parley brings none.

A family with the letters of Latin, Greek and Cyrillic is looked for in the usual folders, and for what it lacks any
other font that has it. Where no font has a letter a box stands for it, and the file says so at its end. Without any
fonts a PDF reader's own are used, which have the letters of western Europe alone.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from django.conf import settings
from fontTools.ttLib import TTFont, TTLibError

# Families in order of preference: regular, bold, italic, and one of fixed width.
FAMILIES = [
    ("DejaVuSans.ttf", "DejaVuSans-Bold.ttf", "DejaVuSans-Oblique.ttf", "DejaVuSansMono.ttf"),
    ("NotoSans-Regular.ttf", "NotoSans-Bold.ttf", "NotoSans-Italic.ttf", "NotoSansMono-Regular.ttf"),
    (
        "LiberationSans-Regular.ttf",
        "LiberationSans-Bold.ttf",
        "LiberationSans-Italic.ttf",
        "LiberationMono-Regular.ttf",
    ),
    ("Arial.ttf", "Arial Bold.ttf", "Arial Italic.ttf", "Courier New.ttf"),
]
KINDS = {".ttf", ".otf"}
MISSING = "□"
CORE_ENCODING = "windows-1252"


@dataclass(frozen=True)
class Family:
    """The files of a family; none of the italic or fixed one where the machine has not got it."""

    regular: Path
    bold: Path
    italic: Path
    mono: Path


@dataclass
class Coverage:
    """What can be set, and what could not: ``fit`` puts a box in the place of each letter that has no font."""

    letters: frozenset[int] | None  # None: the reader's own fonts
    missed: set[str] = field(default_factory=set)

    def fit(self, text: str) -> str:
        return "".join(map(self._fit, text))

    def _fit(self, letter: str) -> str:
        if letter in "\n\t " or self._has(letter):
            return letter
        if unicodedata.category(letter) in ("Cf", "Mn", "Me", "Zs"):
            return " " if unicodedata.category(letter) == "Zs" else ""
        self.missed.add(letter)
        return MISSING if self._has(MISSING) else "?"

    def _has(self, letter: str) -> bool:
        if self.letters is not None:
            return ord(letter) in self.letters
        try:
            return bool(letter.encode(CORE_ENCODING))
        except UnicodeEncodeError:
            return False


@cache
def files() -> dict[str, Path]:
    """The fonts of this machine by file name; of two with the same name the first."""
    found: dict[str, Path] = {}
    for folder in settings.FONT_FOLDERS:
        if Path(folder).is_dir():
            for path in sorted(Path(folder).rglob("*")):
                if path.suffix.lower() in KINDS:
                    found.setdefault(path.name, path)
    return found


def find_family() -> Family | None:
    for regular, bold, italic, mono in FAMILIES:
        if first := files().get(regular):
            return Family(first, *(files().get(name, first) for name in (bold, italic, mono)))
    return None


@cache
def letters_of(path: Path) -> frozenset[int]:
    """The letters that a font has; none of a file that cannot be read."""
    try:
        with TTFont(path, lazy=True) as font:
            return frozenset(font.getBestCmap() or {})
    except (OSError, TTLibError, AssertionError):
        return frozenset()


def others_for(text: str, known: frozenset[int]) -> list[Path]:
    """As few other fonts as have all of the letters of ``text`` that are not ``known``, as far as any has them."""
    needed = {ord(letter) for letter in text} - known - set(range(33))
    chosen: list[Path] = []
    for path in sorted(files().values(), key=lambda path: ("Regular" not in path.stem, path.name)):
        if not needed:
            break
        if needed & letters_of(path):
            chosen.append(path)
            needed -= letters_of(path)
    return chosen
