"""The audit log takes an event with its deed, and gives none back."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from uuid import uuid4

import psycopg
import pytest
from django.db import connection, transaction
from django.db.utils import ProgrammingError

from accounts import audit
from accounts.auditing.rows import check_rows
from accounts.models import AuditEvent, User
from app.embedded import paths


def record(actor: User | str = "system", obj: str = "thing:1", action: str = "test.deed") -> None:
    audit.record(actor=actor, action=action, obj=obj, payload={"size": 3})


def test_an_event_says_who_did_what_to_what(alice: User) -> None:
    token = audit.request_id.set("req-1")
    audit.record(actor=alice, action="test.deed", obj=alice, payload={"size": 3, "id": alice.id})
    audit.request_id.reset(token)
    event = AuditEvent.objects.get(actor=str(alice.pk))
    assert (event.action, event.object, event.outcome) == ("test.deed", f"user:{alice.pk}", "ok")
    assert (event.request_id, event.payload) == ("req-1", {"size": 3, "id": str(alice.pk)})


@pytest.mark.django_db(transaction=True)
def test_outside_a_transaction_nothing_is_recorded() -> None:
    with pytest.raises(transaction.TransactionManagementError):
        record()


@pytest.mark.django_db(transaction=True)
def test_a_deed_that_is_rolled_back_leaves_no_event() -> None:
    with pytest.raises(RuntimeError), transaction.atomic():
        record(obj="thing:rolled-back")
        raise RuntimeError
    assert not AuditEvent.objects.filter(object="thing:rolled-back").exists()


def test_all_events_of_a_transaction_are_in_one_chain(db: None) -> None:
    for number in range(20):
        record(obj=f"thing:one-chain-{number}")
    events = AuditEvent.objects.filter(object__startswith="thing:one-chain-").order_by("seq")
    assert len({event.shard for event in events}) == 1
    assert [event.seq for event in events] == list(range(events[0].seq, events[0].seq + 20))


@pytest.mark.parametrize("isolation", ["read committed", "repeatable read"])
@pytest.mark.django_db(transaction=True)
def test_writers_of_one_chain_take_turns(isolation: str) -> None:
    thing = f"thing:{uuid4()}"

    def write(_writer: int) -> int:
        refused = 0
        with psycopg.connect(paths.database_url("application"), autocommit=True) as own:
            for _ in range(25):
                try:
                    with own.transaction():
                        own.execute(f"set transaction isolation level {isolation}")
                        own.execute("select audit_append('system', 'test.deed', %s, 'ok', '', '{}')", [thing])
                except (psycopg.errors.SerializationFailure, psycopg.errors.UniqueViolation):  # not out of order
                    refused += 1
        return refused

    with ThreadPoolExecutor(4) as writers:
        refused = sum(writers.map(write, range(4)))
    events = list(AuditEvent.objects.filter(object=thing).order_by("seq"))
    assert len(events) == 100 - refused
    assert all(later.prev == before.hash for before, later in pairwise(events) if later.seq == before.seq + 1)
    with psycopg.connect(paths.database_url("owner")) as own:
        assert not check_rows(own, {}, None).faults


@pytest.mark.django_db(transaction=True)
def test_different_deeds_go_to_different_chains() -> None:
    for number in range(40):
        with transaction.atomic():
            record(obj=f"thing:spread-{number}")
    assert AuditEvent.objects.filter(object__startswith="thing:spread-").values("shard").distinct().count() > 15


@pytest.mark.parametrize(
    "statement",
    [
        "update audit_event set actor = 'nobody'",
        "delete from audit_event",
        "truncate audit_event",
        "insert into audit_event select * from audit_event limit 1",
        "update audit_head set seq = 0",
        "delete from audit_head",
        "truncate audit_head",
        "alter table audit_event disable trigger all",
        "drop table audit_event",
        "alter function audit_append(text, text, text, text, text, jsonb) security invoker",
    ],
)
def test_the_application_may_not_touch_what_is_written(db: None, statement: str) -> None:
    record()
    with pytest.raises(ProgrammingError, match=r"permission denied|must be owner"), transaction.atomic():
        connection.cursor().execute(statement)


@pytest.mark.parametrize(
    "statement",
    [
        "update audit_event set actor = 'nobody'",
        "delete from audit_event",
        "truncate audit_event",
        "update audit_head set seq = seq + 1",
        "update audit_head set hash = sha256('x')",
        "insert into audit_head (shard, hash) values (0, sha256('x'))",
        "delete from audit_head",
        "truncate audit_head",
    ],
)
def test_nor_may_its_owner(owner_connection: psycopg.Connection, statement: str) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="audit log"):
        owner_connection.execute(statement)
