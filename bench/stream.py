"""What a streamed token costs and how late it comes, from a model server through Parley's web process to a socket.

Beside Parley stand the relays of ``relays``: nginx with its buffering off is the floor, for the first token a direct
call to the same model server. Model server, relay and readers share the machine's cores. Each round measures every one
of them once, so that every ratio is of figures some minutes apart at most. What else a crowd of readers costs (others'
pages, memory, statements, what a killed process loses) is in ``crowding``, ``answering``
and ``finding``.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

import aiohttp

from app.web.frames import frame_seconds
from bench import answering, crowding, finding, readers
from bench.cast import FEW_TOKENS, TOKENS, Cast, crowds, upstream_part
from bench.harness import BenchError, Goal, Row, interleaved, quantile, run_parts
from bench.house import House, cpu_of_group, free_port
from bench.people import Line
from bench.readers import Streamed, read_together
from bench.relays import LITELLM_PROXY, NGINX, VLLM_ROUTER, Relay, all_relays

SERVERS = ("uvicorn", "daphne")
FIRSTS = 40
MOST_ADDED_MS = 10.0  # to the window in which tokens are gathered


@dataclass
class Measured:
    """One relay in one round: milliseconds to the first token one at a time, and runs by what was read how."""

    firsts: list[float]
    runs: dict[str, Streamed] = field(default_factory=dict)


def run(house: House) -> list[Row]:
    upstream = free_port()
    with house.running(upstream_part(upstream)):
        cast = Cast.make(f"http://127.0.0.1:{upstream}/v1")
        return run_parts(
            {
                "tokens": lambda: _token_rows(_measure(house, cast, upstream)),
                "crowd": lambda: crowding.run(house, cast, SERVERS),
                "answers": lambda: answering.run(house, cast),
                "search": lambda: finding.run(house),
            }
        )


def _measure(house: House, cast: Cast, upstream: int) -> dict[str, list[Measured]]:
    relays = all_relays(house, upstream)
    with contextlib.ExitStack() as stack:
        subjects: dict[str, Callable[[], Measured]] = {"direct": partial(_measure_plain, upstream)}
        for name, relay in relays.items():
            pid = stack.enter_context(house.running(relay.part)).pid
            subjects[name] = partial(_measure_relay, relay, pid)
        for server in SERVERS:
            subjects[server] = partial(_measure_parley, house, cast, server)
        return interleaved({name: partial(_named, name, measure) for name, measure in subjects.items()})


# --- measuring -----------------------------------------------------------------------------------------------------


def _named(name: str, measure: Callable[[], Measured]) -> Measured:
    """Let a failure say whose it is."""
    try:
        return measure()
    except BenchError as error:
        raise BenchError(f"{name}: {error.message}") from error


def _measure_relay(relay: Relay, pid: int) -> Measured:
    return _measure_plain(relay.port, partial(cpu_of_group, pid), dict(relay.headers))


def _measure_plain(
    port: int, cpu: Callable[[], float] = lambda: 0.0, headers: dict[str, str] | None = None
) -> Measured:
    """The model server's own protocol, directly or through a relay."""
    return asyncio.run(_read_plain(f"http://127.0.0.1:{port}/v1", cpu, headers or {}))


async def _read_plain(url: str, cpu: Callable[[], float], headers: dict[str, str]) -> Measured:
    async with _session(headers) as session:
        brief = readers.sse_reader(session, url, FEW_TOKENS)
        await read_together(1, brief, cpu, needs_window=False)
        firsts = [(await read_together(1, brief, cpu, needs_window=False)).firsts[0] for _ in range(FIRSTS)]
        measured = Measured(firsts)
        for count in crowds():
            measured.runs[str(count)] = await read_together(count, readers.sse_reader(session, url, TOKENS), cpu)
    return measured


def _measure_parley(house: House, cast: Cast, server: str) -> Measured:
    """Parley's web process, started for this round alone."""
    with house.web(server) as (port, pid):
        cpu = partial(cpu_of_group, pid)
        lines = partial(cast.lines, port)
        # The pool, the templates and the database's connections, before anything counts.
        _read(readers.json_reader, lines(4, cast.brief), cpu, needs_window=False)
        measured = Measured(_firsts(lines(FIRSTS, cast.brief), cpu))
        for count in crowds():
            measured.runs[str(count)] = _read(readers.json_reader, lines(count, cast.writer), cpu)
            measured.runs[_html(count)] = _read(readers.html_reader, lines(count, cast.writer), cpu)
    return measured


def _html(count: int) -> str:
    return f"{count} pages"


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


def _session(headers: dict[str, str] | None = None) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), headers=headers)


# --- rows ----------------------------------------------------------------------------------------------------------


