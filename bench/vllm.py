"""vLLM servers of a benchmark's own, and what they tell of themselves at ``/metrics``.

BENCH_VLLM is a command that takes a port and further options of ``vllm serve`` and serves some small model. Without
it, PARLEY_VLLM or the program ``vllm`` serves BENCH_VLLM_MODEL, a folder or a name.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import aiohttp
import httpx
from prometheus_client.parser import text_string_to_metric_families

from app.embedded import application, processes
from app.embedded.processes import Part
from bench.harness import BenchError
from bench.house import House, free_port

AT_ONCE = 16  # requests that a server runs at once
START_SECONDS = 900.0
_OPTIONS = ("--enable-prefix-caching", "--enable-prompt-tokens-details", "--max-num-seqs", str(AT_ONCE))
_NEEDED = (
    "This needs vLLM. Either BENCH_VLLM='COMMAND', which is called with a port and options of `vllm serve`, or "
    "`vllm` on the path (PARLEY_VLLM names another) and BENCH_VLLM_MODEL=FOLDER. CPU builds will do."
)


@dataclass(frozen=True)
class Figures:
    """Counters of one server, or of several added up."""

    running: float = 0.0
    queries: float = 0.0
    hits: float = 0.0
    generated: float = 0.0

    def __add__(self, other: Figures) -> Figures:
        return Figures(
            self.running + other.running,
            self.queries + other.queries,
            self.hits + other.hits,
            self.generated + other.generated,
        )

    def __sub__(self, other: Figures) -> Figures:
        """What came in between."""
        return Figures(
            self.running,
            self.queries - other.queries,
            self.hits - other.hits,
            self.generated - other.generated,
        )

    @property
    def hit_rate(self) -> float:
        """The share of prompt tokens that were in the prefix cache."""
        return self.hits / self.queries if self.queries else 0.0


_COUNTED = {
    "vllm:num_requests_running": "running",
    "vllm:prefix_cache_queries_total": "queries",
    "vllm:prefix_cache_hits_total": "hits",
    "vllm:generation_tokens_total": "generated",
}


@dataclass(frozen=True)
class Server:
    """One vLLM, running or not. ``cores`` are its own where it computes on processors: each would take the same."""

    port: int
    cores: str = ""

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def part(self) -> Part:
        """Raises BenchError when there is no vLLM to be found."""
        return Part(
            f"vllm-{self.port}",
            [*_command(self.port), *_OPTIONS],
            is_ready=lambda: application.answers(self.port, "/v1/models"),
            environment={"VLLM_CPU_OMP_THREADS_BIND": self.cores} if self.cores else {},
            start_seconds=START_SECONDS,
            stop_seconds=20.0,
        )

    def model_name(self) -> str:
        listed = httpx.get(f"{self.address}/models", timeout=10).json()["data"]
        return str(listed[0]["id"])

    def figures(self) -> Figures:
        return read_figures(httpx.get(self._metrics, timeout=10).text)

    async def figures_by(self, session: aiohttp.ClientSession) -> Figures:
        async with session.get(self._metrics) as response:
            return read_figures(await response.text())

    @property
    def _metrics(self) -> str:
        return f"http://127.0.0.1:{self.port}/metrics"


class Fleet:
    """Servers that run as long as the block lasts, but for those that are killed meanwhile."""

    def __init__(self, house: House, count: int) -> None:
        self.servers = [Server(free_port(), cores) for cores in _shared_out(count)]
        self._house = house
        self._running = contextlib.ExitStack()
        self._processes: dict[int, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> Fleet:
        try:
            for number in range(len(self.servers)):
                self.restart(number)
        except BaseException:
            self._running.close()
            raise
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._running.close()

    def kill(self, number: int) -> None:
        """As the kernel does when memory runs out: at once, without a word."""
        self._processes[number].kill()

    def restart(self, number: int) -> None:
        """Start one that does not run, and wait until it answers."""
        if number in self._processes:
            processes.kill_group(self._processes[number].pid)  # what the killed one had started
        self._processes[number] = self._running.enter_context(self._house.running(self.servers[number].part()))


def _shared_out(count: int) -> list[str]:
    """This machine's cores in as many ranges, as ``0-3``; nothing where there are fewer."""
    each = (os.cpu_count() or 1) // count
    return [f"{number * each}-{(number + 1) * each - 1}" if each else "" for number in range(count)]


def read_figures(text: str) -> Figures:
    """The counters in a ``/metrics`` text, added up over engines and models."""
    found = dict.fromkeys(_COUNTED.values(), 0.0)
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if name := _COUNTED.get(sample.name):
                found[name] += sample.value
    return Figures(**found)


def all_figures(servers: list[Server]) -> Figures:
    return sum((server.figures() for server in servers), Figures())


def _command(port: int) -> list[str]:
    if command := os.environ.get("BENCH_VLLM"):
        return [*shlex.split(command), str(port)]
    program = os.environ.get("PARLEY_VLLM") or shutil.which("vllm", path=_path())
    model = os.environ.get("BENCH_VLLM_MODEL")
    if not program or not model:
        raise BenchError(_NEEDED)
    return [program, "serve", model, "--host", "127.0.0.1", "--port", str(port)]


def _path() -> str:
    """Also where this Python's own programs are."""
    return os.pathsep.join([os.environ.get("PATH", ""), str(Path(sys.executable).parent)])
