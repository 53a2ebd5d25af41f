"""Proves or disproves that the audit log is what was written: recomputes every chain and names the first wrong row.

This one file needs nothing of Parley and no Django, so that an auditor can read all of it, and run it against the
database or a copy: ``python audit_chain.py postgresql://…`` (that needs psycopg; the checking itself needs nothing).

It cannot see what a single hand could rewrite consistently: whoever owns the database and takes the guards off can
rewrite a chain from some row to its head, hashes and all. Only a copy of the heads kept elsewhere shows that.
"""

from __future__ import annotations

import hashlib
import struct
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Any, Literal, NamedTuple
from uuid import UUID

Kind = Literal["changed", "deleted", "inserted", "reordered", "truncated"]

ROWS = """
select shard, seq, id, at, actor, action, object, outcome, request_id, payload::text, prev, hash
from audit_event order by shard, seq
"""
HEADS = "select shard, seq, hash from audit_head order by shard"

START = bytes(32)
_FORMAT = b"parley-audit-1"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_RENUMBERED_BY = 10_000  # how many removed rows a renumbering is looked for
_MICROSECOND = timedelta(microseconds=1)


class Row(NamedTuple):
    """One event, columns in the order of ROWS; ``payload`` is the text PostgreSQL gives for it."""

    shard: int
    seq: int
    id: UUID
    at: datetime
    actor: str
    action: str
    object: str
    outcome: str
    request_id: str
    payload: str
    prev: bytes
    hash: bytes


class Head(NamedTuple):
    """How far a chain has come: its last sequence number (0 for an empty one) and that event's hash."""

    seq: int
    hash: bytes


@dataclass(frozen=True)
class Fault:
    """The first row of a chain that is not what was written. ``id`` is None where the row is gone."""

    shard: int
    seq: int
    kind: Kind
    id: UUID | None = None

    def __str__(self) -> str:
        named = f", event {self.id}" if self.id else ""
        return f"shard {self.shard}, seq {self.seq}{named}: {self.kind}"


@dataclass(frozen=True)
class Report:
    events: int
    chains: int
    faults: list[Fault]


def hash_of(row: Row, *, seq: int | None = None) -> bytes:
    """SHA-256 over every field of the event, each with its length in front; ``seq`` tries another place."""
    micros = (row.at - _EPOCH) // _MICROSECOND
    numbers = (row.shard, row.seq if seq is None else seq)
    texts = (row.actor, row.action, row.object, row.outcome, row.request_id, row.payload)
    parts = [_FORMAT, *(struct.pack(">q", number) for number in numbers), row.id.bytes, struct.pack(">q", micros)]
    parts += [text.encode() for text in texts]
    parts.append(bytes(row.prev))
    return hashlib.sha256(b"".join(struct.pack(">i", len(part)) + part for part in parts)).digest()


def verify(rows: Iterable[Row], heads: Mapping[int, Head]) -> Report:
    """Check every chain. ``rows`` come ordered by shard and seq; holds the rows of one shard in memory at a time."""
    faults = []
    events = 0
    missing = set(heads)
    for shard, chain in groupby(rows, key=lambda row: row.shard):
        kept = list(chain)
        events += len(kept)
        missing.discard(shard)
        if fault := check_chain(shard, kept, heads.get(shard)):
            faults.append(fault)
    for shard in sorted(missing):
        if fault := check_chain(shard, [], heads[shard]):
            faults.append(fault)
    return Report(events, len(heads), sorted(faults, key=lambda fault: fault.shard))


def check_chain(shard: int, rows: list[Row], head: Head | None) -> Fault | None:
    """The first fault of one shard, whose rows come in the order of seq; None when it is whole."""
    if head is None:
        return Fault(shard, 0, "deleted")
    prev = START
    for index, row in enumerate(rows):
        expected = index + 1
        if row.seq == expected and bytes(row.prev) == prev and hash_of(row) == bytes(row.hash):
            prev = bytes(row.hash)
            continue
        return _name_fault(rows, index, prev)
    return _check_end(shard, rows, prev, head)


