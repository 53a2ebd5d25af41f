"""What a streamed token costs and how late it comes, from a model server through Parley's web process to a socket.

The floor is nginx with its buffering off in front of the same scripted model server, and for the first token a direct
call to it. Model server, relay and readers share the machine's cores. Each round measures nginx, then Parley under each
web server, so that every ratio is of figures a minute apart at most.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp

from accounts.keys import create_key
from accounts.models import User
from accounts.people import create_person
from app.embedded import application
from app.embedded.processes import Part
from app.inference.registry import ensure_model, register_worker
from bench import readers
from bench.harness import BenchError, Goal, Row, interleaved, quantile
from bench.house import House, cpu_seconds, free_port
from bench.readers import Line, Streamed, read_together
from chat.asking import start_conversation
from chat.models import Assistant

SERVERS = ("uvicorn", "daphne")
TOKENS, PACE = 200, 0.02
FEW_TOKENS, FIRSTS = 8, 40
WINDOW_MS = 33
_NGINX = """
daemon off; master_process off; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/error.log warn;
events {{ worker_connections 4096; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  upstream model {{ server 127.0.0.1:{upstream}; keepalive 512; }}
  server {{
    listen 127.0.0.1:{port};
    location / {{
      proxy_pass http://model; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_buffering off;
    }}
  }}
}}
"""


@dataclass
class Measured:
    """One relay in one round: milliseconds to the first token one at a time, and runs by what was read how."""

    firsts: list[float]
    runs: dict[str, Streamed] = field(default_factory=dict)


def run(house: House) -> list[Row]:
    upstream = free_port()
    nginx = _nginx_part(house, upstream)
    with house.running(_upstream_part(upstream)), house.running(nginx[0]) as relay:
        cast = _Cast.make(f"http://127.0.0.1:{upstream}/v1")
        subjects: dict[str, Callable[[], Measured]] = {
            "direct": lambda: asyncio.run(_measure_plain(upstream, None)),
            "nginx": lambda: asyncio.run(_measure_plain(nginx[1], relay.pid)),
        }
        for server in SERVERS:
            subjects[server] = partial(_measure_parley, house, cast, server)
        measured = interleaved(subjects)
    return [*_floor_rows(measured), *(row for server in SERVERS for row in _rows(measured, server))]


def crowds() -> list[int]:
    """How many read at once: BENCH_STREAMS, as ``16,64`` unless told otherwise."""
    return [int(count) for count in os.environ.get("BENCH_STREAMS", "16,64").split(",")]


# --- who takes part ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Cast:
    """One person for each reader, each with a key; one assistant with long answers and one with short ones."""

    people: list[tuple[User, str]]
    writer: Assistant
    brief: Assistant

    @classmethod
    def make(cls, address: str) -> _Cast:
        model = ensure_model(name="bench", role="generate")
        register_worker(model_name="bench", address=address, capacity=1024)
        people = []
        for number in range(max(crowds())):
            user = create_person(actor="system", email=f"reader{number}@example.org", password=None)
            people.append((user, create_key(actor=user, user=user, name="bench")[1]))
        columns: dict[str, Any] = {"mode": "generate", "model": model, "searches": False, "is_for_everyone": True}
        return cls(
            people,
            Assistant.objects.create(slug="writer", name="Writer", max_tokens=TOKENS, **columns),
            Assistant.objects.create(slug="brief", name="Brief", max_tokens=FEW_TOKENS, **columns),
        )

    def lines(self, port: int, count: int, assistant: Assistant) -> list[Line]:
        """New conversations, one for each of the first ``count`` people."""
        base = f"ws://127.0.0.1:{port}/ws/conversations"
        people = [self.people[number % len(self.people)] for number in range(count)]
        return [Line(f"{base}/{start_conversation(user, assistant=assistant).id}/", key) for user, key in people]


def _upstream_part(port: int) -> Part:
    command = [sys.executable, "-m", "bench.upstream", "--port", str(port), "--pace", str(PACE)]
    return Part("upstream", command, is_ready=lambda: application.answers(port, "/health"))


def _nginx_part(house: House, upstream: int) -> tuple[Part, int]:
    program = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    if program is None:
        raise BenchError("This compares Parley with nginx, which is not installed: apt-get install nginx-light.")
    folder: Path = house.folder.run / "nginx"
    folder.mkdir()
    port = free_port()
    configuration = folder / "nginx.conf"
    configuration.write_text(_NGINX.format(folder=folder, upstream=upstream, port=port))
    command = [program, "-p", str(folder), "-c", str(configuration), "-e", str(folder / "error.log")]
    return Part("nginx", command, is_ready=lambda: application.answers(port, "/health")), port


# --- measuring -----------------------------------------------------------------------------------------------------


async def _measure_plain(port: int, pid: int | None) -> Measured:
    """A model server's own protocol, directly or through nginx."""
    url = f"http://127.0.0.1:{port}/v1"
    cpu = partial(cpu_seconds, pid) if pid else lambda: 0.0
    async with _session() as session:
        await read_together(1, readers.sse_reader(session, url, FEW_TOKENS), cpu, needs_window=False)
        firsts = [
            (await read_together(1, readers.sse_reader(session, url, FEW_TOKENS), cpu, needs_window=False)).firsts[0]
            for _ in range(FIRSTS)
        ]
        measured = Measured(firsts)
        for count in crowds():
            reader = readers.sse_reader(session, url, TOKENS)
            measured.runs[str(count)] = await read_together(count, reader, cpu)
    return measured


