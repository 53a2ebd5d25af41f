"""What a crowd of readers costs those beside it: others' pages while many answers stream, memory while sockets idle."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

import aiohttp
import psutil
from django.conf import settings
from django.test import Client

from app.embedded import application
from bench import readers
from bench.bystander import watching
from bench.cast import Cast, most_readers
from bench.harness import BenchError, Goal, Row, interleaved, quantile
from bench.house import House, free_port
from bench.people import Line
from bench.readers import Streamed, read_together
from bench.talking import ask, open_line
from chat.models import Assistant

LONG_TOKENS = 600
PAGE_ANSWERS = 10
IDLE_SECONDS = 6.0
WARM_SOCKETS, SOCKETS, TOGETHER = 50, 500, 10
SETTLE_SECONDS = 2.0
PARLEY, BARE = "app.asgi:application", "bench.bare:application"


def run(house: House, cast: Cast, servers: Sequence[str]) -> list[Row]:
    rows: list[Row] = []
    pages = interleaved({server: partial(_page_times, house, cast, server) for server in servers})
    for server, times in pages.items():
        idle, busy = [one.idle for one in times], [one.busy for one in times]
        name = f"{server}, {most_readers()} streams: a page with its history p99"
        rows.append(Row(name, busy, "ms", "the same with nobody else", idle, Goal("ratio", 3.0)))
    both = [(server, app) for server in servers for app in (BARE, PARLEY)]
    sizes = interleaved({f"{server} {app}": partial(_socket_size, house, cast, server, app) for server, app in both})
    for server in servers:
        mine, bare = sizes[f"{server} {PARLEY}"], sizes[f"{server} {BARE}"]
        rows.append(Row(f"{server}: an idle socket", mine, "KiB", "bare websocket", bare, Goal("ratio", 1.3)))
    return rows


# --- a page beside many streams ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Times:
    """99th percentiles in milliseconds."""

    idle: float
    busy: float


def _page_times(house: House, cast: Cast, server: str) -> Times:
    """One conversation with some answers, opened again and again, first alone and then while all the others read."""
    long = _long(cast)
    with house.web(server) as (port, _):
        path, cookie = page_with_answers(cast, port)
        with watching(port, path, cookie) as alone:
            time.sleep(IDLE_SECONDS)
        with watching(port, path, cookie) as seen:
            streamed = asyncio.run(_read(cast.lines(port, most_readers(), long)))
    begin, end = streamed.window
    idle = [milliseconds for at, milliseconds in alone if at > alone[0][0] + 1]  # the first ones warm it up
    busy = [milliseconds for at, milliseconds in seen if begin <= at < end]
    return Times(quantile(idle, 0.99), quantile(busy, 0.99))


def _long(cast: Cast) -> Assistant:
    columns = {"mode": "generate", "model": cast.writer.model, "searches": False, "is_for_everyone": True}
    columns["repeats_answers"] = False  # every answer is to come from the model
    return Assistant.objects.get_or_create(
        slug="long", defaults={"name": "Long", "max_tokens": LONG_TOKENS, **columns}
    )[0]


def page_with_answers(cast: Cast, port: int) -> tuple[str, str]:
    """A conversation's address with some answers in it, and the cookie of its reader's session."""
    line = cast.lines(port, 1, cast.brief)[0]
    asyncio.run(_fill(line))
    client = Client()
    client.force_login(cast.people[0].user)
    name = settings.SESSION_COOKIE_NAME
    return f"/c/{line.conversation_id}/", f"{name}={client.cookies[name].value}"


async def _fill(line: Line) -> None:
    async with aiohttp.ClientSession() as session:
        for _ in range(PAGE_ANSWERS):
            await ask(session, line, readers.QUESTION)


async def _read(lines: list[Line]) -> Streamed:
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        return await read_together(len(lines), readers.json_reader(session, lines), lambda: 0.0)


# --- idle sockets --------------------------------------------------------------------------------------------------


def _socket_size(house: House, cast: Cast, server: str, app: str) -> float:
    """KiB that a web process grows by for each open socket on which nothing happens."""
    with _serving(house, server, app) as (port, pid):
        return asyncio.run(_grow(cast.lines(port, WARM_SOCKETS + SOCKETS, cast.brief), pid))


def _serving(house: House, server: str, app: str) -> contextlib.AbstractContextManager[tuple[int, int]]:
    return house.web(server) if app == PARLEY else _bare(house, server)


@contextlib.contextmanager
def _bare(house: House, server: str) -> Iterator[tuple[int, int]]:
    """The bare application under the same server with the same options."""
    os.environ["WEB_SERVER"], port = server, free_port()
    part = application.web_part(port)
    part = replace(part, command=[BARE if word == PARLEY else word for word in part.command])
    with house.running(part) as process:
        yield port, process.pid


async def _grow(lines: list[Line], pid: int) -> float:
    session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))
    async with session, contextlib.AsyncExitStack() as stack:
        await _open(stack, session, lines[:WARM_SOCKETS])
        await asyncio.sleep(SETTLE_SECONDS)
        before = _own_memory(pid)
        await _open(stack, session, lines[WARM_SOCKETS:])
        await asyncio.sleep(SETTLE_SECONDS)
        grown = _own_memory(pid) - before
    if grown <= 0:
        raise BenchError("A process did not grow by its sockets: something else gave memory back meanwhile.")
    return grown / SOCKETS / 1024


async def _open(stack: contextlib.AsyncExitStack, session: aiohttp.ClientSession, lines: Sequence[Line]) -> None:
    """Some at a time, as many as a server gets to greet without its memory growing for the rush alone."""
    for begin in range(0, len(lines), TOGETHER):
        some = lines[begin : begin + TOGETHER]
        await asyncio.gather(*(stack.enter_async_context(open_line(session, line)) for line in some))


def _own_memory(pid: int) -> int:
    """Bytes that only this process has."""
    return int(psutil.Process(pid).memory_full_info().uss)
