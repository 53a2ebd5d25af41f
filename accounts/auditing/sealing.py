"""Checkpoints: every minute one signed line about the whole log, which nobody can take back.

Before it signs, the signer sees for itself that the log is a continuation of the last checkpoint: every chain has the
hash it had then where it stood then, and what came since follows link by link. Else it signs nothing and says so. It
trusts nothing that the database computes.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.conf import settings
from django.db import connection as django_connection
from django.db import transaction
from django.utils import timezone

from accounts import audit
from accounts.audit_chain import (
    SHARDS,
    START,
    Checkpoint,
    Course,
    Head,
    Marks,
    check_chain,
    follow,
    hash_heads,
    is_signed,
    root_of,
    signed_bytes,
    tree_of,
)
from accounts.auditing.keeping import CheckpointFolder, KeepingError, check_last, keep
from accounts.auditing.keys import public_key, signing_key, trusted_keys
from accounts.auditing.rows import connect, follow_links, read_checkpoints, read_heads, read_rows, stored
from accounts.models import AuditCheck

log = logging.getLogger(__name__)

MOST_EVENTS = 100_000  # of one checkpoint: what a proof has to read, and how long the signer looks
MOST_AT_ONCE = 20
STILL_HERE = timedelta(hours=1)  # a checkpoint is signed this often although nothing happened
_LOCK = 0x5041524C45593031


class CannotSealError(Exception):
    """The log is not a continuation of its last checkpoint; ``faults`` are sentences."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("; ".join(faults))
        self.faults = faults


@dataclass(frozen=True)
class Last:
    """The last checkpoint, and where the chains stood."""

    checkpoint: Checkpoint | None
    heads: dict[int, Head]


@dataclass(frozen=True)
class Step:
    """What is to be sealed: new heads, the hashes on the way to them, and whether that is all there is."""

    heads: dict[int, Head]
    hashes: list[bytes]
    is_all: bool


def address() -> dict[str, Any]:
    """How psycopg reaches the database that Django uses."""
    given = django_connection.get_connection_params()
    return {name: given[name] for name in ("dbname", "user", "password", "host", "port") if name in given}


def folder() -> CheckpointFolder:
    return CheckpointFolder(settings.AUDIT_FOLDER)


@contextmanager
def own_view() -> Iterator[psycopg.Connection]:
    """A connection and transaction of one's own that sees the log as of one moment."""
    with connect(address()) as connection, connection.transaction():
        connection.execute("set transaction isolation level repeatable read")
        yield connection


@contextmanager
def shared_view() -> Iterator[psycopg.Connection]:
    """Django's own connection, within a transaction of it: for reading beside what the request does."""
    with transaction.atomic():
        django_connection.ensure_connection()
        yield django_connection.connection


def seal_log() -> int:
    """Sign what is new, keep it outside, note how it went; how many checkpoints were made.

    Raises CannotSealError, after it was noted, logged and recorded.
    """
    began = time.monotonic()
    made = events = 0
    try:
        for _ in range(MOST_AT_ONCE):
            with own_view() as connection:
                if connection.execute("select pg_try_advisory_xact_lock(%s)", [_LOCK]).fetchone() != (True,):
                    break  # somebody else signs just now
                check_last(connection, folder())
                sealed = seal(connection, signing_key(), trusted_keys())
            with own_view() as connection:
                keep(connection, folder())
            if sealed is None:
                break
            made, events = made + 1, events + len(sealed.hashes)
            if sealed.is_all:
                break
    except KeepingError as error:
        _note([str(error)], events, began)
        raise CannotSealError([str(error)]) from error
    except CannotSealError as error:
        _note(error.faults, events, began)
        raise
    _note([], events, began)
    return made


def seal(connection: psycopg.Connection, key: Ed25519PrivateKey, trusted: list[str]) -> Step | None:
    """Sign and store the next checkpoint, within the open transaction; None when nothing calls for one.

    Raises CannotSealError.
    """
    last = _read_last(connection, trusted)
    step = _look_ahead(connection, last.heads)
    now = datetime.now(UTC)
    if not step.hashes and last.checkpoint and now - _at(last.checkpoint) < STILL_HERE:
        return None
    before = last.checkpoint.statement if last.checkpoint else {"number": 0, "events": 0}
    statement = {
        "number": before["number"] + 1,
        "at": now.isoformat(timespec="microseconds"),
        "previous": last.checkpoint.hash if last.checkpoint else "",
        "events": before["events"] + len(step.hashes),
        "root": root_of(tree_of(step.hashes)),
        "heads": hash_heads(step.heads),
        "key": public_key(key),
    }
    moved = {str(shard): [head.seq, head.hash.hex()] for shard, head in step.heads.items() if head != last.heads[shard]}
    connection.execute(
        "insert into audit_checkpoint (number, at, statement, signature, moved, seqs) values (%s, %s, %s, %s, %s, %s)",
        [
            statement["number"],
            now,
            json.dumps(statement, sort_keys=True),
            key.sign(signed_bytes(statement)).hex(),
            json.dumps(moved),
            [step.heads[shard].seq for shard in range(SHARDS)],
        ],
    )
    return step


