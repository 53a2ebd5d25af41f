"""One fetched commit: its pack in a temporary folder, and what a confined process takes out of it."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from django.conf import settings

from knowledge.connectors.base import ItemError, SourceUnreachableError
from knowledge.connectors.git.remote import Remote

Entry = tuple[str, str, str]
"""Path below the subfolder, blob id, and what it is (see ``unpacking``)."""

_ROOT = Path(__file__).resolve().parents[3]
_PIECE = 1 << 16
_MEMORY = 700_000_000
_SECONDS = 300


class Fetched:
    """The files of one commit. Close it: it fills disk."""

    def __init__(self, remote: Remote, commit: str) -> None:
        self._commit = commit
        self._folder = tempfile.TemporaryDirectory(prefix="parley-git-")
        try:
            remote.fetch(commit, self._path("fetched.pack"))
        except BaseException:
            self._folder.cleanup()
            raise

    def listing(self, subfolder: str) -> list[Entry]:
        """Everything below a subfolder, in order. Raises SourceUnreachableError."""
        self._unpack({"commit": self._commit, "subfolder": subfolder})
        return [(path, blob, kind) for path, blob, kind in json.loads(self._path("listing.json").read_text())]

    def unpack(self, blobs: Iterable[str]) -> None:
        """Write these blobs out, so that they can be read."""
        self._unpack({"blobs": sorted(set(blobs))})

    def read(self, blob: str) -> Iterator[bytes]:
        """A blob's bytes, unpacked now if they were not before. Raises ItemError."""
        if not self._has(blob):
            self.unpack([blob])
        if self._path(f"blobs/{blob}.large").exists():
            raise ItemError(f"It is larger than {settings.UPLOAD_MAX_BYTES // 1_000_000} MB.")
        path = self._path(f"blobs/{blob}")
        if not path.exists():
            raise ItemError("The repository does not hold what this file should be.")
        with path.open("rb") as file:
            while piece := file.read(_PIECE):
                yield piece

    def close(self) -> None:
        self._folder.cleanup()

    def _has(self, blob: str) -> bool:
        return self._path(f"blobs/{blob}").exists() or self._path(f"blobs/{blob}.large").exists()

    def _path(self, name: str) -> Path:
        return Path(self._folder.name) / name

    def _unpack(self, task: dict[str, object]) -> None:
        size = self._path("fetched.pack").stat().st_size
        limits = {"memory": _MEMORY + 2 * size, "seconds": _SECONDS, "largest": settings.UPLOAD_MAX_BYTES}
        limits["largest_written"] = max(settings.UPLOAD_MAX_BYTES, 200_000_000)
        request = json.dumps({"folder": self._folder.name} | limits | task)
        try:
            ended = subprocess.run(
                [sys.executable, "-m", "knowledge.connectors.git.unpacking"],
                input=request.encode(),
                cwd=_ROOT,
                env={"LANG": "C.UTF-8"},
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                timeout=2 * _SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise SourceUnreachableError("Unpacking the repository takes too long.") from error
        if self._path("reason").exists():
            raise SourceUnreachableError(self._path("reason").read_text())
        if ended.returncode:
            raise SourceUnreachableError("The repository cannot be unpacked: it is broken, or takes too much memory.")
