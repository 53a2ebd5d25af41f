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
from dataclasses import asdict
from pathlib import Path

from knowledge.extraction.formats import format_of
from knowledge.extraction.types import Extracted, ExtractionError, Limits

_ROOT = Path(__file__).resolve().parents[2]
_GRACE_SECONDS = 5.0
_threads = threading.local()


def extract(path: Path, name: str, limits: Limits | None = None) -> Extracted:
    """The text of the file at ``path``, read as its ``name`` says.

    Raises ExtractionError with the reason in words, also when the reader ran out of time or memory or died.
    """
    limits = limits or Limits()
    format_of(name)
    reader = _reader()
    request = json.dumps({"path": str(path.resolve()), "name": name, "limits": asdict(limits)}).encode() + b"\n"
    try:
        answer = json.loads(reader.ask(request, limits.wall_seconds + _GRACE_SECONDS))
    except (OSError, ValueError) as error:
        reader.stop()
        raise ExtractionError("Reading it broke the reader.", may_pass=True) from error
    if "extracted" not in answer:
        raise ExtractionError(answer["reason"], may_pass=answer["may_pass"])
    return Extracted.from_json(answer["extracted"])


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
            env={"PATH": os.environ.get("PATH", ""), "LANG": "C.UTF-8", "OPENBLAS_NUM_THREADS": "1"},
            start_new_session=True,
        )

    def is_usable(self) -> bool:
        """Alive, and ours: after a fork the copy of this object must not speak on its parent's pipes."""
        return self.owner == os.getpid() and self._process.poll() is None

    def ask(self, request: bytes, seconds: float) -> bytes:
        """Send one line and wait for one. Raises OSError when the process dies or does not answer in time."""
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
                pieces.append(piece)
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
