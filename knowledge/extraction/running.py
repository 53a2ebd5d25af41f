"""Reading a file without trusting it: the side that asks.

Each thread of this process keeps one reading process (``knowledge.extraction.__main__``) and asks it file by
file. When that one dies or does not answer, it is killed, and the next file gets a new one.
"""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from knowledge.extraction.formats import format_of
from knowledge.extraction.types import SIGN_OF_LIFE, DrawnPage, Extracted, ExtractionError, Limits, Picture

_ROOT = Path(__file__).resolve().parents[2]
_PASSED = ("PATH", "TESSERACT_LANGUAGES", "TESSDATA_PREFIX")
_GRACE_SECONDS = 5.0
_PATIENT = Limits(ocr_seconds=600.0)
_DRAWING = Limits(cpu_seconds=12, wall_seconds=15.0)
_threads = threading.local()


def extract(
    path: Path, name: str, limits: Limits | None = None, *, while_waiting: Callable[[], object] | None = None
) -> Extracted:
    """The text of the file at ``path``, read as its ``name`` says.

    Whoever passes ``while_waiting`` can wait: it is called again and again while a long document of scanned pages is
    read, which then takes up to ten minutes. Without it, pages that take too long are left unread.
    Raises ExtractionError with the reason in words, also when the reader ran out of time or memory or died.
    """
    format_of(name)
    limits = limits or (_PATIENT if while_waiting else Limits())
    answer = _ask({"do": "extract", "path": str(path.resolve()), "name": name}, limits, while_waiting)
    return Extracted.from_json(answer["extracted"])


def draw_page(path: Path, *, page: int, width: int, marked: str = "", nth: int = 0) -> DrawnPage:
    """A page (from 1) of a PDF or picture as it looks, at most 2000 pixels wide, and where ``marked`` stands on it.

    ``marked`` is text as ``extract`` gave it; ``nth`` (from 0) says which one when the page holds it several times.
    A text that is not found, or only in parts, has no rectangles, or those of its parts.
    Raises ExtractionError with a reason.
    """
    request = {"do": "draw", "path": str(path.resolve()), "page": page, "width": width, "marked": marked, "nth": nth}
    return DrawnPage.from_json(_ask(request, _DRAWING)["drawn"])


def shrink_picture(path: Path, sides: Sequence[int]) -> list[Picture]:
    """A picture in sizes of at most these pixels on its longer side, from its pixels alone: what a camera or a program
    wrote beside them (place, time, owner) is left out.

    Raises ExtractionError with a reason.
    """
    request = {"do": "shrink", "path": str(path.resolve()), "sides": list(sides)}
    return [Picture.from_json(one) for one in _ask(request, _DRAWING)["shrunk"]]


def _ask(request: dict[str, Any], limits: Limits, while_waiting: Callable[[], object] | None = None) -> dict[str, Any]:
    """What the reading process answers. Raises ExtractionError when that is a reason, or nothing in time."""
    reader = _reader()
    line = json.dumps({**request, "limits": asdict(limits)}).encode() + b"\n"
    try:
        answer: dict[str, Any] = json.loads(reader.ask(line, limits.wall_seconds + _GRACE_SECONDS, while_waiting))
    except (OSError, ValueError) as error:
        reader.stop()
        raise ExtractionError("Reading it broke the reader.", may_pass=True) from error
    except BaseException:
        reader.stop()  # or its late answer would be taken for the next file's
        raise
    if "reason" in answer:
        raise ExtractionError(answer["reason"], may_pass=answer["may_pass"])
    return answer


class ReadingProcess:
    """One running ``python -m knowledge.extraction``."""

    def __init__(self) -> None:
        self.owner = os.getpid()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "knowledge.extraction"],
            cwd=_ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={
                "LANG": "C.UTF-8",
                "OPENBLAS_NUM_THREADS": "1",
                **{name: os.environ[name] for name in _PASSED if name in os.environ},
            },
            start_new_session=True,
        )

    def is_usable(self) -> bool:
        """Alive, and ours: after a fork the copy of this object must not speak on its parent's pipes."""
        return self.owner == os.getpid() and self._process.poll() is None

    def ask(self, request: bytes, seconds: float, while_waiting: Callable[[], object] | None = None) -> bytes:
        """Send one line and wait for one. Raises OSError when the process dies or is silent for ``seconds``."""
        assert self._process.stdin and self._process.stdout
        self._process.stdin.write(request)
        self._process.stdin.flush()
        pieces: list[bytes] = []
        until = time.monotonic() + seconds
        with selectors.DefaultSelector() as waiting:
            waiting.register(self._process.stdout, selectors.EVENT_READ)
            while not (pieces and pieces[-1].endswith(b"\n")):
                if not waiting.select(max(0.0, until - time.monotonic())):
                    raise TimeoutError("The reading process does not answer.")
                piece = os.read(self._process.stdout.fileno(), 1 << 20)
                if not piece:
                    raise BrokenPipeError("The reading process died.")
                if pieces or piece.strip(SIGN_OF_LIFE):
                    pieces.append(piece)
                    continue
                until = time.monotonic() + seconds
                if while_waiting:
                    while_waiting()
        return b"".join(pieces)

    def stop(self) -> None:
        if self.owner != os.getpid():
            return
        with contextlib.suppress(OSError):
            self._process.kill()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe:
                with contextlib.suppress(OSError):
                    pipe.close()
        self._process.wait()

    def __del__(self) -> None:
        self.stop()


def _reader() -> ReadingProcess:
    reader: ReadingProcess | None = getattr(_threads, "reader", None)
    if reader is None or not reader.is_usable():
        reader = _threads.reader = ReadingProcess()
    return reader
