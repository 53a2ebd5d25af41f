"""Whoever tampers with the log, with every right there is, is found out, and the first wrong row is named."""

from __future__ import annotations

from collections.abc import Callable

import psycopg
import pytest
from django.core.management import call_command
from django.db import transaction

from accounts import audit
from accounts.audit_chain import HEADS, ROWS, Fault, Head, Row, hash_of, verify
from accounts.models import AuditEvent
from app.embedded import paths

EVENTS = 8
UNGUARD = "alter table audit_event disable trigger all; alter table audit_head disable trigger all"
UNIQUE = "alter table audit_event drop constraint audit_event_place_once"


class Log:
    """One shard's chain of EVENTS new events, in the hands of a superuser who has taken the guards off."""

    def __init__(self, connection: psycopg.Connection) -> None:
        self.connection = connection
        for number in range(EVENTS):
            connection.execute(
                "select audit_append('mallory', 'test.deed', 'thing:1', 'ok', %s, '{\"size\": 3}')", [str(number)]
            )
        found = connection.execute("select shard, max(seq) from audit_event where actor = 'mallory' group by shard")
        self.shard, last = found.fetchone()  # type: ignore[misc]
        self.first = last - EVENTS + 1
        connection.execute(f"{UNGUARD}; {UNIQUE}")

    def do(self, statement: str, *values: object) -> None:
        self.connection.execute(statement.replace("HERE", f"shard = {self.shard} and seq ="), values)

    def row(self, seq: int) -> Row:
        query = ROWS.replace("order by", "where shard = %s and seq = %s order by")
        return Row(*self.connection.execute(query, [self.shard, seq]).fetchone())  # type: ignore[misc]

    def rewrite(self, seq: int) -> None:
        """Give the row the hash that fits what it says now."""
        self.do("update audit_event set hash = %s where HERE %s", hash_of(self.row(seq)), seq)

    def insert(self, seq: int, prev: bytes) -> None:
        """A forged row with a hash of its own making."""
        self.do(
            "insert into audit_event (shard, seq, at, actor, action, object, outcome, request_id, payload, prev, hash)"
            " values (%s, %s, now(), 'forger', 'test.deed', '', 'ok', '', '{}', %s, sha256('x'))",
            self.shard,
            seq,
            prev,
        )
        self.rewrite(seq)

    def shift(self, seq: int, by: int) -> None:
        self.do("update audit_event set seq = seq + %s where shard = %s and seq >= %s", by, self.shard, seq)

    def faults(self) -> list[Fault]:
        heads = {shard: Head(seq, bytes(digest)) for shard, seq, digest in self.connection.execute(HEADS)}
        return verify((Row(*row) for row in self.connection.execute(ROWS)), heads).faults


@pytest.fixture
def log(owner_connection: psycopg.Connection) -> Log:
    return Log(owner_connection)


def change(log: Log, seq: int) -> None:
    log.do("update audit_event set actor = 'nobody' where HERE %s", seq)


def change_payload(log: Log, seq: int) -> None:
    log.do("""update audit_event set payload = '{"size": 4}' where HERE %s""", seq)


def change_time(log: Log, seq: int) -> None:
    log.do("update audit_event set at = at + interval '1 microsecond' where HERE %s", seq)


def move_words_between_fields(log: Log, seq: int) -> None:
    log.do("update audit_event set actor = 'mallorytest', action = '.deed' where HERE %s", seq)


def change_hash(log: Log, seq: int) -> None:
    log.do("update audit_event set hash = sha256('x') where HERE %s", seq)


def change_and_rewrite(log: Log, seq: int) -> None:
    change(log, seq)
    log.rewrite(seq)


def renumber(log: Log, seq: int) -> None:
    last = log.first + EVENTS - 1
    log.do("update audit_event set seq = %s where HERE %s", last + 5, seq)


def delete(log: Log, seq: int) -> None:
    log.do("delete from audit_event where HERE %s", seq)


def delete_and_close_the_gap(log: Log, seq: int) -> None:
    delete(log, seq)
    log.shift(seq, -1)


def delete_two_and_close_the_gap(log: Log, seq: int) -> None:
    delete(log, seq)
    delete(log, seq + 1)
    log.shift(seq, -2)


def insert_beside(log: Log, seq: int) -> None:
    log.insert(seq, log.row(seq).prev)


def insert_and_shift(log: Log, seq: int) -> None:
    prev = log.row(seq).prev
    log.shift(seq, 1)
    log.insert(seq, prev)