def _read_last(connection: psycopg.Connection, trusted: list[str]) -> Last:
    """The last checkpoint, with the chains as it left them. Raises CannotSealError where they are not so any more."""
    query = "select statement, signature, moved, seqs from audit_checkpoint order by number desc limit 1"
    row = connection.execute(query).fetchone()
    if row is None:
        return Last(None, {shard: Head(0, START) for shard in range(SHARDS)})
    *parts, seqs = row
    checkpoint = stored(*parts)
    if checkpoint.statement["key"] not in trusted or not is_signed(checkpoint):
        raise CannotSealError([f"Checkpoint {checkpoint.number} is not signed by a key of this Parley."])
    query = """
        select place.shard, event.hash from unnest(%s::smallint[], %s::bigint[]) as place (shard, seq)
        join audit_event event on event.shard = place.shard and event.seq = place.seq
    """
    hashes = {shard: bytes(found) for shard, found in connection.execute(query, [list(range(SHARDS)), list(seqs)])}
    heads = {shard: Head(seq, hashes.get(shard, START)) for shard, seq in enumerate(seqs)}
    if hash_heads(heads) != checkpoint.statement["heads"]:
        raise CannotSealError(_what_changed(connection, trusted) or ["The chains are not where they were sealed."])
    return Last(checkpoint, heads)


def _what_changed(connection: psycopg.Connection, trusted: list[str]) -> list[str]:
    """Slowly, because something is wrong: which chains have left their checkpoints, and where."""
    course, wrong = follow(read_checkpoints(connection), trusted)
    faults = [str(wrong)] if wrong else []
    heads = read_heads(connection)
    for shard, marks in sorted(course.marks.items()):
        fault = check_chain(shard, read_rows(connection, shard), heads.get(shard), marks, folder().hashes)
        faults += [str(fault)] if fault else []
    return faults


def _look_ahead(connection: psycopg.Connection, heads: dict[int, Head]) -> Step:
    """What came since, checked link by link. Raises CannotSealError where it does not follow."""
    now = read_heads(connection)
    new, hashes, room = dict(heads), list[bytes](), MOST_EVENTS
    faults = []
    for shard, before in heads.items():
        head = now.get(shard)
        if head is None or head.seq < before.seq:
            faults.append(f"shard {shard}, seq {head.seq + 1 if head else 0}: truncated")
            continue
        until = min(head.seq, before.seq + room)
        found: list[bytes] = []
        links = follow_links(connection, shard, before, until, into=found)
        reached = Head(before.seq + links.count, links.last)
        if not links.is_whole or reached.seq < until or (until == head.seq and reached != head):
            faults.append(_first_wrong(connection, shard, head, before))
            continue
        room -= links.count
        hashes += found
        new[shard] = reached
    if faults:
        raise CannotSealError(faults)
    return Step(new, hashes, all(new[shard].seq == now[shard].seq for shard in new))


def _first_wrong(connection: psycopg.Connection, shard: int, head: Head, before: Head) -> str:
    marks = Marks()
    if before.seq:
        marks.add(before.seq, before.hash, 0)
    fault = check_chain(shard, read_rows(connection, shard), head, marks)
    return str(fault or f"shard {shard}, seq {before.seq + 1}: does not follow")


def _at(checkpoint: Checkpoint) -> datetime:
    return datetime.fromisoformat(checkpoint.statement["at"])


def _note(faults: list[str], events: int, began: float) -> None:
    """How it went, to be shown; where that changed, an event says so too."""
    before = AuditCheck.objects.filter(kind=AuditCheck.Kind.SEAL).first()
    for fault in faults:
        log.error("The audit log is not sealed: %s", fault)
    with transaction.atomic():
        found = {"at": timezone.now(), "events": events, "seconds": time.monotonic() - began, "faults": faults}
        AuditCheck.objects.update_or_create(kind=AuditCheck.Kind.SEAL, defaults=found)
        if faults != (before.faults if before else []):
            outcome = "broken" if faults else "ok"
            audit.record(actor=audit.SYSTEM, action="audit.seal", outcome=outcome, payload={"faults": faults[:20]})


def course_of(connection: psycopg.Connection) -> tuple[Course, list[str]]:
    """All checkpoints of the database followed, and what is wrong with them."""
    course, wrong = follow(read_checkpoints(connection), trusted_keys())
    return course, [str(wrong)] if wrong else []
