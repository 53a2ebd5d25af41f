"""Every minute the log gets a signed checkpoint; what does not follow from the last one is not signed, and told."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.db.utils import ProgrammingError
from pytest_django import Settings

from accounts import audit
from accounts.audit_chain import Checkpoint, ed25519_verify, follow, is_signed, read_line, signed_bytes
from accounts.auditing.keeping import CheckpointFolder, KeepingError, check_last
from accounts.auditing.keys import public_key, signing_key, trusted_keys
from accounts.auditing.rows import read_checkpoints
from accounts.auditing.sealing import CannotSealError, own_view, seal, seal_log
from accounts.auditing.verifying import check_log
from accounts.models import AuditCheck, AuditCheckpoint, AuditEvent
from accounts.tasks import seal_audit_log
from app.embedded import paths
from app.errors import BadInputError


@pytest.fixture
def folder(tmp_path: Path, settings: Settings, transactional_db: None) -> CheckpointFolder:
    """An empty one; the checkpoints of earlier tests come into it with the first sealing."""
    settings.AUDIT_FOLDER = tmp_path / "audit"
    return CheckpointFolder(settings.AUDIT_FOLDER)


def deed(number: int = 1) -> None:
    for count in range(number):
        with transaction.atomic():
            audit.record(actor="system", action="test.deed", obj=f"thing:{count}", payload={"text": 'ü€😀 "\\ \n'})


@pytest.fixture
def mallory(folder: CheckpointFolder) -> Iterator[psycopg.Connection]:
    """The owner's connection with every guard off, after a checkpoint; what it does is undone."""
    deed(20)
    seal_log()
    deed(5)
    with psycopg.connect(paths.database_url("owner")) as owner:
        owner.execute("set local session_replication_role = replica")
        yield owner
        owner.rollback()


def newest() -> AuditCheckpoint:
    return AuditCheckpoint.objects.latest("number")


def test_a_checkpoint_names_all_heads_and_follows_the_last(folder: CheckpointFolder) -> None:
    deed(3)
    seal_log()
    first = newest()
    deed(3)
    assert seal_log() == 1
    with own_view() as view:
        course, wrong = follow(read_checkpoints(view), trusted_keys())
        assert {shard: tuple(head) for shard, head in course.heads.items() if head.seq} == {
            shard: (seq, bytes(digest))
            for shard, seq, digest in view.execute("select shard, seq, hash from audit_head where seq > 0")
        }
    assert wrong is None
    assert course.number == newest().number == first.number + 1
    assert json.loads(newest().statement)["events"] == json.loads(first.statement)["events"] + 3


def test_where_nothing_happened_nothing_is_signed(folder: CheckpointFolder) -> None:
    deed()
    seal_log()
    number = newest().number
    assert seal_log() == 0
    assert newest().number == number


def test_the_folder_has_every_checkpoint_and_the_beginning_of_every_hash(folder: CheckpointFolder) -> None:
    deed(3)
    seal_log()
    kept = list(folder.all())
    assert [one.number for one in kept] == list(range(1, newest().number + 1))
    assert folder.lines.stat().st_mode & 0o777 == 0o600
    sealed = int(kept[-1].statement["events"])
    assert folder.hashes.path.stat().st_size == 8 * sealed
    event = AuditEvent.objects.filter(object="thing:2").latest("at")
    assert bytes(event.hash)[:8] in folder.hashes(sealed - 200 if sealed > 200 else 0, 200)


def test_the_application_may_add_checkpoints_and_never_change_them(folder: CheckpointFolder) -> None:
    deed()
    seal_log()
    for statement in ("update audit_checkpoint set signature = ''", "delete from audit_checkpoint"):
        with pytest.raises(ProgrammingError, match="permission denied"), transaction.atomic():
            connection.cursor().execute(statement)
    with psycopg.connect(paths.database_url("owner")) as owner:
        for statement in ("update audit_checkpoint set signature = ''", "truncate audit_checkpoint"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege, match="audit log"):
                owner.execute(statement)
            owner.rollback()


TAMPERINGS = {
    "a row before the last checkpoint is rewritten with its hash": """
        update audit_event set hash = sha256('x') where (shard, seq) in (
            select shard, max(seq) from audit_event where at <= (select max(at) from audit_checkpoint) group by shard)
    """,
    "the log is put back to before the last checkpoint": """
        with place as (
            select at.shard - 1 as shard, at.seq - 1 as seq
            from (select seqs from audit_checkpoint order by number desc limit 1) last,
                unnest(last.seqs) with ordinality as at (seq, shard) where at.seq > 1
        ), gone as (
            delete from audit_event event using place where event.shard = place.shard and event.seq > place.seq
        )
        update audit_head set seq = event.seq, hash = event.hash
        from place join audit_event event using (shard, seq) where audit_head.shard = place.shard
    """,
    "a new row is changed": "update audit_event set actor = 'x' where at > (select max(at) from audit_checkpoint)",
    "a new row is gone": "delete from audit_event where at > (select max(at) from audit_checkpoint)",
    "a head is gone": "delete from audit_head",
}


@pytest.mark.parametrize("tampering", TAMPERINGS)
def test_what_does_not_follow_is_not_signed(mallory: psycopg.Connection, tampering: str) -> None:
    mallory.execute(TAMPERINGS[tampering])
    with pytest.raises(CannotSealError) as caught:
        seal(mallory, signing_key(), trusted_keys())
    assert all(fault.startswith("shard ") for fault in caught.value.faults)


