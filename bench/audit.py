"""How many events a second the audit log takes, against the same rows put into a table without chain or guards.

Every event is a transaction of its own, as in a deed that does nothing else; clients share the machine with PostgreSQL.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from functools import partial

import psycopg
from psycopg.types.json import Jsonb

from app.embedded.paths import database_url
from bench.harness import Row, interleaved
from bench.house import House

CLIENTS = (1, 8)
SECONDS = 3.0
_PLAIN_TABLE = """
create table bench_plain (like audit_event including defaults);
create index on bench_plain (at desc, id desc);
create index on bench_plain (actor, at desc);
create unique index on bench_plain (shard, seq);
create sequence bench_seq;
grant insert, select on bench_plain to public;
grant usage on sequence bench_seq to public;
"""
_PLAIN = """
insert into bench_plain (shard, seq, at, actor, action, object, outcome, request_id, payload, prev, hash)
values (0, nextval('bench_seq'), clock_timestamp(), %s, %s, %s, %s, %s, %s, ''::bytea, ''::bytea)
"""
_CHAINED = "select audit_append(%s, %s, %s, %s, %s, %s)"


def run(house: House) -> list[Row]:
    with psycopg.connect(database_url("owner"), autocommit=True) as connection:
        connection.execute(_PLAIN_TABLE)
    rows = []
    for clients in CLIENTS:
        subjects: dict[str, Callable[[], float]] = {
            "plain": partial(_events_per_second, _PLAIN, clients),
            "chained": partial(_events_per_second, _CHAINED, clients),
        }
        rates = interleaved(subjects)
        label = f"{clients} client{'s' if clients > 1 else ''}"
        rows.append(Row(f"plain inserts, {label}", rates["plain"], "events/s"))
        rows.append(Row(f"audit_append, {label}", rates["chained"], "events/s", "plain inserts", rates["plain"]))
    return rows


def _events_per_second(statement: str, clients: int) -> float:
    """What ``clients`` threads write together, each on a connection of its own."""
    counts = [0] * clients
    gate = threading.Barrier(clients + 1)

    def write(client: int) -> None:
        with psycopg.connect(database_url("application"), autocommit=True) as connection:
            payload = Jsonb({"characters": 412, "citations": 3, "tokens_in": 1830, "tokens_out": 96})
            gate.wait()
            end = time.monotonic() + SECONDS
            while time.monotonic() < end:
                values = [f"actor-{client}", "message.done", f"message:{random.getrandbits(122)}", "ok", "", payload]
                connection.execute(statement, values)
                counts[client] += 1

    threads = [threading.Thread(target=write, args=(client,)) for client in range(clients)]
    for thread in threads:
        thread.start()
    gate.wait()
    begun = time.monotonic()
    for thread in threads:
        thread.join()
    return sum(counts) / (time.monotonic() - begun)
