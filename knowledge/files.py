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

from django.conf import settings

from knowledge.errors import TooLargeError

_PIECE = 1 << 20


@dataclass(frozen=True)
class StoredFile:
    """Bytes on disk. ``place`` is the path below the files folder."""

    sha256: str
    size_bytes: int
    place: str


def keep(pieces: Iterable[bytes]) -> StoredFile:
    """Write the bytes piece by piece; at no time are they all in memory. Raises TooLargeError past UPLOAD_MAX_BYTES."""
    root = Path(settings.FILES_ROOT)
    drafts = root / "drafts"
    drafts.mkdir(parents=True, exist_ok=True, mode=0o750)
    handle, draft = tempfile.mkstemp(dir=drafts)
    digest, size = hashlib.sha256(), 0
    try:
        with os.fdopen(handle, "wb") as file:
            for piece in pieces:
                size += len(piece)
                if size > settings.UPLOAD_MAX_BYTES:
                    raise TooLargeError(f"Files may have at most {settings.UPLOAD_MAX_BYTES // 1_000_000} MB.")
                digest.update(piece)
                file.write(piece)
            file.flush()
            os.fsync(file.fileno())
        name = digest.hexdigest()
        place = f"{name[:2]}/{name[2:4]}/{name}"
        (root / place).parent.mkdir(parents=True, exist_ok=True, mode=0o750)
        Path(draft).replace(root / place)
    finally:
        with contextlib.suppress(FileNotFoundError):
            Path(draft).unlink()
    return StoredFile(name, size, place)


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
