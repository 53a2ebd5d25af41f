"""Makes the folders of an installation and holds the lock on them: one Parley for one data folder.

The lock is the kernel's (flock), so it is never stale: it ends with the last process that holds it. Two do, the
supervisor and its guardian, so that after a hard kill the folder stays locked until what was running there is
gone.
"""

import fcntl
import os
import time
from pathlib import Path

import psutil

from app.embedded.errors import EmbeddedError
from app.embedded.paths import PASSAGE_MODE, DataFolder

_CLEANING_SECONDS = 60.0


def make_folders(folder: DataFolder) -> None:
    """Create what is missing and try that it can be written. Raises EmbeddedError naming the folder that cannot."""
    private = [folder.logs, folder.files, folder.secrets]
    for place, mode in [(folder.root, PASSAGE_MODE), (folder.run, PASSAGE_MODE), *((each, 0o700) for each in private)]:
        try:
            place.mkdir(mode=mode, parents=True, exist_ok=True)
            probe = place / f".write-{os.getpid()}"
            probe.touch()
            probe.unlink()
        except OSError as error:
            raise EmbeddedError(
                f"Parley cannot write to {place}: {error.strerror}. Give it a folder of its own with PARLEY_DATA_DIR."
            ) from error
    if folder.sockets != folder.run:
        _make_sockets_folder(folder.sockets)


def _make_sockets_folder(place: Path) -> None:
    """A folder under /tmp, where somebody else may have been first: it must be really ours."""
    place.mkdir(mode=PASSAGE_MODE, exist_ok=True)
    found = place.lstat()
    if place.is_symlink() or not place.is_dir() or found.st_uid != os.getuid() or found.st_mode & 0o022:
        raise EmbeddedError(f"{place} belongs to somebody else. Remove it, or give Parley a shorter PARLEY_DATA_DIR.")


def lock_folder(folder: DataFolder, note: str) -> int:
    """Take the lock and write `note` (what runs here) beside it; returns the descriptor, which is the lock.

    Waits while an earlier run that was killed is still being cleaned up. Raises EmbeddedError when one runs.
    """
    try:
        return hold(folder.run / "supervisor.lock", note)
    except HeldError as error:
        raise EmbeddedError(
            f"Parley already runs on {folder.root} ({error}). Stop it, or give this one a folder and a port of "
            "its own with PARLEY_DATA_DIR and PORT."
        ) from None


class HeldError(Exception):
    """Somebody else holds a lock; the text says who."""


def hold(file: Path, note: str) -> int:
    """Take the lock that is this file, and leave in it who holds it and `note`; returns the descriptor, which is the
    lock.

    Waits while only the guardian of a process that was killed still holds it. Raises HeldError when one lives.
    """
    lock = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    deadline = time.monotonic() + _CLEANING_SECONDS
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            words = os.pread(lock, 1000, 0).decode(errors="replace").split(maxsplit=1)
            running = len(words) == 2 and words[0].isdigit() and psutil.pid_exists(int(words[0]))
            if running or time.monotonic() > deadline:
                os.close(lock)
                about = f"process {words[0]}, {words[1].strip()}" if len(words) == 2 else "just starting"
                raise HeldError(about) from None
            time.sleep(0.1)
            continue
        os.ftruncate(lock, 0)
        os.pwrite(lock, f"{os.getpid()} {note}\n".encode(), 0)
        return lock
