"""``python -m bench [NAME]``: run the benchmarks, print their tables, write ``PARLEY_DATA_DIR/bench/NAME.json``."""

from __future__ import annotations

import argparse
import contextlib
import importlib
import os
import subprocess
import sys
from pathlib import Path

from app.embedded.paths import data_folder
from app.errors import ParleyError
from bench.harness import machine, save, show
from bench.house import open_house

# Name and what it measures. Each is the module of that name (but for MODULES), with a function ``run(house)``;
# those that only compute get no house.
BENCHMARKS = {
    "stream": "tokens through the web process, under each web server, against nginx and a direct call",
    "pool": "two real vLLM servers: prefix-cache hits, one killed under load, stopping",
    "routing": "which of 100 simulated model servers gets a conversation: affinity, least outstanding, round robin, …",
    "retrieval": "questions of every set there is: words alone, vectors alone, both",
    "unsupported": "sentences said to have no source, with the right passage at hand and without it",
    "search-acl": "100,000 passages, of which a reader may see 0.1 % to 100 %: against comparing all, and no rights",
    "ingest": "bringing documents in, against the embedder's own ceiling",
    "audit": "events into the audit log, against a plain table",
    "history": "a page deep in 100,000 conversations, against the first one",
    "find": "finding a message among a million, by who owns few of them and by who owns nearly all",
    "lighthouse": "what Lighthouse says of the pages an employee sees first",
    "page": "what the first chat page weighs and how long it takes to make",
    "rendering": "drawing an answer of 20 KB while it grows, against drawing it once",
}
WITHOUT_HOUSE = ("routing", "rendering")
MODULES = {"find": "finding_messages"}  # whose name is not the benchmark's


def main() -> int:
    parser = argparse.ArgumentParser(prog="make bench ONLY=NAME", description="Parley's benchmarks.")
    parser.add_argument("only", nargs="?", help="; ".join(f"{name}: {what}" for name, what in BENCHMARKS.items()))
    only = parser.parse_args().only
    if only is not None and only not in BENCHMARKS:
        print(f"There is no benchmark {only!r}. There are: {', '.join(BENCHMARKS)}.", file=sys.stderr)
        return 2
    output = data_folder().bench
    if only is None:  # each in a process of its own: settings name one data folder, and nothing is warm from before
        statuses = [subprocess.run([sys.executable, "-m", "bench", name]).returncode for name in BENCHMARKS]
        return max(statuses)
    try:
        run_one(only, output)
    except ParleyError as error:
        print(f"{only}: {error.message}", file=sys.stderr)
        return 1
    return 0


def run_one(name: str, output: Path) -> None:
    """Run one benchmark in a Parley of its own."""
    about = machine()
    os.environ.setdefault("BENCH_CACHE", str(output / "cache"))
    with contextlib.nullcontext() if name in WITHOUT_HOUSE else open_house() as house:
        module = importlib.import_module(f"bench.{MODULES.get(name, name.replace('-', '_'))}")
        rows = module.run(house)
    show(f"{name}: {BENCHMARKS[name]}", rows)
    print(f"{about['processor']}, {about['cores']} cores, load before {about['load_before']}")
    print(f"Written to {save(output, name, about, rows)}")


if __name__ == "__main__":
    sys.exit(main())
