"""Bringing a folder or file into a source by hand, from the machine itself.

Whoever can run this can read the folder anyway, so any folder may be given. The source is made when there is
none; a folder that the source follows also loses what is gone from it, a single file never removes anything.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from django.db import DatabaseError, transaction

from accounts.audit import record
from accounts.models import Group, User
from accounts.rights import require
from app.errors import BadInputError
from knowledge.folders import Entry, Seen, Summary, entries, finish, take_all, withdraw_missing
from knowledge.models import Source, Sync


@dataclass(frozen=True)
class Visit:
    """What is to be brought in, and where to."""

    source: Source
    path: Path
    entries: list[Entry]
    left_out: list[dict[str, str]]


def look(*, actor: User, path: Path, source_name: str, groups: Sequence[str] = ()) -> Visit:
    """Find the source (or make it, readable by ``groups``, else by everyone) and what lies at ``path``.

    Raises BadInputError for a path that is not there, an unknown group, or a source with other readers.
    """
    if not path.exists():
        raise BadInputError(f"There is nothing at {path}.")
    found, left_out = entries(path)
    source = _source(actor, path, source_name, groups)
    return Visit(source, path, found, left_out)


def bring_in(*, actor: User, visit: Visit, done: Callable[[Seen], None] = lambda seen: None) -> Summary:
    """Take everything in, process it in this process, and write the sync with its result."""
    require(actor, "knowledge.edit_source", visit.source)
    with transaction.atomic():
        sync = Sync.objects.create(source=visit.source)
        record(actor=actor, action="source.sync", obj=visit.source, payload={"sync": str(sync.pk)})
    try:
        summary = take_all(visit.source, visit.entries, actor=str(actor.pk), done=done)
    except BaseException:  # Ctrl-C as well: a run that ended must not look as if it went on
        with suppress(DatabaseError):
            finish(sync, Summary(failures=[{"key": "", "reason": "It was interrupted."}]), failed=True)
        raise
    summary.left_out = visit.left_out
    if visit.path.is_dir() and visit.source.config.get("path") == str(visit.path):
        summary.removed = withdraw_missing(visit.source, {entry.key for entry in visit.entries})
    finish(sync, summary)
    return summary


def _source(actor: User, path: Path, name: str, groups: Sequence[str]) -> Source:
    readers = list(Group.objects.filter(name__in=groups))
    if missing := sorted(set(groups) - {group.name for group in readers}):
        raise BadInputError(f"There is no group called {missing[0]}.")
    existing = Source.objects.filter(name=name, deleted_at=None).first()
    if existing is None:
        return _make(actor, path, name, readers)
    if groups and set(existing.groups.all()) != set(readers):
        raise BadInputError(f"{name} exists already and has other readers. Leave --group out, or choose another name.")
    require(actor, "knowledge.edit_source", existing)
    return existing


def _make(actor: User, path: Path, name: str, readers: Sequence[Group]) -> Source:
    require(actor, "knowledge.create_source")
    is_folder = path.is_dir()
    with transaction.atomic():
        source = Source.objects.create(
            name=name,
            kind="folder" if is_folder else "upload",
            config={"path": str(path)} if is_folder else {},
            owner=actor,
            is_for_everyone=not readers,
        )
        source.groups.set(readers)
        record(
            actor=actor,
            action="source.create",
            obj=source,
            payload={"kind": source.kind, "groups": [str(group.pk) for group in readers], "everyone": not readers},
        )
    return source
