"""The log as a file that proves itself: events, the checkpoints that seal them, and the program that checks both.

The whole log is checked chain by chain; a chosen part event by event, each with its way to a signed root, so that
nothing of the others has to be given away.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Literal

import psycopg
from django.db import transaction
from django.db.models import TextField
from django.db.models.functions import Cast
from django.utils import timezone

from accounts import audit, audit_chain, rights
from accounts.audit_chain import COLUMNS, SHARDS, Row, to_record
from accounts.auditing.keys import trusted_keys
from accounts.auditing.proving import Prover
from accounts.auditing.reading import Chosen, events_of, record_look
from accounts.auditing.rows import read_checkpoints, read_heads, read_rows
from accounts.auditing.sealing import own_view, shared_view
from accounts.models import User
from app.errors import BadInputError
from app.web.csv_export import begin_csv

Form = Literal["jsonl", "csv"]
FORMS: tuple[Form, ...] = ("jsonl", "csv")
MOST_FROM_A_PAGE = 20_000
CHECKER = Path(audit_chain.__file__)
_READ_ME = """Events of Parley's audit log, and what proves them.

To check them, with any Python from 3.11 on and nothing else:

    python audit_chain.py THIS_FILE.zip --key KEY

Take audit_chain.py from where you trust it rather than from here, and KEY (the public key that signs the checkpoints)
from whoever told you of it before.

events      the events; `payload` is the text that was hashed, `proof` the way to the root of a checkpoint
checkpoints the signed checkpoints
manifest    what was chosen, when and by whom
"""


@dataclass(frozen=True)
class Exported:
    events: int
    checkpoints: int


def export_events(
    *, actor: User | str, into: IO[bytes], form: str = "jsonl", chosen: Chosen | None = None, most: int | None = None
) -> Exported:
    """Write the zip; without ``chosen`` all of the log.

    Raises BadInputError for a form that there is not, or where there are more than ``most`` events.
    """
    if isinstance(actor, User):
        rights.require(actor, "audit.read")
    if form not in FORMS:
        raise BadInputError(f"`format` is one of {', '.join(FORMS)}.")
    if most is not None and events_of(chosen or Chosen())[most : most + 1].exists():
        raise BadInputError(
            f"These are more than {most:,} events. Choose fewer, or have `manage.py audit_export` write them."
        )
    with (
        own_view() if chosen is None else shared_view() as connection,
        zipfile.ZipFile(into, "w", zipfile.ZIP_DEFLATED) as archive,
    ):
        prover = Prover(connection)
        rows = _all_rows(connection) if chosen is None else _chosen_rows(chosen, prover)
        with archive.open(f"events.{form}", "w", force_zip64=True) as raw:
            count = _write(rows, raw, form)
        checkpoints = _write_checkpoints(archive, connection, prover, is_complete=chosen is None)
        manifest: dict[str, Any] = {
            "format": "parley-audit-export-1",
            "made_at": timezone.now().isoformat(),
            "made_by": str(actor.pk) if isinstance(actor, User) else actor,
            "complete": chosen is None,
            "chosen": chosen.said() if chosen else {},
            "events": count,
            "keys": trusted_keys(),
        }
        if chosen is None:
            heads = read_heads(connection).items()
            manifest["heads"] = {str(shard): [head.seq, head.hash.hex()] for shard, head in heads}
        archive.writestr("manifest.json", json.dumps(manifest, indent=2))
        archive.writestr("README.txt", _READ_ME)
        archive.write(CHECKER, CHECKER.name)
    with transaction.atomic():
        payload = {"events": count, "format": form, "complete": chosen is None}
        if isinstance(actor, User) and chosen:
            record_look(actor, chosen.said() | {name: str(value) for name, value in payload.items()}, "audit.export")
        else:
            audit.record(actor=actor, action="audit.export", payload=payload)
    return Exported(count, checkpoints)


def _all_rows(connection: psycopg.Connection) -> Iterator[tuple[Row, str]]:
    for shard in range(SHARDS):
        yield from ((row, "") for row in read_rows(connection, shard))


def _chosen_rows(chosen: Chosen, prover: Prover) -> Iterator[tuple[Row, str]]:
    """Oldest first, so that neighbours share a checkpoint."""
    found = events_of(chosen).annotate(text=Cast("payload", TextField())).order_by("at", "pk")
    columns = ["text" if name == "payload" else name for name in Row._fields]
    for values in found.values_list(*columns).iterator(chunk_size=1000):
        row = Row(*values)
        yield row, prover.prove(row)


def _write(rows: Iterator[tuple[Row, str]], raw: IO[bytes], form: str) -> int:
    count = 0
    with io.TextIOWrapper(raw, "utf-8", newline="") as text:
        write_row = begin_csv(text, COLUMNS) if form == "csv" else None
        for count, (row, proof) in enumerate(rows, start=1):  # noqa: B007 - counted as they come
            record = to_record(row, proof)
            if write_row:
                write_row(record[name] for name in COLUMNS)
            else:
                text.write(json.dumps(record, ensure_ascii=False) + "\n")
    return count


def _write_checkpoints(
    archive: zipfile.ZipFile, connection: psycopg.Connection, prover: Prover, *, is_complete: bool
) -> int:
    checkpoints = read_checkpoints(connection) if is_complete else (prover.used[key] for key in sorted(prover.used))
    count = 0
    with archive.open("checkpoints.jsonl", "w") as lines:
        for count, one in enumerate(checkpoints, start=1):  # noqa: B007 - counted as they come
            lines.write(one.line().encode() + b"\n")
    return count
