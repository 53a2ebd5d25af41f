"""A folder as a source: what is in it, what of it is new, and what is gone.

Hidden files, links and files of other kinds are not taken; each is named with its reason, because a handbook
with silent gaps is worse than one that says what it lacks. What has the same bytes as before is not touched.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from uuid import UUID

from django.db import connection, transaction
from django.utils import timezone

from accounts.audit import record
from app.errors import ParleyError
from knowledge.extraction.formats import format_of
from knowledge.extraction.types import ExtractionError
from knowledge.files import digest_of, keep, pieces_of
from knowledge.models import Document, Source, Sync
from knowledge.processing import ACTOR, process_document
from knowledge.taking import Change, is_unchanged, take_file, withdraw

THREADS = 2
COUNTED = ("added", "changed", "unchanged", "failed")


@dataclass(frozen=True)
class Entry:
    """A file of the folder; ``key`` is its path below it, with ``/``."""

    path: Path
    key: str


@dataclass(frozen=True)
class Seen:
    """What became of one entry: ``change`` is added, changed, unchanged or failed."""

    entry: Entry
    change: str
    reason: str = ""
    passages: int = 0


@dataclass
class Summary:
    """Counts over one run, and every file that was not taken with its reason."""

    seen: int = 0
    counts: dict[str, int] = field(
        default_factory=lambda: dict.fromkeys(["added", "changed", "unchanged", "failed"], 0)
    )
    removed: int = 0
    passages: int = 0
    failures: list[dict[str, str]] = field(default_factory=list)
    left_out: list[dict[str, str]] = field(default_factory=list)

    def add(self, seen: Seen) -> None:
        self.seen += 1
        self.counts[seen.change] += 1
        self.passages += seen.passages
        if seen.reason:
            self.failures.append({"key": seen.entry.key, "reason": seen.reason})


def entries(path: Path) -> tuple[list[Entry], list[dict[str, str]]]:
    """The files at ``path`` (a folder or one file) in order, and those left out unopened, each with its reason."""
    if path.is_file():
        return [Entry(path, path.name)], []
    found: list[Entry] = []
    left_out: list[dict[str, str]] = []
    for file in _files(path):
        key = file.relative_to(path).as_posix()
        if any(part.startswith(".") for part in PurePath(key).parts):
            left_out.append({"key": key, "reason": "It is hidden."})
        elif file.is_symlink() or not file.is_file():
            left_out.append({"key": key, "reason": "It is a link, not a file."})
        elif len(key) > 500:
            left_out.append({"key": key[:500], "reason": "Its path is longer than 500 characters."})
        else:
            found.append(Entry(file, key))
    return found, left_out


def _files(path: Path) -> Iterator[Path]:
    for folder, folders, names in os.walk(path, followlinks=False):
        folders.sort()
        for name in sorted(names):
            yield Path(folder) / name


def take_all(
    source: Source, found: list[Entry], *, actor: str = ACTOR, done: Callable[[Seen], None] = lambda seen: None
) -> Summary:
    """Take and process every entry, in this process, a few at a time; ``done`` is told of each as it ends."""
    summary = Summary()
    pool = ThreadPoolExecutor(THREADS, thread_name_prefix="ingest")
    try:
        for seen in pool.map(lambda entry: _take_in_thread(source, entry, actor), found):
            summary.add(seen)
            done(seen)
    finally:
        pool.shutdown(cancel_futures=True)  # after Ctrl-C: what has begun ends, what has not is left
    return summary


def _take_in_thread(source: Source, entry: Entry, actor: str) -> Seen:
    try:
        return take_entry(source, entry, actor=actor)
    finally:
        connection.close()


def take_entry(source: Source, entry: Entry, *, actor: str = ACTOR) -> Seen:
    """Take one file and process it to its end; a refusal is an answer, not an error."""
    try:
        format_of(entry.key)
        existing = Document.objects.filter(source=source, key=entry.key).first()
        if existing and existing.is_settled and is_unchanged(existing, digest_of(entry.path)):
            return Seen(entry, Change.UNCHANGED)
        stored = keep(pieces_of(entry.path))
        with transaction.atomic():
            document, change = take_file(actor=actor, source=source, key=entry.key, stored=stored)
        outcome = process_document(document.pk)
        if outcome and outcome.state == Document.State.QUEUED:
            outcome = process_document(document.pk)
    except ExtractionError as error:
        return Seen(entry, "failed", error.reason)
    except ParleyError as error:
        return Seen(entry, "failed", error.message)
    except OSError as error:
        return Seen(entry, "failed", f"It cannot be opened: {error.strerror}.")
    if outcome is None:
        return Seen(entry, change)
    if outcome.state == Document.State.PUBLISHED:
        return Seen(entry, change, passages=outcome.passages)
    return Seen(entry, "failed", outcome.reason or "A part of Parley does not answer; it is tried again later.")


def withdraw_missing(source: Source, keys: set[str]) -> int:
    """Withdraw the documents that came from the source's folder and whose files are gone; how many that were."""
    gone = [
        document
        for document in Document.objects.filter(source=source, is_uploaded=False).exclude(
            state=Document.State.WITHDRAWN
        )
        if document.key not in keys
    ]
    for document in gone:
        with transaction.atomic():
            withdraw(actor=ACTOR, document=document)
    return len(gone)


def sync_folder(sync_id: UUID) -> None:
    """Run a sync that was started; what it found is written to its row. Does nothing when it has ended already."""
    sync = (
        Sync.objects.select_related("source")
        .filter(pk=sync_id, state__in=[Sync.State.QUEUED, Sync.State.RUNNING])
        .first()
    )
    if sync is None:
        return
    folder = Path(sync.source.config.get("path", ""))
    if not folder.is_absolute() or not folder.is_dir():
        finish(sync, Summary(failures=[{"key": "", "reason": "The folder is not there any more."}]), failed=True)
        return
    found, left_out = entries(folder)
    summary = take_all(sync.source, found)
    summary.left_out = left_out
    summary.removed = withdraw_missing(sync.source, {entry.key for entry in found})
    finish(sync, summary)


def finish(sync: Sync, summary: Summary, *, failed: bool = False) -> None:
    """Write what a run found, with one audit event."""
    sync.seen, sync.removed = summary.seen, summary.removed
    sync.added, sync.changed = summary.counts["added"], summary.counts["changed"]
    sync.unchanged, sync.failed = summary.counts["unchanged"], summary.counts["failed"]
    sync.failures = [*summary.failures, *summary.left_out]
    sync.state = Sync.State.FAILED if failed else Sync.State.DONE
    sync.finished_at = timezone.now()
    with transaction.atomic():
        sync.save()
        record(
            actor=ACTOR,
            action="source.synced",
            obj=sync.source,
            outcome="failed" if failed else "ok",
            payload={"sync": str(sync.pk), "removed": sync.removed} | summary.counts,
        )
