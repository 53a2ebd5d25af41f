"""The audit log in the database, read as fast as it can be checked: without Django, over psycopg alone.

PostgreSQL's binary COPY sends a row as its fields, each with its length in front: the very bytes that an event's hash
is over. So a row costs one SHA-256 and three comparisons, nothing is decoded, and a shard that is not whole is read a
second time, slowly, to name its first wrong row. The shards can be divided among processes; all of them see one moment.
"""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

import psycopg

from accounts.audit_chain import (
    HEADS,
    ROWS,
    SHARDS,
    START,
    Checkpoint,
    Fault,
    Head,
    Known,
    Marks,
    Report,
    Row,
    check_chain,
)

_COPY = """
copy (
    select shard::bigint, seq, id, (extract(epoch from at) * 1000000)::bigint, actor::text, action::text, object::text,
        outcome::text, request_id::text, payload::text, prev, hash
    from audit_event where shard = {shard} and seq > {after} and seq <= {until} order by seq
) to stdout (format binary)
"""
_SIGNATURE = b"PGCOPY\n\xff\r\n\0"
_HEAD_BYTES = len(_SIGNATURE) + 8
_FRAMED_FORMAT = struct.pack(">i", len(b"parley-audit-1")) + b"parley-audit-1"
_END = 2**62

Address = Mapping[str, Any]


@dataclass(frozen=True)
class Links:
    """What a stretch of one chain's rows came to: how many followed each other, and the hash they ended with."""

    count: int
    last: bytes
    is_whole: bool


def connect(address: Address) -> psycopg.Connection:
    return psycopg.connect(**address, autocommit=True)


def read_heads(connection: psycopg.Connection) -> dict[int, Head]:
    return {shard: Head(seq, bytes(digest)) for shard, seq, digest in connection.execute(HEADS)}


def read_rows(connection: psycopg.Connection, shard: int, after: int = 0, until: int = _END) -> list[Row]:
    query = ROWS.replace("order by", "where shard = %s and seq > %s and seq <= %s order by")
    return [Row(*row) for row in connection.execute(query, [shard, after, until])]


def read_checkpoints(connection: psycopg.Connection, after: int = 0) -> Iterator[Checkpoint]:
    """Those behind number ``after``, in order, some hundred at a time."""
    query = "select statement, signature, moved from audit_checkpoint where number > %s order by number limit 500"
    while found := connection.execute(query, [after]).fetchall():
        for statement, signature, moved in found:
            yield stored(statement, signature, moved)
        after += len(found)
        if len(found) < 500:
            return


def stored(statement: str, signature: str, moved: str) -> Checkpoint:
    places = {int(shard): (int(seq), str(digest)) for shard, (seq, digest) in json.loads(moved).items()}
    return Checkpoint(json.loads(statement), signature, places)


def follow_links(
    connection: psycopg.Connection,
    shard: int,
    start: Head,
    until: int = _END,
    marks: Marks | None = None,
    into: list[bytes] | None = None,
) -> Links:
    """Check that the rows after ``start`` follow it, one by one and each with its own hash; stops where one does not.

    ``marks`` say what some of them have to be; ``into`` gets every hash.
    """
    seq, last = start
    is_first, is_whole = True, True
    places = dict(zip(marks.seqs, range(len(marks.seqs)), strict=True)) if marks else {}
    sha256 = hashlib.sha256
    with connection.cursor().copy(_COPY.format(shard=shard, after=start.seq, until=until)) as copy:
        for block in copy:
            data = bytes(block)
            if is_first:
                is_first, data = False, data[_HEAD_BYTES:]
            # Only the head, or the mark of the end; or more of a chain that is broken, which is read past: to end
            # the copy early would end the transaction too.
            if len(data) <= 2 or not is_whole:
                continue
            digest = data[-32:]
            place = seq + 1
            # Two bytes count the fields; the shard's field, of 12 bytes, comes before that of the number.
            follows = data[18:26] == place.to_bytes(8, "big") and data[-68:-36] == last
            if not follows or sha256(_FRAMED_FORMAT + data[2:-36]).digest() != digest:
                is_whole = False
                continue
            if place in places and marks and marks.hash_at(places[place]) != digest:
                is_whole = False
                continue
            seq, last = place, digest
            if into is not None:
                into.append(digest)
    return Links(seq - start.seq, last, is_whole)


def check_shard(
    connection: psycopg.Connection, shard: int, head: Head | None, marks: Marks | None, known: Known | None
) -> tuple[int, Fault | None]:
    """How many events the chain has, and its first fault."""
    links = follow_links(connection, shard, Head(0, START), marks=marks)
    is_marked = not marks or not marks.seqs or marks.seqs[-1] <= links.count
    if links.is_whole and is_marked and head == Head(links.count, links.last):
        return links.count, None
    rows = read_rows(connection, shard)
    return len(rows), check_chain(shard, rows, head, marks, known)


def check_rows(
    connection: psycopg.Connection, marks: Mapping[int, Marks], known: Known | None, shards: Iterable[int] | None = None
) -> Report:
    """Check these chains, or all, in the transaction that is open."""
    heads = read_heads(connection)
    counted, faults = 0, []
    for shard in range(SHARDS) if shards is None else shards:
        count, fault = check_shard(connection, shard, heads.get(shard), marks.get(shard), known)
        counted += count
        if fault:
            faults.append(fault)
    return Report(counted, SHARDS, faults)


def check_in_processes(
    connection: psycopg.Connection, address: Address, marks: Mapping[int, Marks], known: Known | None, processes: int
) -> Report:
    """The same by several processes, which see what the open transaction of ``connection`` sees."""
    (snapshot,) = connection.execute("select pg_export_snapshot()").fetchone() or ("",)
    parts = [list(range(number, SHARDS, processes)) for number in range(processes)]
    part_marks = [{shard: marks[shard] for shard in part if shard in marks} for part in parts]
    work = partial(_check_part, dict(address), snapshot, known)
    with ProcessPoolExecutor(processes, multiprocessing.get_context("spawn")) as pool:
        reports = list(pool.map(work, part_marks, parts))
    faults = sorted((fault for report in reports for fault in report.faults), key=lambda fault: fault.shard)
    return Report(sum(report.events for report in reports), SHARDS, faults)


def _check_part(
    address: Address, snapshot: str, known: Known | None, marks: Mapping[int, Marks], shards: Sequence[int]
) -> Report:
    with connect(address) as connection, connection.transaction():
        connection.execute("set transaction isolation level repeatable read, read only")
        connection.execute(f"set transaction snapshot '{snapshot}'")
        return check_rows(connection, marks, known, shards)
