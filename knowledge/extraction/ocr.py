"""Text in pictures, by Tesseract where it is installed.

Tesseract is the one program that the confined process may start, with one fixed command line: the picture goes
in through a pipe, words with their confidence come out through another, and nothing is written. It is limited
like the fork that starts it and ends with it. How long the pictures of one document may take together is
limited as well; what is left then is named as unread.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

from knowledge.extraction.types import ExtractionError, Limits

if TYPE_CHECKING:
    from PIL import Image

MISSING = "which is not installed on Parley's machine"
_LANGUAGES = re.compile(r"[A-Za-z_]{3,20}(?:\+[A-Za-z_]{3,20})*")
_PAGE_SECONDS = 20.0
_SMALL, _LARGE = 1200, 3600
_LEVEL, _WORD_LEVEL, _COLUMNS = 0, "5", 12


@dataclass(frozen=True)
class Program:
    """The one command line and environment with which Tesseract is started."""

    command: tuple[str, ...]
    environment: tuple[tuple[str, str], ...]

    def allows(self, arguments: tuple[object, ...]) -> bool:
        """Whether this is what ``subprocess.Popen`` is about to start, as the audit event tells it."""
        executable, command, _, environment = arguments
        return (
            executable == self.command[0]
            and tuple(command) == self.command  # type: ignore[arg-type]
            and environment == dict(self.environment)
        )


@dataclass(frozen=True)
class Word:
    """A word with its box in pixels from the left upper corner, its confidence from 0 to 100, and where it belongs."""

    text: str
    left: int
    top: int
    right: int
    bottom: int
    confidence: float
    line: tuple[int, int, int]


def find_program() -> Program | None:
    """Tesseract on PATH, to read the languages of TESSERACT_LANGUAGES (``eng+deu``; English unless told)."""
    found = shutil.which("tesseract")
    if not found:
        return None
    languages = os.environ.get("TESSERACT_LANGUAGES", "")
    if not _LANGUAGES.fullmatch(languages):
        languages = "eng"
    command = (found, "stdin", "stdout", "-l", languages, "--psm", "3", "-c", "tessedit_create_tsv=1")
    environment = {"LANG": "C.UTF-8", "OMP_THREAD_LIMIT": "1"}
    if data := os.environ.get("TESSDATA_PREFIX"):
        environment["TESSDATA_PREFIX"] = data
    return Program(command, tuple(environment.items()))


@dataclass
class Surroundings:
    """What the process that reads knows about Tesseract: set once, before it is confined and after each fork."""

    program: Program | None = None
    before_start: Callable[[], None] | None = None
    still_working: Callable[[], object] | None = None


SURROUNDINGS = Surroundings()


class Ocr:
    """Reads the pictures of one document, as long as its time lasts."""

    def __init__(self, limits: Limits) -> None:
        self.program = SURROUNDINGS.program
        self._until = time.monotonic() + limits.ocr_seconds
        self._certain = 0.0
        self._letters = 0

    @property
    def is_there(self) -> bool:
        return self.program is not None

    @property
    def has_time(self) -> bool:
        return time.monotonic() < self._until

    @property
    def confidence(self) -> float | None:
        """From 0 to 100 over all words so far, weighed by their length; None when there were none."""
        return round(self._certain / self._letters, 1) if self._letters else None

    def words(self, picture: Image.Image) -> list[Word] | None:
        """The words in a picture in the order of reading; None when it took too long or broke Tesseract."""
        assert self.program
        if SURROUNDINGS.still_working:
            SURROUNDINGS.still_working()
        picture, scale = _prepared(picture)
        sent = b"P5\n%d %d\n255\n" % picture.size + picture.tobytes()
        try:
            done = subprocess.run(
                list(self.program.command),
                input=sent,
                capture_output=True,
                env=dict(self.program.environment),
                timeout=min(_PAGE_SECONDS, max(self._until - time.monotonic(), 0.5)),
                preexec_fn=SURROUNDINGS.before_start,
            )
        except (subprocess.TimeoutExpired, OSError):
            return None
        if done.returncode:
            if b"language" in done.stderr or b"traineddata" in done.stderr:
                languages = self.program.command[4]
                raise ExtractionError(f"Tesseract has no data on Parley's machine for the languages “{languages}”.")
            return None
        words = list(_words(done.stdout.decode(errors="replace"), scale))
        self._certain += sum(word.confidence * len(word.text) for word in words)
        self._letters += sum(len(word.text) for word in words)
        return words


def _prepared(picture: Image.Image) -> tuple[Image.Image, float]:
    """In grey on white and at a size at which Tesseract reads well, and how much larger that is."""
    longest = max(picture.size)
    scale = 2.0 if longest < _SMALL else min(_LARGE / longest, 1.0)
    is_clear = picture.mode in ("RGBA", "LA", "PA") or "transparency" in picture.info
    picture = picture.convert("RGBA" if is_clear else "L")
    if scale != 1.0:
        picture = picture.resize((max(round(picture.width * scale), 1), max(round(picture.height * scale), 1)))
    if is_clear:
        from PIL import Image

        picture = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture).convert("L")
    return picture, scale


def _words(table: str, scale: float) -> Iterator[Word]:
    for row in table.splitlines():
        values = row.split("\t")
        if len(values) != _COLUMNS or values[_LEVEL] != _WORD_LEVEL or not values[11].strip():
            continue
        left, top, width, height = (int(value) for value in values[6:10])
        yield Word(
            text=values[11].strip(),
            left=round(left / scale),
            top=round(top / scale),
            right=round((left + width) / scale),
            bottom=round((top + height) / scale),
            confidence=max(float(values[10]), 0.0),
            line=(int(values[2]), int(values[3]), int(values[4])),
        )


def paragraphs(words: list[Word]) -> list[str]:
    """Words as paragraphs, each one line; a word cut at the end of a line is joined."""
    found: list[str] = []
    for _, group in groupby(words, key=lambda word: word.line[:2]):
        lines = [" ".join(word.text for word in line) for _, line in groupby(group, key=lambda word: word.line)]
        text = " ".join(lines)
        found.append(re.sub(r"(?<=[^\W\d_])- (?=[a-zäöüß])", "", text))
    return found
