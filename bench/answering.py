"""What one answer costs the database, and what a killed web process loses of it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import time
from collections import Counter
from collections.abc import Iterator

import aiohttp
import psycopg

from app.embedded.paths import DATABASE_NAME, OWNER_ROLE
from bench import readers
from bench.cast import FEW_TOKENS, PACE, TOKENS, Cast
from bench.harness import BenchError, Goal, Row, repeats
from bench.house import House
from bench.people import Line
from bench.talking import Answer, next_event, open_line, read_to_end, send
from bench.upstream import TOKEN_CHARACTERS
from chat.models import Message

COUNTED = 8
IDLE_SECONDS = 6.0
KILL_AFTER = (1.6, 2.2, 2.9)
RECOVERY_SECONDS = 40.0
_STATEMENT = re.compile(r"^\d+ LOG:  (?:statement|execute [^:]*): (.*)$")
_FRAME = re.compile(r"(?i)^(begin|commit|rollback|savepoint|release|set |show )")


def run(house: House, cast: Cast) -> list[Row]:
    return [*_statement_rows(house, cast), *_loss_rows(house, cast)]


# --- statements ----------------------------------------------------------------------------------------------------


def _statement_rows(house: House, cast: Cast) -> list[Row]:
    with _every_statement_logged(house), house.web("uvicorn") as (port, _):
        short = _statements(house, cast.lines(port, 1, cast.brief)[0])
        long = _statements(house, cast.lines(port, 1, cast.writer)[0])
    goal = Goal("value", 6)
    return [
        Row(f"statements for an answer of {FEW_TOKENS} tokens", short, "", goal=goal),
        Row(f"statements for an answer of {TOKENS} tokens", long, "", f"{FEW_TOKENS} tokens", short, goal),
    ]


@contextlib.contextmanager
def _every_statement_logged(house: House) -> Iterator[None]:
    """As the database itself sees them. BEGIN, COMMIT and their like are not counted."""
    with psycopg.connect(
        host=str(house.folder.postgres_sockets), user=OWNER_ROLE, dbname=DATABASE_NAME, autocommit=True
    ) as connection:
        connection.execute("alter system set log_statement = 'all'")
        connection.execute("select pg_reload_conf()")
        try:
            yield
        finally:
            connection.execute("alter system reset log_statement")
            connection.execute("select pg_reload_conf()")


def _statements(house: House, line: Line) -> list[float]:
    """How many each of some answers took, but for those that come while nobody asks as well."""
    log = house.folder.logs / "postgres.log"

    async def count() -> list[float]:
        async with aiohttp.ClientSession() as session, open_line(session, line) as socket:
            await _one(socket)  # whatever is only looked up once
            begin = log.stat().st_size
            await asyncio.sleep(IDLE_SECONDS)
            idle = set(_logged(log.read_bytes()[begin:]))
            counts: list[float] = []
            for _ in range(COUNTED):
                begin = log.stat().st_size
                await _one(socket)
                await asyncio.sleep(0.3)
                said = {text: n for text, n in _logged(log.read_bytes()[begin:]).items() if text not in idle}
                counts.append(sum(said.values()))
            print("\n".join(["The last answer's statements:", *(f"{n:3} {text}" for text, n in said.items())]))
            return counts

    return asyncio.run(count())


async def _one(socket: aiohttp.ClientWebSocketResponse) -> Answer:
    await send(socket, type="ask", text=readers.QUESTION)
    return await read_to_end(socket, Answer())


def _logged(said: bytes) -> Counter[str]:
    """Statements in a stretch of the database's log, each on one line and cut to its beginning."""
    whole = said.decode(errors="replace").replace("\n\t", " ")  # how it writes statements of several lines
    found = (_STATEMENT.match(line) for line in whole.splitlines())
    texts = [" ".join(match[1].split())[:120] for match in found if match]
    return Counter(text for text in texts if not _FRAME.match(text))


# --- what a killed process loses -----------------------------------------------------------------------------------


def _loss_rows(house: House, cast: Cast) -> list[Row]:
    in_row, in_the_end = [], []
    for number in range(repeats()):
        seconds = KILL_AFTER[number % len(KILL_AFTER)]
        read, at_once, finally_kept = _kill_one(house, cast, seconds)
        in_row.append(_seconds_lost(read, at_once))
        in_the_end.append(_seconds_lost(read, finally_kept))
    return [
        Row("web process killed: text that was read and is not in the row yet", in_row, "s", goal=Goal("value", 2.0)),
        Row("the same after another process took over", in_the_end, "s", goal=Goal("value", 0.0)),
    ]


def _kill_one(house: House, cast: Cast, seconds: float) -> tuple[str, str, str]:
    """What was read of an answer, what its row had at the moment of the kill, and what in the end."""
    with house.web("uvicorn") as (port, pid):
        answer = asyncio.run(_read_and_kill(cast.lines(port, 1, cast.writer)[0], pid, seconds))
    row = Message.objects.get(pk=answer.message_id)
    with house.web("uvicorn"):
        end = time.monotonic() + RECOVERY_SECONDS
        kept = row
        while kept.state == Message.State.RUNNING:
            if time.monotonic() > end:
                raise BenchError("Nobody took over the answer of a killed process.")
            time.sleep(0.1)
            kept = Message.objects.get(pk=answer.message_id)
    return answer.text, row.text, kept.text


async def _read_and_kill(line: Line, pid: int, seconds: float) -> Answer:
    answer = Answer()
    async with aiohttp.ClientSession() as session, open_line(session, line) as socket:
        await send(socket, type="ask", text=readers.QUESTION)
        while not answer.first_at or time.monotonic() - answer.first_at < seconds:
            answer.note(await next_event(socket))
        os.kill(pid, signal.SIGKILL)
        with contextlib.suppress(BenchError):  # what was on its way before the end of the line
            await read_to_end(socket, answer)
    return answer


def _seconds_lost(read: str, kept: str) -> float:
    if not read.startswith(kept) and not kept.startswith(read):
        raise BenchError("What was kept of an answer is not what was read.")
    return max(0, len(read) - len(kept)) / TOKEN_CHARACTERS * PACE