def test_a_forged_checkpoint_stops_the_signer(mallory: psycopg.Connection) -> None:
    mallory.execute("update audit_checkpoint set signature = repeat('00', 64) where number = %s", [newest().number])
    with pytest.raises(CannotSealError, match="not signed by a key"):
        seal(mallory, signing_key(), trusted_keys())
    assert any("has a wrong signature" in fault for fault in check_log(mallory).faults)


def test_another_key_is_not_believed(folder: CheckpointFolder, settings: Settings) -> None:
    deed()
    seal_log()
    settings.AUDIT_KEY = "another key altogether, of enough characters"
    with pytest.raises(CannotSealError, match="not signed by a key"):
        seal_log()
    with own_view() as view:
        assert any("another key" in fault for fault in check_log(view).faults)


def test_a_database_behind_the_folder_is_not_signed(folder: CheckpointFolder) -> None:
    deed()
    seal_log()
    last = folder.last()
    assert last
    ahead = Checkpoint({**last.statement, "number": last.number + 1}, last.signature, {})
    with folder.lines.open("a") as lines:
        lines.write(ahead.line() + "\n")
    with own_view() as view:
        with pytest.raises(KeepingError, match=r"is in .* and not in the database"):
            check_last(view, folder)
        assert any(f"checkpoint {ahead.number} is not in the database" in fault for fault in check_log(view).faults)


def test_a_refusal_is_noted_logged_and_recorded_once(
    folder: CheckpointFolder, caplog: pytest.LogCaptureFixture
) -> None:
    deed()
    seal_log()
    folder.lines.write_text("{}\n")
    before = AuditEvent.objects.filter(action="audit.seal", outcome="broken").count()
    for _ in range(2):
        assert seal_audit_log() == 0
    assert "The audit log is not sealed" in caplog.text
    assert AuditCheck.objects.get(kind="seal").faults
    assert AuditEvent.objects.filter(action="audit.seal", outcome="broken").count() == before + 1
    folder.lines.unlink()
    seal_audit_log()
    assert AuditCheck.objects.get(kind="seal").faults == []


def test_a_folder_that_was_lost_is_filled_again_from_what_is_still_proved(folder: CheckpointFolder) -> None:
    deed()
    seal_log()
    lines, hashes = folder.lines.read_bytes(), folder.hashes.path.read_bytes()
    folder.lines.unlink()
    folder.hashes.path.unlink()
    seal_log()
    assert folder.lines.read_bytes() == lines
    assert folder.hashes.path.read_bytes() == hashes


def test_the_key_comes_from_a_file_a_text_or_a_pem(settings: Settings) -> None:
    assert (paths.data_folder().secrets / "audit_key").stat().st_mode & 0o777 == 0o600
    own = public_key(signing_key())
    settings.AUDIT_KEY = "a text of at least thirty-two characters"
    assert public_key(signing_key()) != own
    made = Ed25519PrivateKey.generate()
    shape = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    settings.AUDIT_KEY = made.private_bytes(*shape).decode()
    assert public_key(signing_key()) == public_key(made)
    for bad in ("short", "-----BEGIN PRIVATE KEY-----\nnonsense\n-----END PRIVATE KEY-----"):
        settings.AUDIT_KEY = bad
        with pytest.raises(BadInputError, match="AUDIT_KEY"):
            signing_key()


def test_signatures_are_checked_alike_with_and_without_a_package() -> None:
    key = Ed25519PrivateKey.generate()
    public = key.public_key().public_bytes_raw()
    for length in (0, 1, 32, 700):
        message = bytes(range(256)) * 3
        message = message[:length]
        signature = key.sign(message)
        assert ed25519_verify(public, message, signature)
        for place in (0, 31, 32, 63):
            wrong = bytearray(signature)
            wrong[place] ^= 1
            assert not ed25519_verify(public, message, bytes(wrong))
        assert not ed25519_verify(public, message + b"x", signature)
        assert not ed25519_verify(Ed25519PrivateKey.generate().public_key().public_bytes_raw(), message, signature)
    assert not ed25519_verify(b"\xff" * 32, b"", bytes(64))


def test_any_change_of_a_checkpoint_breaks_it(folder: CheckpointFolder) -> None:
    deed(3)
    seal_log()
    last = folder.last()
    assert last
    assert is_signed(last)
    for name, value in last.statement.items():
        other: Any = value + 1 if isinstance(value, int) else f"{value}0"
        if name != "key":
            assert not is_signed(Checkpoint({**last.statement, name: other}, last.signature, last.moved)), name
    assert signed_bytes(read_line(last.line()).statement) == signed_bytes(last.statement)


def test_the_command_signs_and_says_its_key(folder: CheckpointFolder, capsys: pytest.CaptureFixture[str]) -> None:
    deed()
    call_command("audit_checkpoint")
    assert "1 new checkpoints" in capsys.readouterr().out
    call_command("audit_checkpoint", "--public-key")
    assert capsys.readouterr().out.strip() == trusted_keys()[-1]
    folder.lines.write_text("{}\n")
    with pytest.raises(CommandError, match="Nothing is signed"):
        call_command("audit_checkpoint")


def test_a_second_signer_steps_back(folder: CheckpointFolder) -> None:
    deed()
    seal_log()
    deed()
    with own_view() as other:
        other.execute("select pg_advisory_xact_lock(%s)", [0x5041524C45593031])
        assert seal_log() == 0
    assert seal_log() == 1
