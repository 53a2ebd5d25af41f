"""Proofs and exports of the audit log, checked as an outsider does: one file, no Django, no package, another folder."""

from __future__ import annotations

import csv
import io
import json
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import transaction
from pytest_django import Settings

from accounts import audit, audit_chain
from accounts.auditing.exporting import export_events
from accounts.auditing.keys import trusted_keys
from accounts.auditing.proving import prove_event
from accounts.auditing.reading import Chosen
from accounts.auditing.sealing import seal_log
from accounts.models import AuditEvent, User
from app.errors import BadInputError, NotAllowedError, NotFoundError

Check = Callable[..., subprocess.CompletedProcess[str]]
HOSTILE = '=cmd|"/c calc"!A1'


@pytest.fixture
def outsider(tmp_path: Path) -> Check:
    """Runs the checker in an empty folder, with Python alone: no packages of this or any environment."""
    place = tmp_path / "outside"
    place.mkdir()
    shutil.copy(audit_chain.__file__, place / "audit_chain.py")

    def check(file: Path, *options: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-I", "-S", "audit_chain.py", str(file), *options]
        return subprocess.run(command, cwd=place, capture_output=True, text=True, timeout=60)

    return check


@pytest.fixture
def sealed(tmp_path: Path, settings: Settings, transactional_db: None) -> list[AuditEvent]:
    """Some events of one object, sealed by two checkpoints, and one that is not yet."""
    settings.AUDIT_FOLDER = tmp_path / "audit"
    AuditEvent.objects.filter(object="thing:proved").count()
    begun = AuditEvent.objects.filter(object="thing:proved").count()
    for number in range(7):
        with transaction.atomic():
            audit.record(actor=HOSTILE, action="test.deed", obj="thing:proved", payload={"text": f"ü😀 {number}\n'"})
        if number in (2, 5):
            seal_log()
    return list(AuditEvent.objects.filter(object="thing:proved").order_by("seq")[begun:])


def change(file: Path, name: str, edit: Callable[[str], str]) -> Path:
    """The zip with one of its files edited."""
    other = file.with_name(f"other-{file.name}")
    with zipfile.ZipFile(file) as before, zipfile.ZipFile(other, "w") as after:
        for each in before.namelist():
            text = before.read(each)
            after.writestr(each, edit(text.decode()) if each == name else text)
    return other


def test_one_event_is_proved_without_showing_another(sealed: list[AuditEvent], tmp_path: Path, outsider: Check) -> None:
    (key,) = trusted_keys()
    for event in sealed[:6]:
        proof = tmp_path / "proof.json"
        proof.write_text(json.dumps(prove_event(actor="system", event_id=event.pk)))
        ended = outsider(proof, "--key", key)
        assert ended.returncode == 0, ended.stdout + ended.stderr
        assert "This is what was written." in ended.stdout
        assert [str(other.pk) in proof.read_text() for other in sealed].count(True) == 1


def test_a_proof_that_was_tampered_with_proves_nothing(
    sealed: list[AuditEvent], tmp_path: Path, outsider: Check
) -> None:
    genuine = prove_event(actor="system", event_id=sealed[1].pk)
    edits: list[tuple[str, str, Any]] = [
        ("event", "actor", "somebody"),
        ("event", "payload", "{}"),
        ("event", "at", "2026-01-01T00:00:00.000000+00:00"),
        ("event", "hash", "00" * 32),
        ("event", "proof", genuine["event"]["proof"].replace(":", ":1", 1)),
        ("checkpoint", "signature", "00" * 64),
        ("checkpoint", "statement", {**genuine["checkpoint"]["statement"], "root": "00" * 32}),
    ]
    for part, name, value in edits:
        proof = tmp_path / "forged.json"
        proof.write_text(json.dumps({**genuine, part: {**genuine[part], name: value}}))
        ended = outsider(proof)
        assert ended.returncode == 1, (name, ended.stdout, ended.stderr)
        assert "NOT what was written" in ended.stdout
    proof.write_text(json.dumps(genuine))
    assert "not signed by a key that you trust" in outsider(proof, "--key", "ab" * 32).stdout


def test_what_is_not_sealed_yet_says_so(sealed: list[AuditEvent], tmp_path: Path, outsider: Check) -> None:
    proof = tmp_path / "proof.json"
    proof.write_text(json.dumps(prove_event(actor="system", event_id=sealed[6].pk)))
    ended = outsider(proof)
    assert ended.returncode == 1
    assert "is not sealed yet" in ended.stdout


@pytest.mark.parametrize("form", ["jsonl", "csv"])
def test_a_chosen_part_is_proved_event_by_event(
    sealed: list[AuditEvent], tmp_path: Path, outsider: Check, form: str
) -> None:
    file = tmp_path / "part.zip"
    with file.open("wb") as into:
        chosen = Chosen(object="thing:proved")
        exported = export_events(actor="system", into=into, form=form, chosen=chosen)
    assert exported.events >= 7
    ended = outsider(file, "--key", trusted_keys()[0])
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert f"{exported.events:,} events, " in ended.stdout
    for word, other in (("test.deed", "test.dead"), (str(sealed[0].pk), str(sealed[0].pk)[::-1].replace("-", "0"))):
        ended = outsider(change(file, f"events.{form}", lambda text, a=word, b=other: text.replace(a, b, 1)))  # type: ignore[misc]
        assert ended.returncode != 0
    forged = outsider(change(file, "checkpoints.jsonl", lambda text: text.replace('"root": "', '"root": "00', 1)))
    assert forged.returncode == 1


def test_a_table_is_quoted_for_spreadsheets(sealed: list[AuditEvent]) -> None:
    into = io.BytesIO()
    export_events(actor="system", into=into, form="csv", chosen=Chosen(object="thing:proved"))
    rows = list(csv.DictReader(io.StringIO(zipfile.ZipFile(into).read("events.csv").decode())))
    assert {row["actor"] for row in rows} == {f"'{HOSTILE}"}


def test_all_of_the_log_is_proved_chain_by_chain(sealed: list[AuditEvent], tmp_path: Path, outsider: Check) -> None:
    file = tmp_path / "all.zip"
    call_command("audit_export", str(file))
    ended = outsider(file, "--key", trusted_keys()[0])
    assert ended.returncode == 0, ended.stdout + ended.stderr
    with zipfile.ZipFile(file) as archive:
        assert archive.read("audit_chain.py") == Path(audit_chain.__file__).read_bytes()
        lines = archive.read("events.jsonl").decode().splitlines(keepends=True)
    gone = next(index for index, line in enumerate(lines) if str(sealed[3].pk) in line)
    ended = outsider(change(file, "events.jsonl", lambda text: "".join(lines[:gone] + lines[gone + 1 :])))
    assert f"shard {sealed[3].shard}, seq {sealed[3].seq}: deleted" in ended.stdout
    with pytest.raises(CommandError, match="cannot be written"):
        call_command("audit_export", str(file))


def test_what_is_neither_is_said(tmp_path: Path, outsider: Check) -> None:
    for content in (b"", b"{}", b"PK\x05\x06" + bytes(18), b"[1]"):
        file = tmp_path / "thing"
        file.write_bytes(content)
        ended = outsider(file)
        assert ended.returncode == 2, ended.stderr
        assert "cannot be read" in ended.stdout


def test_only_auditors_prove_and_export_and_that_is_recorded(
    sealed: list[AuditEvent], aaron: User, alice: User
) -> None:
    with pytest.raises(NotAllowedError):
        prove_event(actor=alice, event_id=sealed[0].pk)
    with pytest.raises(NotAllowedError):
        export_events(actor=alice, into=io.BytesIO(), chosen=Chosen())
    prove_event(actor=aaron, event_id=sealed[0].pk)
    export_events(actor=aaron, into=io.BytesIO(), chosen=Chosen(object="thing:proved", actor="alice@example.org"))
    made = {event.action: event for event in AuditEvent.objects.filter(actor=str(aaron.pk))}
    assert made["audit.prove"].payload == {"event": str(sealed[0].pk)}
    assert made["audit.export"].payload["object"] == "thing:proved"
    assert "example.org" not in str(made["audit.export"].payload)


def test_bad_wishes_are_said(sealed: list[AuditEvent], aaron: User) -> None:
    with pytest.raises(NotFoundError):
        prove_event(actor="system", event_id=aaron.pk)
    with pytest.raises(BadInputError, match="more than 2 events"):
        export_events(actor=aaron, into=io.BytesIO(), chosen=Chosen(object="thing:proved"), most=2)
    with pytest.raises(BadInputError, match="`format` is one of"):
        export_events(actor=aaron, into=io.BytesIO(), form="xml", chosen=Chosen())
    with pytest.raises(CommandError, match="is not a day"):
        call_command("audit_export", "/tmp/never.zip", "--since", "yesterday")
