"""The whole log checked: every event, every chain, every checkpoint, and those that are kept elsewhere."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
from django.db import transaction
from django.utils import timezone

from accounts import audit
from accounts.audit_chain import Checkpoint, Course, read_line
from accounts.auditing.rows import check_in_processes, check_rows, stored
from accounts.auditing.sealing import address, course_of, folder, own_view
from accounts.models import AuditCheck

FEW_EVENTS = 1_000_000  # processes cost more to start than these cost to check
MOST_PROCESSES = 8


@dataclass
class Verification:
    events: int = 0
    chains: int = 0
    checkpoints: int = 0
    seconds: float = 0
    key: str = ""
    faults: list[str] = field(default_factory=list)


def verify_log(*, elsewhere: Iterable[Path] = (), processes: int = 0) -> Verification:
    """Check everything, with the checkpoints in the folder and in the files of ``elsewhere``; note how it ended.

    ``processes``: 0 for as many as there are processors, where that pays.
    """
    with own_view() as connection:
        found = check_log(connection, elsewhere=elsewhere, processes=processes)
    with transaction.atomic():
        defaults = {"at": timezone.now(), "events": found.events, "seconds": found.seconds, "faults": found.faults}
        AuditCheck.objects.update_or_create(kind=AuditCheck.Kind.VERIFY, defaults=defaults)
        payload = {"events": found.events, "checkpoints": found.checkpoints, "faults": found.faults[:20]}
        outcome = "broken" if found.faults else "ok"
        audit.record(actor=audit.SYSTEM, action="audit.verify", outcome=outcome, payload=payload)
    return found


def check_log(connection: psycopg.Connection, *, elsewhere: Iterable[Path] = (), processes: int = 1) -> Verification:
    """The same within an open transaction, noting nothing."""
    began = time.monotonic()
    course, faults = course_of(connection)
    faults += _compare(connection, folder().lines, complete=True)
    for path in elsewhere:
        faults += _compare(connection, path, complete=False)
    processes = processes or _wanted(connection)
    if processes > 1:
        report = check_in_processes(connection, address(), course.marks, folder().hashes, processes)
    else:
        report = check_rows(connection, course.marks, folder().hashes)
    faults += [str(fault) for fault in report.faults]
    seconds = time.monotonic() - began
    return Verification(report.events, report.chains, course.number, seconds, _key(course), faults)


def _wanted(connection: psycopg.Connection) -> int:
    (events,) = connection.execute("select coalesce(sum(seq), 0) from audit_head").fetchone() or (0,)
    # PostgreSQL works as much for each of them as they do.
    processors = (os.cpu_count() or 1) // 2
    return max(1, min(processors, MOST_PROCESSES)) if events > FEW_EVENTS else 1


def _key(course: Course) -> str:
    return ", ".join(sorted(course.keys))


def _compare(connection: psycopg.Connection, path: Path, *, complete: bool) -> list[str]:
    """Where a file of checkpoints (one a line, whatever stands before its JSON) says other than the database."""
    if not path.exists():
        return [] if complete else [f"{path} is not there"]
    number = 0
    try:
        for one in _lines(path):
            if complete and one.number != number + 1:
                return [f"{path}: checkpoint {number + 1} is missing"]
            number = one.number
            query = "select statement, signature, moved from audit_checkpoint where number = %s"
            row = connection.execute(query, [number]).fetchone()
            if row is None:
                return [f"{path}: checkpoint {number} is not in the database"]
            if stored(*row).hash != one.hash:
                return [f"{path}: checkpoint {number} is another than in the database"]
    except ValueError:
        return [f"{path}: what follows checkpoint {number} cannot be read"]
    return []


def _lines(path: Path) -> Iterator[Checkpoint]:
    with path.open(errors="replace") as file:
        yield from (read_line(line) for line in file if "{" in line)
