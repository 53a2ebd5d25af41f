"""Ten thousand random tamperings with a log in memory, some dozens with the real one: each is found, its row named."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import psycopg
import pytest
from django.db import transaction
from pytest_django import Settings

from accounts import audit
from accounts.audit_chain import PREFIX_BYTES, START, Fault, Head, Marks, Row, check_chain, hash_of
from accounts.auditing.rows import read_rows
from accounts.auditing.sealing import seal_log
from accounts.auditing.verifying import check_log
from app.embedded import paths

TIMES = 10_000
ROWS = 24
BEGAN = datetime(2026, 1, 31, 8, tzinfo=UTC)
SHARD = 7


class Sealed:
    """A chain that was written and sealed honestly, with all that is kept of it elsewhere."""

    def __init__(self, rows: list[Row], every: int) -> None:
        self.rows = rows
        self.head = Head(len(rows), rows[-1].hash)
        self.marks = Marks()
        for seq in range(every, len(rows) + 1, every):
            self.marks.add(seq, rows[seq - 1].hash, seq - every)
        self.kept = b"".join(row.hash[:PREFIX_BYTES] for row in rows[: self.marks.seqs[-1]])

    def known(self, start: int, count: int) -> bytes:
        return self.kept[start * PREFIX_BYTES : (start + count) * PREFIX_BYTES]

    def check(self, rows: list[Row], head: Head) -> Fault | None:
        return check_chain(SHARD, sorted(rows, key=lambda row: row.seq), head, self.marks, self.known)


def a_row(chance: random.Random, seq: int, prev: bytes) -> Row:
    row = Row(
        shard=SHARD,
        seq=seq,
        id=UUID(int=chance.getrandbits(128)),
        at=BEGAN + timedelta(microseconds=chance.randrange(10**12)),
        actor=f"person-{chance.randrange(9)}",
        action=chance.choice(["message.ask", "key.create", "case.decide"]),
        object=f"thing:{chance.randrange(99)}",
        outcome=chance.choice(["ok", "denied"]),
        request_id=str(chance.getrandbits(32)),
        payload=f'{{"size": {chance.randrange(99)}}}',
        prev=prev,
        hash=START,
    )
    return row._replace(hash=hash_of(row))


def a_chain(chance: random.Random, length: int, after: Head = Head(0, START)) -> list[Row]:  # noqa: B008 - never changed
    rows: list[Row] = []
    for seq in range(after.seq + 1, length + 1):
        rows.append(a_row(chance, seq, rows[-1].hash if rows else after.hash))
    return rows


# Each takes the rows, the head and where to tamper (an index), and gives what is there then and the wrong row's seq.
Tampering = Callable[[random.Random, list[Row], Head, int], tuple[list[Row], Head, set[int]]]


def edit(chance: random.Random, rows: list[Row], head: Head, at: int) -> tuple[list[Row], Head, set[int]]:
    """One field of a row, its hash left as it was or made to fit."""
    other = chance.choice(
        [
            {"actor": "nobody"},
            {"at": rows[at].at + timedelta(microseconds=1)},
            {"payload": '{"size": 100}'},
            {"outcome": "failed"},
            {"object": "thing:100"},
            {"id": UUID(int=chance.getrandbits(128))},
            {"hash": chance.randbytes(32)},
        ]
    )
    row = rows[at]._replace(**other)  # type: ignore[arg-type]
    rows[at] = row._replace(hash=hash_of(row)) if "hash" not in other and chance.random() < 0.5 else row
    return rows, head, {at + 1}


def delete(chance: random.Random, rows: list[Row], head: Head, at: int) -> tuple[list[Row], Head, set[int]]:
    """A row or a few, with the gap left open or closed."""
    count = min(chance.randint(1, 3), len(rows) - at)
    rest = rows[at + count :]
    if chance.random() < 0.5:
        rest = [row._replace(seq=row.seq - count) for row in rest]
    return rows[:at] + rest, head, {at + 1}


def insert(chance: random.Random, rows: list[Row], head: Head, at: int) -> tuple[list[Row], Head, set[int]]:
    forged = a_row(chance, at + 1, rows[at].prev)
    return rows[:at] + [forged] + [row._replace(seq=row.seq + 1) for row in rows[at:]], head, {at + 1}


def swap(chance: random.Random, rows: list[Row], head: Head, at: int) -> tuple[list[Row], Head, set[int]]:
    other = chance.choice([index for index in range(len(rows)) if index != at])
    first, second = rows[at], rows[other]
    rows[at], rows[other] = second._replace(seq=first.seq), first._replace(seq=second.seq)
    return rows, head, {min(at, other) + 1}


def cut(chance: random.Random, rows: list[Row], head: Head, at: int) -> tuple[list[Row], Head, set[int]]:
    """The end, with the head left or moved back."""
    at = max(at, 1)
    rest = rows[:at]
    return rest, Head(at, rest[-1].hash) if chance.random() < 0.5 else head, {at + 1}


def rewrite(chance: random.Random, rows: list[Row], head: Head, at: int) -> tuple[list[Row], Head, set[int]]:
    """Another history from a row on, every hash of it right, the head too; perhaps shorter or longer than it was."""
    begin = Head(at, rows[at - 1].hash) if at else Head(0, START)
    written = rows[:at] + a_chain(chance, max(at + 1, len(rows) + chance.randint(-2, 2)), begin)
    return written, Head(len(written), written[-1].hash), {at + 1}


def edit_and_chain_anew(
    chance: random.Random, rows: list[Row], head: Head, at: int
) -> tuple[list[Row], Head, set[int]]:
    """One row changed and everything behind it hashed anew, some or all of the way."""
    rows[at] = rows[at]._replace(actor="nobody")
    end = chance.randint(at + 1, len(rows))
    for index in range(at, end):
        row = rows[index]._replace(prev=rows[index - 1].hash if index else START)
        rows[index] = row._replace(hash=hash_of(row))
    return rows, Head(head.seq, rows[-1].hash), {at + 1}


TAMPERINGS: list[Tampering] = [edit, delete, insert, swap, cut, rewrite, edit_and_chain_anew]


def test_ten_thousand_tamperings_are_found_and_their_first_row_named() -> None:
    chance = random.Random(20260131)
    logs = [Sealed(a_chain(chance, ROWS), every) for every in (2, 3, 4, 6, 8)]
    assert all(log.check(log.rows, log.head) is None for log in logs)
    missed = []
    for number in range(TIMES):
        log, tamper = chance.choice(logs), TAMPERINGS[number % len(TAMPERINGS)]
        at = chance.randrange(ROWS)
        rows, head, wrong = tamper(chance, list(log.rows), log.head, at)
        fault = log.check(rows, head)
        if fault is None or fault.seq not in wrong or fault.until:
            missed.append((tamper.__name__, at, str(fault)))
    assert missed == []


def test_without_the_kept_hashes_a_rewriting_is_found_between_two_checkpoints() -> None:
    chance = random.Random(1)
    log = Sealed(a_chain(chance, ROWS), 6)
    for at in range(ROWS):
        rows, head, _ = rewrite(chance, list(log.rows), log.head, at)
        fault = check_chain(SHARD, rows, head, log.marks)
        assert fault is not None
        assert fault.seq <= at + 1 <= (fault.until or fault.seq)


def test_what_no_checkpoint_saw_can_be_rewritten() -> None:
    """Said openly in the documentation: after the last checkpoint there is only the chain."""
    chance = random.Random(2)
    log = Sealed(a_chain(chance, ROWS + 3), 8)
    rows, head, _ = rewrite(chance, list(log.rows), log.head, ROWS + 1)
    assert log.check(rows, head) is None


# ------------------------------------------------------------------------------------------------ the real database


@pytest.fixture
def log(transactional_db: None, tmp_path: Path, settings: Settings) -> Iterator[tuple[psycopg.Connection, int, int]]:
    """Eight sealed events at the end of one chain, the connection of a superuser without guards, their shard, the
    first's place.
    """
    settings.AUDIT_FOLDER = tmp_path / "audit"
    with transaction.atomic():
        for number in range(8):
            audit.record(actor="mallory", action="test.deed", obj="thing:tampering", payload={"size": number})
    seal_log()
    with psycopg.connect(paths.database_url("owner")) as owner:
        found = owner.execute("select shard, max(seq) from audit_event where object = 'thing:tampering' group by shard")
        shard, last = found.fetchone() or (0, 0)
        owner.execute("set local session_replication_role = replica; drop index if exists nothing")
        owner.execute("alter table audit_event drop constraint audit_event_place_once")
        yield owner, shard, last - 7
        owner.rollback()


def test_the_same_tamperings_in_the_database(log: tuple[psycopg.Connection, int, int]) -> None:
    owner, shard, first = log
    chance = random.Random(3)
    genuine = read_rows(owner, shard)
    assert check_log(owner).faults == []
    for tamper in TAMPERINGS * 5:
        at = first - 1 + chance.randrange(8)
        head = Head(len(genuine), genuine[-1].hash)
        rows, head, wrong = tamper(chance, list(genuine), head, at)
        with owner.transaction(force_rollback=True):
            _replace(owner, shard, [row._replace(shard=shard) for row in rows], head)
            (fault,) = check_log(owner).faults
            assert any(fault.startswith(f"shard {shard}, seq {seq}") for seq in wrong), (tamper.__name__, at, fault)


def _replace(owner: psycopg.Connection, shard: int, rows: list[Row], head: Head) -> None:
    """The chain as it shall be; rows that were forged for another shard are hashed for this one."""
    owner.execute("delete from audit_event where shard = %s", [shard])
    insert_row = "insert into audit_event values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s::jsonb, %s, %s)"
    with owner.cursor() as cursor:
        values = [(row.id, row.shard, row.seq, *row[3:]) for row in rows]
        cursor.executemany(insert_row, values)
    owner.execute("update audit_head set seq = %s, hash = %s where shard = %s", [head.seq, head.hash, shard])
