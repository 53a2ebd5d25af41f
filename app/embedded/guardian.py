"""Ends everything when the supervisor is gone, however it went: a small process that waits for its pipe to close.

The kernel already tells the direct children that their parent died; this sees to what they started themselves,
to those that do not listen, and to systems whose kernel says nothing. It imports nothing of Parley, so that it
starts at once and stays small.
"""

import contextlib
import json
import os
import signal
import sys
import time


def main() -> None:
    """Read lines, each a JSON list of [pid, stop signal, seconds] of all that runs; act on the last one at the end."""
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)
    running: list[tuple[int, int, float]] = []
    for line in sys.stdin:
        running = json.loads(line)
    started = time.monotonic()
    for pid, number, _ in running:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)
    waiting = list(running)
    while waiting:
        time.sleep(0.05)
        for entry in list(waiting):
            pid, _, seconds = entry
            if not leader_lives(pid) or time.monotonic() - started > seconds:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(pid, signal.SIGKILL)
                waiting.remove(entry)


def leader_lives(pid: int) -> bool:
    """Whether the process still runs. In a container without an init nobody buries it: such a one counts as gone."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    try:
        with open(f"/proc/{pid}/stat") as file:  # noqa: PTH123 - pathlib would cost more than the rest of the start
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return sys.platform != "linux"


if __name__ == "__main__":
    main()