def insert_badly_and_shift(log: Log, seq: int) -> None:
    log.shift(seq, 1)
    log.insert(seq, b"\1" * 32)


def swap(log: Log, seq: int) -> None:
    log.do(
        "update audit_event set seq = %s - seq where shard = %s and seq in (%s, %s)",
        2 * seq + 1,
        log.shard,
        seq,
        seq + 1,
    )


def truncate(log: Log, seq: int) -> None:
    log.do("delete from audit_event where shard = %s and seq >= %s", log.shard, seq)


@pytest.mark.parametrize(
    ("tamper", "kind"),
    [
        (change, "changed"),
        (change_payload, "changed"),
        (change_time, "changed"),
        (move_words_between_fields, "changed"),
        (change_hash, "changed"),
        (change_and_rewrite, "changed"),
        (renumber, "reordered"),
        (delete, "deleted"),
        (delete_and_close_the_gap, "deleted"),
        (delete_two_and_close_the_gap, "deleted"),
        (insert_and_shift, "inserted"),
        (insert_badly_and_shift, "inserted"),
        (swap, "reordered"),
        (truncate, "truncated"),
    ],
)
@pytest.mark.parametrize("place", [0, 3, EVENTS - 3])
def test_tampering_is_named_with_its_place(log: Log, tamper: Callable[[Log, int], None], kind: str, place: int) -> None:
    assert log.faults() == []
    tamper(log, log.first + place)
    assert [(fault.shard, fault.seq, fault.kind) for fault in log.faults()] == [(log.shard, log.first + place, kind)]


def test_two_rows_at_one_place_are_an_insertion(log: Log) -> None:
    insert_beside(log, log.first + 3)
    (fault,) = log.faults()
    assert (fault.kind, fault.shard) == ("inserted", log.shard)
    assert fault.seq in (log.first + 3, log.first + 4)


def test_the_last_row_rewritten_does_not_fit_the_head(log: Log) -> None:
    last = log.first + EVENTS - 1
    change_and_rewrite(log, last)
    assert [(fault.seq, fault.kind) for fault in log.faults()] == [(last, "changed")]


def test_a_row_after_the_head_is_an_insertion(log: Log) -> None:
    last = log.first + EVENTS - 1
    log.insert(last + 1, log.row(last).hash)
    assert [(fault.seq, fault.kind) for fault in log.faults()] == [(last + 1, "inserted")]


def test_a_whole_chain_gone_is_truncated_and_a_head_gone_is_told(log: Log) -> None:
    log.do("delete from audit_event where shard = %s", log.shard)
    assert [(fault.seq, fault.kind) for fault in log.faults()] == [(1, "truncated")]
    log.connection.rollback()
    again = Log(log.connection)
    again.do("delete from audit_head where shard = %s", again.shard)
    assert [(fault.shard, fault.kind) for fault in again.faults()] == [(again.shard, "deleted")]


@pytest.mark.parametrize("text", ["", "plain", 'ü€😀 "\\ \n'])
def test_the_database_computes_the_same_hashes(log: Log, text: str) -> None:
    log.connection.execute("select audit_append(%s, %s, %s, %s, %s, jsonb_build_object('text', %s::text))", [text] * 6)
    last = log.row(log.first + EVENTS)
    assert last.actor == text and bytes(last.hash) == hash_of(last)


@pytest.mark.django_db(transaction=True)
def test_the_command_counts_and_fails_on_a_fault(capsys: pytest.CaptureFixture[str]) -> None:
    with transaction.atomic():
        audit.record(actor="system", action="test.deed", obj="thing:command", payload={"text": 'ü€😀 "\\ \n'})
    call_command("audit_verify")
    assert "The audit log is whole" in capsys.readouterr().out

    event = AuditEvent.objects.filter(object="thing:command").latest("seq")
    _overwrite_actor(event, "nobody")
    try:
        with pytest.raises(SystemExit, match="1"):
            call_command("audit_verify")
    finally:
        _overwrite_actor(event, event.actor)
    said = capsys.readouterr()
    assert f"shard {event.shard}, seq {event.seq}, event {event.id}: changed" in said.err
    assert "not what was written" in said.out


def _overwrite_actor(event: AuditEvent, actor: str) -> None:
    with psycopg.connect(paths.database_url("owner")) as connection:
        connection.execute("set local session_replication_role = replica")  # no trigger runs
        connection.execute("update audit_event set actor = %s where id = %s", [actor, event.id])