def _check_end(shard: int, rows: list[Row], last_hash: bytes, head: Head) -> Fault | None:
    """Compare a chain that is whole in itself with where its head says it ends."""
    if head.seq > len(rows):
        return Fault(shard, len(rows) + 1, "truncated")
    if head.seq < len(rows):
        return Fault(shard, head.seq + 1, "inserted", rows[head.seq].id)
    if bytes(head.hash) != last_hash:
        return Fault(shard, head.seq, "changed", rows[-1].id if rows else None)
    return None


def _name_fault(rows: list[Row], index: int, prev: bytes) -> Fault:
    """Say what happened at ``rows[index]``, the first that does not continue the chain, which ends in ``prev``."""
    row, place = rows[index], index + 1
    genuine = _follow(rows[index:], prev, place)
    if genuine and genuine[0] is not row:
        kind: Kind = "reordered" if any(row is each for each in genuine) else "inserted"
        return Fault(row.shard, place, kind, row.id)
    if genuine:
        return Fault(row.shard, place, "changed", row.id)  # all of it is right but its number
    if row.seq > place:
        return Fault(row.shard, place, "deleted")
    if row.seq < place:
        return Fault(row.shard, row.seq, "inserted", row.id)
    if bytes(row.prev) == prev:
        return Fault(row.shard, place, "changed", row.id)
    return _name_break(rows, index)


def _name_break(rows: list[Row], index: int) -> Fault:
    """The row at its place points back to another than the one before it. Which of them is wrong?"""
    row, place = rows[index], index + 1
    if hash_of(row) == bytes(row.hash) and index:
        return Fault(row.shard, place - 1, "changed", rows[index - 1].id)  # rewritten together with its hash
    for earlier, other in enumerate(rows[:index], start=1):
        if bytes(other.prev) == bytes(row.prev) and hash_of(row, seq=earlier) == bytes(row.hash):
            return Fault(row.shard, earlier, "inserted", other.id)  # well made, in the place that was this row's
    if any(hash_of(row, seq=later) == bytes(row.hash) for later in range(place + 1, place + _RENUMBERED_BY)):
        return Fault(row.shard, place, "deleted")  # and the rows after it renumbered
    return Fault(row.shard, place, "changed", row.id)


def _follow(rows: list[Row], prev: bytes, place: int) -> list[Row]:
    """The rows that truly continue the chain from ``prev`` on, in their true order, wherever they lie now."""
    by_prev: dict[bytes, list[Row]] = {}
    for row in rows:
        by_prev.setdefault(bytes(row.prev), []).append(row)
    found: list[Row] = []
    while True:
        candidates = by_prev.get(prev, [])
        true = next((row for row in candidates if hash_of(row, seq=place) == bytes(row.hash)), None)
        if true is None:
            return found
        found.append(true)
        prev, place = bytes(true.hash), place + 1


def verify_database(connection: Any) -> Report:
    """Check the log behind an open psycopg connection that is in no transaction, as of one moment."""
    with connection.transaction(), connection.cursor(name="audit_rows") as rows:
        connection.execute("set transaction isolation level repeatable read, read only")
        heads = {shard: Head(seq, bytes(digest)) for shard, seq, digest in connection.execute(HEADS)}
        rows.itersize = 5_000
        rows.execute(ROWS)
        return verify((Row(*row) for row in rows), heads)


def main(arguments: Sequence[str]) -> int:
    import psycopg

    with psycopg.connect(*arguments) as connection:
        report = verify_database(connection)
    sys.stdout.write("".join(f"{fault}\n" for fault in report.faults))
    sys.stdout.write(f"{report.events} events in {report.chains} chains, {len(report.faults)} chains broken\n")
    return 1 if report.faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