def _token_rows(measured: dict[str, list[Measured]]) -> list[Row]:
    return [*_floor_rows(measured), *(row for server in SERVERS for row in _rows(measured, server))]


def _others(measured: dict[str, list[Measured]]) -> list[str]:
    return [name for name in (VLLM_ROUTER, LITELLM_PROXY) if name in measured]


def _floor_rows(measured: dict[str, list[Measured]]) -> list[Row]:
    direct = _firsts_at(measured["direct"], 0.5)
    rows = [Row("direct: first token p50, one at a time", direct, "ms")]
    for count in map(str, crowds()):
        floor = _of(measured[NGINX], count, _cpu)
        rows.append(Row(f"nginx, {count}: CPU while streaming", floor, "µs/token"))
        for name in _others(measured):
            mine = _of(measured[name], count, _cpu)
            rows.append(Row(f"{name}, {count}: CPU while streaming", mine, "µs/token", "nginx", floor))
            delays = _of(measured[name], count, lambda run: quantile(run.ages, 0.99))
            rows.append(Row(f"{name}, {count}: token delay p99", delays, "ms"))
    for name in (NGINX, *_others(measured)):
        firsts = _firsts_at(measured[name], 0.5)
        rows.append(Row(f"{name}: first token p50, one at a time", firsts, "ms", "direct", direct))
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
        rows += _html_rows(measured, server, count)
    return rows


def _crowd_rows(measured: dict[str, list[Measured]], server: str, count: int) -> list[Row]:
    key, name = str(count), f"{server}, {count}"
    mine, floor = measured[server], measured[NGINX]
    other = measured[SERVERS[0]]

    def against_nginx(what: str, figure: Callable[[Streamed], float], unit: str, goal: Goal | None = None) -> Row:
        return Row(f"{name}: {what}", _of(mine, key, figure), unit, "nginx", _of(floor, key, figure), goal)

    rows = [
        against_nginx("CPU while streaming", _cpu, "µs/token", Goal("ratio", 1.7 if count >= 256 else 2.5)),
        against_nginx("CPU with asking and settling", lambda run: run.micros_in_all, "µs/token"),
        against_nginx("first token p50, all at once", lambda run: quantile(run.firsts, 0.5), "ms"),
        against_nginx("token delay p50", lambda run: quantile(run.ages, 0.5), "ms"),
        against_nginx("token delay p99", lambda run: quantile(run.ages, 0.99), "ms", _delay_goal(count)),
        Row(f"{name}: tokens lost", _of(mine, key, lambda run: run.lost(TOKENS)), "tokens", goal=Goal("value", 0)),
        Row(f"{name}: out of order", _of(mine, key, lambda run: run.out_of_order), "tokens", goal=Goal("value", 0)),
        against_nginx("bytes on the wire over text", lambda run: run.bytes_over_text, "×", Goal("value", 1.6)),
    ]
    if LITELLM_PROXY in measured:
        theirs = _of(measured[LITELLM_PROXY], key, _cpu)
        what = f"{name}: CPU while streaming"
        rows.append(Row(what, _of(mine, key, _cpu), "µs/token", LITELLM_PROXY, theirs, Goal("ratio", 0.1)))
    if server != SERVERS[0]:
        rows.append(
            Row(f"{name}: CPU while streaming", _of(mine, key, _cpu), "µs/token", SERVERS[0], _of(other, key, _cpu))
        )
    return rows


def _html_rows(measured: dict[str, list[Measured]], server: str, count: int) -> list[Row]:
    key, mine = _html(count), measured[server]
    name, floor = f"{server}, {key}", _of(measured[NGINX], str(count), _cpu)
    delays = _of(mine, key, lambda run: quantile(run.ages, 0.99))
    return [
        Row(f"{name}: CPU while streaming", _of(mine, key, _cpu), "µs/token", "nginx", floor),
        Row(f"{name}: token delay p99", delays, "ms", goal=_delay_goal(count)),
        Row(f"{name}: tokens lost", _of(mine, key, lambda run: run.lost(TOKENS)), "tokens", goal=Goal("value", 0)),
        Row(f"{name}: bytes on the wire over text", _of(mine, key, lambda run: run.bytes_over_text), "×"),
    ]


def _delay_goal(streams: int) -> Goal:
    return Goal("value", round(frame_seconds(streams) * 1e3 + MOST_ADDED_MS, 1))


def _cpu(run: Streamed) -> float:
    return run.micros_while_streaming


def _of(rounds: list[Measured], key: str, figure: Callable[[Streamed], float]) -> list[float]:
    return [figure(measured.runs[key]) for measured in rounds]


def _firsts_at(rounds: list[Measured], part: float) -> list[float]:
    return [quantile(measured.firsts, part) for measured in rounds]
