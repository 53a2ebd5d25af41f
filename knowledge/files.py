"""Where the bytes of documents lie: under the files folder, named by their SHA-256, never by what people call
them.

The same bytes are kept once. A file appears whole or not at all: it is written beside its place and renamed.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from django.conf import settings

from knowledge.errors import TooLargeError

_PIECE = 1 << 20


@dataclass(frozen=True)
class StoredFile:
    """Bytes on disk. ``place`` is the path below the files folder."""

    sha256: str
    size_bytes: int
    place: str


class Draft:
    """Bytes that arrived and are not kept yet; used as a context, which removes what was not kept."""

    def __init__(self, pieces: Iterable[bytes], most_bytes: int | None = None) -> None:
        """Write the bytes piece by piece; at no time are they all in memory. Raises TooLargeError past
        ``most_bytes`` (else UPLOAD_MAX_BYTES), and what ``pieces`` raises."""
        most = settings.UPLOAD_MAX_BYTES if most_bytes is None else most_bytes
        drafts = Path(settings.FILES_ROOT) / "drafts"
        drafts.mkdir(parents=True, exist_ok=True, mode=0o750)
        handle, path = tempfile.mkstemp(dir=drafts)
        self._path, self.size_bytes = Path(path), 0
        digest = hashlib.sha256()
        try:
            with os.fdopen(handle, "wb") as file:
                for piece in pieces:
                    self.size_bytes += len(piece)
                    if self.size_bytes > most:
                        raise TooLargeError(f"Files may have at most {_megabytes(most)}.")
                    digest.update(piece)
                    file.write(piece)
        except BaseException:
            self.discard()
            raise
        self.sha256 = digest.hexdigest()

    @property
    def path(self) -> Path:
        """Where the bytes lie until then; nobody else may read them (mode 600)."""
        return self._path

    def keep(self, below: str = "") -> StoredFile:
        """Put the bytes in their place for good. ``below`` is a folder apart, where they meet no others."""
        stored = StoredFile(self.sha256, self.size_bytes, below + _place(self.sha256))
        target = path_of(stored.place)
        if not target.exists():
            with self._path.open("rb") as file:
                os.fsync(file.fileno())
            target.parent.mkdir(parents=True, exist_ok=True, mode=0o750)
            self._path.replace(target)
        return stored

    def discard(self) -> None:
        with contextlib.suppress(FileNotFoundError):
            self._path.unlink()

    def __enter__(self) -> Draft:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.discard()


def keep(pieces: Iterable[bytes]) -> StoredFile:
    """Write the bytes and keep them. Raises as ``Draft``."""
    with Draft(pieces) as draft:
        return draft.keep()


def stored_already(sha256: str) -> StoredFile:
    """Bytes that are kept, by their SHA-256. Raises FileNotFoundError when they are not."""
    place = _place(sha256)
    return StoredFile(sha256, path_of(place).stat().st_size, place)


def pieces_of(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            yield piece


def digest_of(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def path_of(place: str) -> Path:
    return Path(settings.FILES_ROOT) / place


def _megabytes(size: int) -> str:
    return f"{size // 1_000_000} MB" if size >= 1_000_000 else f"{size:,} bytes"


def _place(sha256: str) -> str:
    return f"{sha256[:2]}/{sha256[2:4]}/{sha256}"
