"""Model folders: which files are in one, their sha256, and whether they are still what was registered.

A model is taken in under a hidden name and appears under its own whole or not at all, with its hashes beside it in
``manifest.json``.
"""

import hashlib
import json
import os
import shutil
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, BinaryIO

from app.errors import BadInputError, UnavailableError
from app.inference.errors import TamperedModelError, UnsafeModelError

MANIFEST = "manifest.json"
BLOCK_BYTES = 4 * 1024 * 1024
SPARE_BYTES = 64 * 1024 * 1024
HASHING_THREADS = min(8, os.cpu_count() or 1)

Progress = Callable[[str, int, int], None]
"""Told what is being done, and how many bytes of how many are done."""


def list_files(folder: Path) -> list[str]:
    """Every file's path below ``folder``, hidden ones and the manifest left out.

    Raises BadInputError where there is nothing, UnsafeModelError on what is no plain file of this folder.
    """
    if not folder.is_dir():
        raise BadInputError(f"{folder} is not a folder.")
    root = folder.resolve()
    names = []
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder)
        if name.as_posix() == MANIFEST or any(part.startswith(".") for part in name.parts):
            continue
        if path.is_dir() and not path.is_symlink():
            continue
        if not path.resolve().is_relative_to(root):
            raise UnsafeModelError(f"{name} is a link that leads out of the model's folder. Copy the file itself.")
        if path.is_dir() or not path.is_file():
            raise UnsafeModelError(f"{name} is neither a plain file nor a plain folder.")
        names.append(name.as_posix())
    if not names:
        raise BadInputError(f"{folder} holds no files.")
    return names


def size_of(folder: Path, names: list[str]) -> int:
    """Bytes of these files together."""
    return sum((folder / name).stat().st_size for name in names)


def check_room(place: Path, needed: int) -> None:
    """Raise UnavailableError unless ``needed`` bytes fit on the disk of ``place``."""
    free = shutil.disk_usage(place).free
    if needed + SPARE_BYTES > free:
        raise UnavailableError(f"{needed / 1e9:.1f} GB are needed, but only {free / 1e9:.1f} GB are free in {place}.")


class _Counter:
    """Adds up bytes that several threads read, and tells them."""

    def __init__(self, deed: str, total: int, progress: Progress | None) -> None:
        self.deed, self.total, self.progress = deed, total, progress
        self.done = 0
        self._lock = threading.Lock()

    def add(self, name: str, size: int) -> None:
        with self._lock:
            self.done += size
            if self.progress:
                self.progress(f"{self.deed} {name}", self.done, self.total)


def digest_files(folder: Path, progress: Progress | None = None) -> dict[str, str]:
    """sha256 of every file, by its path in the folder."""
    names = list_files(folder)
    counter = _Counter("Checking", size_of(folder, names), progress)

    def digest(name: str) -> str:
        sha256 = hashlib.sha256()
        with (folder / name).open("rb") as file:
            for block in _blocks(file):
                sha256.update(block)
                counter.add(name, len(block))
        return sha256.hexdigest()

    with ThreadPoolExecutor(HASHING_THREADS) as threads:
        return dict(zip(names, threads.map(digest, names), strict=True))


def verify_files(folder: Path, expected: dict[str, str], progress: Progress | None = None) -> None:
    """Raise TamperedModelError naming the first file that is missing, changed or new."""
    found = digest_files(folder, progress)
    for name in sorted(expected.keys() | found.keys()):
        if name not in found:
            raise TamperedModelError(f"{name} is missing from {folder}.")
        if name not in expected:
            raise TamperedModelError(f"{name} in {folder} was not there when the model was registered.")
        if found[name] != expected[name]:
            raise TamperedModelError(f"{name} in {folder} has changed since the model was registered.")


def copy_files(source: Path, draft: Path, progress: Progress | None = None) -> None:
    """Copy what of ``source`` is not in ``draft`` yet: an interrupted copy goes on with the file it was at.

    Raises UnavailableError when the disk has no room for the rest.
    """
    names = list_files(source)
    counter = _Counter("Copying", size_of(source, names), progress)
    missing = [name for name in names if not _is_copied(source / name, draft / name)]
    check_room(draft, size_of(source, missing))
    for name in names:
        if name in missing:
            _copy(source / name, draft / name, lambda size, name=name: counter.add(name, size))  # type: ignore[misc]
        else:
            counter.add(name, (draft / name).stat().st_size)
    for name in set(list_files(draft)) - set(names):
        (draft / name).unlink()


def _is_copied(source: Path, copy: Path) -> bool:
    """Whether ``copy`` was made whole from what ``source`` is now, by size and time as rsync tells."""
    try:
        old, new = source.stat(), copy.stat()
    except FileNotFoundError:
        return False
    return (old.st_size, old.st_mtime_ns) == (new.st_size, new.st_mtime_ns)


def _copy(source: Path, target: Path, told: Callable[[int], None]) -> None:
    """Copy one file, which appears under its name when it is whole."""
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f".{target.name}.part")
    with source.open("rb") as old, part.open("wb") as new:
        for block in _blocks(old):
            new.write(block)
            told(len(block))
    at = source.stat()
    os.utime(part, ns=(at.st_atime_ns, at.st_mtime_ns))
    part.replace(target)


def _blocks(file: BinaryIO) -> Iterator[bytes]:
    while block := file.read(BLOCK_BYTES):
        yield block


def settle(draft: Path, target: Path, about: dict[str, str], files: dict[str, str]) -> None:
    """Give a finished draft its manifest and its name, and drop what was only needed while it was made."""
    (draft / MANIFEST).write_text(json.dumps(about | {"files": files}, indent=1))
    for leftover in draft.glob(".*"):
        if leftover.is_dir():
            shutil.rmtree(leftover)
        else:
            leftover.unlink()
    draft.rename(target)


def read_manifest(folder: Path) -> dict[str, Any]:
    """What the folder says of itself, with the sha256 of its ``files``. Raises TamperedModelError without one."""
    try:
        manifest: dict[str, Any] = json.loads((folder / MANIFEST).read_text())
        files = manifest["files"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise TamperedModelError(f"{folder} has no manifest that can be read.") from error
    if not isinstance(files, dict):
        raise TamperedModelError(f"{folder} has no manifest that can be read.")
    return manifest
