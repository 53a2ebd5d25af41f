"""within.py SECONDS COMMAND…: run a command, and end it and all it started when it takes longer than that.

So that a run of the tests that hangs ends with a line that says so, and not with the patience of whoever waits for it.
Its exit status is that of the command, or 124 when it was ended.
"""

import signal
import subprocess
import sys

import psutil

PARTING_SECONDS = 60.0  # for a summary of what was found so far


def main(seconds: float, command: list[str]) -> int:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the command itself, which ends, and so do we
    process = subprocess.Popen(command, preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler))
    signal.signal(signal.SIGTERM, lambda *_: process.terminate())
    try:
        return process.wait(seconds)
    except subprocess.TimeoutExpired:
        sys.stderr.write(f"\nENDED: this took longer than {seconds:.0f} s, which it is given at most.\n")
    family = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(signal.SIGINT)
    try:
        process.wait(PARTING_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
    for member in family:
        if member.is_running():
            member.kill()
    return 124


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1]), sys.argv[2:]))
