"""What was fetched while looking for links, kept on disk until it is read."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

_PIECE = 1 << 16
MOST_BYTES = 2_000_000_000


class Bodies:
    """A temporary folder of bodies by key. Past ``MOST_BYTES`` no more are kept: those must be fetched again."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="parley-web-")
        self._files: dict[str, Path] = {}
        self._bytes = self._number = 0

    def keep(self, key: str, pieces: Iterable[bytes]) -> None:
        """Write a body. When ``pieces`` raises, nothing is kept."""
        if self._bytes > MOST_BYTES:
            return
        self._number += 1
        path = Path(self._folder.name) / str(self._number)
        try:
            with path.open("wb") as file:
                for piece in pieces:
                    file.write(piece)
                    self._bytes += len(piece)
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        self._files[key] = path

    def take(self, key: str) -> Iterator[bytes] | None:
        """The body, once; None when it is not here."""
        path = self._files.pop(key, None)
        return _read_out(path) if path else None

    def close(self) -> None:
        self._folder.cleanup()


def _read_out(path: Path) -> Iterator[bytes]:
    try:
        with path.open("rb") as file:
            while piece := file.read(_PIECE):
                yield piece
    finally:
        path.unlink(missing_ok=True)