def _measure_parley(house: House, cast: _Cast, server: str) -> Measured:
    """Parley's web process, started for this round alone."""
    with house.web(server) as (port, pid):
        cpu = partial(cpu_seconds, pid)
        lines = partial(cast.lines, port)
        _read(
            readers.json_reader, lines(4, cast.brief), cpu, needs_window=False
        )  # the pool, the templates, the database
        measured = Measured(_firsts(lines(FIRSTS, cast.brief), cpu))
        for count in crowds():
            measured.runs[str(count)] = _read(readers.json_reader, lines(count, cast.writer), cpu)
        most = max(crowds())
        measured.runs["html"] = _read(readers.html_reader, lines(most, cast.writer), cpu)
    return measured


def _firsts(lines: list[Line], cpu: Callable[[], float]) -> list[float]:
    return [_read(readers.json_reader, [line], cpu, needs_window=False).firsts[0] for line in lines]


def _read(
    kind: Callable[[aiohttp.ClientSession, list[Line]], readers.Reader],
    lines: list[Line],
    cpu: Callable[[], float],
    needs_window: bool = True,
) -> Streamed:
    async def read() -> Streamed:
        async with _session() as session:
            return await read_together(len(lines), kind(session, lines), cpu, needs_window=needs_window)

    return asyncio.run(read())


def _session() -> aiohttp.ClientSession:
    return aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))


# --- rows ----------------------------------------------------------------------------------------------------------


def _floor_rows(measured: dict[str, list[Measured]]) -> list[Row]:
    rows = [Row("direct: first token p50, one at a time", _firsts_at(measured["direct"], 0.5), "ms")]
    for count in map(str, crowds()):
        rows.append(Row(f"nginx, {count}: CPU while streaming", _of(measured["nginx"], count, _cpu), "µs/token"))
    return rows


def _rows(measured: dict[str, list[Measured]], server: str) -> list[Row]:
    mine = measured[server]
    rows = [
        Row(
            f"{server}: first token p50, one at a time",
            _firsts_at(mine, 0.5),
            "ms",
            "direct",
            _firsts_at(measured["direct"], 0.5),
        ),
    ]
    for part, limit in ((0.5, 3.0), (0.99, 10.0)):
        added = [a - b for a, b in zip(_firsts_at(mine, part), _firsts_at(measured["direct"], part), strict=True)]
        goal = Goal("value", limit)
        rows.append(Row(f"{server}: first token p{part * 100:.0f} above direct", added, "ms", "direct call", goal=goal))
    for count in crowds():
        rows += _crowd_rows(measured, server, count)
    return [*rows, *_html_rows(measured, server)]


def _crowd_rows(measured: dict[str, list[Measured]], server: str, count: int) -> list[Row]:
    key, name = str(count), f"{server}, {count}"
    mine, floor = measured[server], measured["nginx"]
    other = measured[SERVERS[0]]

    def against_nginx(what: str, figure: Callable[[Streamed], float], unit: str, goal: Goal | None = None) -> Row:
        return Row(f"{name}: {what}", _of(mine, key, figure), unit, "nginx", _of(floor, key, figure), goal)

    rows = [
        against_nginx("CPU while streaming", _cpu, "µs/token", Goal("ratio", 1.7 if count >= 256 else 2.5)),
        against_nginx("CPU with asking and settling", lambda run: run.micros_in_all, "µs/token"),
        against_nginx("first token p50, all at once", lambda run: quantile(run.firsts, 0.5), "ms"),
        against_nginx("token delay p50", lambda run: quantile(run.ages, 0.5), "ms"),
        against_nginx("token delay p99", lambda run: quantile(run.ages, 0.99), "ms", Goal("value", WINDOW_MS + 10.0)),
        Row(f"{name}: tokens lost", _of(mine, key, lambda run: run.lost(TOKENS)), "tokens", goal=Goal("value", 0)),
        Row(f"{name}: out of order", _of(mine, key, lambda run: run.out_of_order), "tokens", goal=Goal("value", 0)),
        against_nginx("bytes on the wire over text", lambda run: run.bytes_over_text, "×", Goal("value", 1.6)),
    ]
    if server != SERVERS[0]:
        rows.append(
            Row(f"{name}: CPU while streaming", _of(mine, key, _cpu), "µs/token", SERVERS[0], _of(other, key, _cpu))
        )
    return rows


def _html_rows(measured: dict[str, list[Measured]], server: str) -> list[Row]:
    key, name, mine = str(max(crowds())), f"{server}, {max(crowds())} pages", measured[server]
    return [
        Row(
            f"{name}: CPU while streaming",
            _of(mine, "html", _cpu),
            "µs/token",
            "nginx",
            _of(measured["nginx"], key, _cpu),
        ),
        Row(f"{name}: token delay p99", _of(mine, "html", lambda run: quantile(run.ages, 0.99)), "ms"),
        Row(f"{name}: bytes on the wire over text", _of(mine, "html", lambda run: run.bytes_over_text), "×"),
    ]


def _cpu(run: Streamed) -> float:
    return run.micros_while_streaming


def _of(rounds: list[Measured], key: str, figure: Callable[[Streamed], float]) -> list[float]:
    return [figure(measured.runs[key]) for measured in rounds]


def _firsts_at(rounds: list[Measured], part: float) -> list[float]:
    return [quantile(measured.firsts, part) for measured in rounds]
