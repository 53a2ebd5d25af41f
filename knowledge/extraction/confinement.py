"""What a process that reads a stranger's file may not do: use much memory or time, write files, or speak to
anyone.

Several locks, since each holds only somewhere: limits of the kernel for memory, time and files; a network
namespace of its own where the system allows one; and, everywhere, an audit hook that refuses sockets and new
programs, but for the one that reads pictures.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import signal
import sys
from typing import Any

from knowledge.extraction.ocr import Program
from knowledge.extraction.types import Limits

_NEW_USER, _NEW_NETWORK = 0x10000000, 0x40000000
_DIE_WITH_PARENT = 1
_REFUSED = (
    "socket.",
    "subprocess.",
    "os.system",
    "os.exec",
    "os.posix_spawn",
    "os.startfile",
    "ftplib.",
    "smtplib.",
    "urllib.",
)


class ConfinedError(Exception):
    """A parser tried what no parser needs."""


def die_with_parent() -> None:
    """Have the kernel kill this process when its parent ends, however that ends (Linux; elsewhere nothing)."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None, use_errno=True).prctl(_DIE_WITH_PARENT, signal.SIGKILL)


def leave_network() -> bool:
    """Move into a network namespace without any interface. False where the system does not allow it."""
    try:
        unshare = ctypes.CDLL(None, use_errno=True).unshare
    except (OSError, AttributeError):
        return False
    return bool(unshare(_NEW_NETWORK) == 0 or unshare(_NEW_USER | _NEW_NETWORK) == 0)


def refuse_outside(program: Program | None = None) -> None:
    """Refuse sockets and every program but ``program``, exactly as it says, from here on.

    An audit hook can never be removed, by anyone.
    """

    def refuse(event: str, arguments: tuple[Any, ...]) -> None:
        if not event.startswith(_REFUSED):
            return
        if event == "subprocess.Popen" and program is not None and program.allows(arguments):
            return
        raise ConfinedError(f"Reading a file must not use {event}.")

    sys.addaudithook(refuse)


def limit(limits: Limits) -> None:
    """Set this process's limits: address space, processor seconds, no written file, few open ones, no core dump."""
    for what, value in (
        (resource.RLIMIT_AS, limits.memory_bytes),
        (resource.RLIMIT_CPU, limits.cpu_seconds + int(limits.ocr_seconds / 4)),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_NOFILE, 64),
        (resource.RLIMIT_CORE, 0),
    ):
        with contextlib.suppress(ValueError, OSError):  # a stricter limit of the system stays
            resource.setrlimit(what, (value, value))
    with contextlib.suppress(OSError):
        os.nice(5)
