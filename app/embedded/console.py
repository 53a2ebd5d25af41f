"""What the parts say: each line on the terminal behind its part's name, and in a log file of the part's own."""

import contextlib
import logging
import os
import sys
from collections import deque
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import TextIO

_COLOURS = (36, 33, 32, 35, 34, 96, 93, 92, 95, 94)
_FILE_BYTES = 5_000_000
_FILES_KEPT = 3
_LINES_REMEMBERED = 12
_LONGEST_LINE = 16_000


class Console:
    """Writes lines to the terminal and to ``logs/NAME.log``, and remembers the last ones of each part."""

    def __init__(self, logs: Path, *, terminal: TextIO = sys.stdout, width: int = 8) -> None:
        self._logs = logs
        self._terminal = terminal
        self._width = width
        self._coloured = terminal.isatty() and "NO_COLOR" not in os.environ
        self._files: dict[str, logging.Logger] = {}
        self._last: dict[str, deque[str]] = {}

    def line(self, name: str, text: str, *, quiet: bool = False) -> None:
        """A line that the part `name` wrote; a quiet one is only filed."""
        text = text[:_LONGEST_LINE]
        self._file(name).info("%s", text)
        self._last.setdefault(name, deque(maxlen=_LINES_REMEMBERED)).append(text)
        if quiet:
            return
        label = f"{name:<{self._width}} |"
        if self._coloured:
            colour = _COLOURS[list(self._files).index(name) % len(_COLOURS)]
            label = f"\x1b[{colour}m{label}\x1b[0m"
        self._print(f"{label} {text}")

    def say(self, text: str) -> None:
        """A line of the supervisor's own."""
        self._file("parley").info("%s", text)
        self._print(f"\x1b[1m{text}\x1b[0m" if self._coloured else text)

    def last_lines(self, name: str) -> list[str]:
        return list(self._last.get(name, ()))

    def _print(self, text: str) -> None:
        # The terminal may be gone (closed window, ended pipe); the files still have every line.
        with contextlib.suppress(OSError, ValueError):
            self._terminal.write(text + "\n")
            self._terminal.flush()

    def _file(self, name: str) -> logging.Logger:
        if name not in self._files:
            path = self._logs / f"{name}.log"
            handler = RotatingFileHandler(path, maxBytes=_FILE_BYTES, backupCount=_FILES_KEPT, encoding="utf-8")
            handler.setFormatter(logging.Formatter("{asctime} {message}", style="{"))
            log = logging.Logger(name)  # not of the logging tree: nobody else's settings apply
            log.addHandler(handler)
            self._files[name] = log
        return self._files[name]
