"""Somebody who opens the same page again and again, in a process of their own, and says how long each time took.

``python -m bench.bystander PORT PATH`` with the cookie in BENCH_COOKIE; a line for each page: when (time.monotonic)
and milliseconds. Ends when its standard output is closed, or it is told to.
"""

from __future__ import annotations

import contextlib
import http.client
import os
import subprocess
import sys
import time
from collections.abc import Iterator

from bench.harness import BenchError

PAUSE_SECONDS = 0.02


@contextlib.contextmanager
def watching(port: int, path: str, cookie: str) -> Iterator[list[tuple[float, float]]]:
    """Run one as long as the block lasts; afterwards the list has when and how many milliseconds each page took."""
    seen: list[tuple[float, float]] = []
    process = subprocess.Popen(
        [sys.executable, "-m", "bench.bystander", str(port), path],
        env={**os.environ, "BENCH_COOKIE": cookie},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield seen
    finally:
        process.terminate()
        said, _ = process.communicate(timeout=20)
    lines = [line.split() for line in said.splitlines()]
    seen += [(float(at), float(milliseconds)) for at, milliseconds in lines]
    if not seen:
        raise BenchError(f"{path} was never answered.")


def main() -> None:
    port, path = int(sys.argv[1]), sys.argv[2]
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    while True:
        begun = time.monotonic()
        connection.request("GET", path, headers={"Cookie": os.environ["BENCH_COOKIE"]})
        response = connection.getresponse()
        response.read()
        if response.status != 200:
            sys.exit(f"{path} answered {response.status}.")
        print(begun, (time.monotonic() - begun) * 1e3, flush=True)
        time.sleep(PAUSE_SECONDS)


if __name__ == "__main__":
    main()
