"""Starts a process so that it cannot outlive the one that started it.

Every part leads a process group of its own: Ctrl-C in the terminal reaches only the supervisor, and what the
part itself started can be found and ended with it. On Linux the kernel signals the part when its parent dies,
however that happens.
"""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from app.embedded.errors import EmbeddedError

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None) if sys.platform == "linux" else None


@dataclass(frozen=True)
class Account:
    """The system user that a part runs as."""

    name: str
    uid: int
    gid: int


@dataclass(frozen=True)
class Part:
    """One server or program of a running Parley, and how to start it, ask it and stop it.

    ``before_start`` runs before every start, also after a crash. ``is_ready`` may block for about a second; a part
    without it counts as ready once it runs. ``stop_signal`` goes to the process itself; what is left of its group after
    ``stop_seconds`` is killed. What a quiet part writes goes to its log file only.
    """

    name: str
    command: Sequence[str]
    is_ready: Callable[[], bool] | None = None
    before_start: Callable[[], None] | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    account: Account | None = None
    folder: Path | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    stop_seconds: float = 10.0
    start_seconds: float = 60.0
    is_quiet: bool = False


def spawn(part: Part, *, output: int | IO[bytes] = subprocess.PIPE) -> subprocess.Popen[bytes]:
    """Start a part; its errors go where its output goes. Raises EmbeddedError when it cannot even be started.

    ``before_start`` is the caller's business.
    """
    try:
        return subprocess.Popen(
            part.command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=part.folder,
            env={**os.environ, **part.environment},
            user=part.account.uid if part.account else None,
            group=part.account.gid if part.account else None,
            extra_groups=[] if part.account else None,
            start_new_session=True,
            preexec_fn=die_with_parent(part.stop_signal),
        )
    except OSError as error:
        raise EmbeddedError(f"Cannot start {part.name} ({part.command[0]}): {error.strerror}.") from error


def stop(process: subprocess.Popen[bytes], part: Part) -> None:
    """End a part and everything in its group; returns when it is gone."""
    if process.poll() is None:
        process.send_signal(part.stop_signal)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(part.stop_seconds)
    kill_group(process.pid)
    process.wait()


def kill_group(pid: int) -> None:
    """Kill at once whatever is left of the group that `pid` leads or led."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


def start(part: Part, *, output: int | IO[bytes]) -> subprocess.Popen[bytes]:
    """Prepare, start and wait for a part, for those who have no supervisor."""
    if part.before_start is not None:
        part.before_start()
    process = spawn(part, output=output)
    try:
        _wait_until_ready(process, part)
    except BaseException:  # also Ctrl-C: nobody else knows of the process yet
        stop(process, part)
        raise
    return process


def make_folder(place: Path, account: Account | None = None) -> None:
    """Make a folder that only its user may enter, handing it to `account` if there is one."""
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    if account is not None:
        os.chown(place, account.uid, account.gid)


def _wait_until_ready(process: subprocess.Popen[bytes], part: Part) -> None:
    """Block until the part answers. Raises EmbeddedError when it ends or stays silent instead."""
    deadline = time.monotonic() + part.start_seconds
    while part.is_ready is not None and not part.is_ready():
        if process.poll() is not None:
            raise EmbeddedError(f"{part.name} ended while starting ({describe_exit(process.returncode)}).")
        if time.monotonic() > deadline:
            raise EmbeddedError(f"{part.name} does not answer after {part.start_seconds:.0f} s.")
        time.sleep(0.02)


def describe_exit(code: int) -> str:
    """An exit status in words."""
    if code >= 0:
        return f"exit status {code}"
    try:
        return f"ended by {signal.Signals(-code).name}"
    except ValueError:
        return f"ended by signal {-code}"


def die_with_parent(number: signal.Signals) -> Callable[[], None] | None:
    """For ``preexec_fn``: have the kernel send the new process this signal when the present one dies."""
    if _libc is None:
        return None  # elsewhere the guardian alone does it
    libc, parent = _libc, os.getpid()

    def ask_kernel() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, int(number))
        if os.getppid() != parent:  # it died between the fork and the call above
            os._exit(1)

    return ask_kernel
