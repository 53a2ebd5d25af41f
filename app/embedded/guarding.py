"""Starts the guardian and tells it what runs, for whoever starts processes that must not outlive it."""

import contextlib
import json
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from app.embedded.processes import Part

Running = tuple[subprocess.Popen[bytes], Part]


class Guard:
    """One guardian, which holds ``lock`` (a descriptor) too, until all that it was told of is gone."""

    def __init__(self, lock: int) -> None:
        self._lock = lock
        self._told: list[tuple[int, int, float]] = []
        self._guardian: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, or start it again where it died."""
        if self._guardian is not None and self._guardian.poll() is None:
            return
        program = Path(__file__).with_name("guardian.py")
        self._guardian = subprocess.Popen(
            [sys.executable, "-I", "-S", str(program)],
            stdin=subprocess.PIPE,
            pass_fds=[self._lock],
            start_new_session=True,
        )
        self._send()

    def tell(self, running: Iterable[Running]) -> None:
        """What runs now: all of it, each with how it is stopped."""
        self._told = [(process.pid, int(part.stop_signal), part.stop_seconds) for process, part in running]
        self._send()

    def close(self) -> None:
        """Let it end what still runs, and wait for that."""
        guardian, self._guardian = self._guardian, None
        if guardian is not None and guardian.stdin is not None:
            with contextlib.suppress(OSError):
                guardian.stdin.close()
            guardian.wait()

    def _send(self) -> None:
        if self._guardian is None or self._guardian.stdin is None:
            return
        with contextlib.suppress(BrokenPipeError):  # it died; ``start`` is called again when that is noticed
            self._guardian.stdin.write(json.dumps(self._told).encode() + b"\n")
            self._guardian.stdin.flush()
