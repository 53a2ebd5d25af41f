"""Bringing a folder or file into a source by hand, from the machine itself.

Whoever can run this can read the folder anyway, so any folder may be given. The source is made when there is
none; a folder that the source follows also loses what is gone from it, anything else never removes anything.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

from django.db import DatabaseError, transaction

from accounts.audit import record
from accounts.models import Group, User
from accounts.rights import require
from app.errors import BadInputError, ConflictError, ParleyError
from knowledge.connectors.base import Connector, Item, LeftOut
from knowledge.connectors.folder import FolderConnector, OneFile
from knowledge.models import Source, Sync
from knowledge.syncs.running import LEASE, SupersededError, begin, claim, end
from knowledge.syncs.syncing import look_through, patterns_of
from knowledge.syncs.tallying import Tally, Watch


@dataclass(frozen=True)
class Visit:
    """What is to be brought in, and where to. ``total``: how many files lie there."""

    source: Source
    connector: Connector
    found: Sequence[Item | LeftOut]
    is_its_own: bool
    total: int


def look(*, actor: User, path: Path, source_name: str, groups: Sequence[str] = ()) -> Visit:
    """Find the source (or make it, readable by ``groups``, else by everyone) and what lies at ``path``.

    Raises BadInputError for a path that is not there, an unknown group, or a source with other readers.
    """
    path = path.resolve()
    if not path.exists():
        raise BadInputError(f"There is nothing at {path}.")
    source = _source(actor, path, source_name, groups)
    is_its_own = source.kind == "folder" and source.config.get("path") == str(path)
    patterns = patterns_of(source)
    connector = FolderConnector({"path": str(path)}, None, patterns) if path.is_dir() else OneFile(path)
    found = list(connector.items({}))
    total = sum(isinstance(one, Item) and patterns.admits(one.key) for one in found)
    return Visit(source, connector, found, is_its_own, total)


def bring_in(*, actor: User, visit: Visit, watch: Watch = lambda seen: None) -> Tally:
    """Take everything in and process it in this process; ``watch`` is told of each file as it ends.

    Raises ConflictError when a sync of the source runs already.
    """
    require(actor, "knowledge.edit_source", visit.source)
    sync = _begin(actor, visit.source)
    tally = Tally(total=visit.total, watch=watch)
    try:
        with closing(visit.connector):
            look_through(sync, visit.connector, tally, actor=actor, listed=visit.found, is_by_hand=not visit.is_its_own)
    except SupersededError as error:
        raise ConflictError("The sync was ended by somebody else: the source was paused or deleted.") from error
    except ParleyError as error:
        _end(sync, tally, error.message)
        raise
    except BaseException:  # Ctrl-C as well: a run that ended must not look as if it went on
        _end(sync, tally, "It was interrupted.")
        raise
    return tally


def _begin(actor: User, source: Source) -> Sync:
    """A sync of our own. One whose process was killed is waited for until its lease has run out."""
    first: Sync | None = None
    until = time.monotonic() + LEASE.total_seconds() + 5
    while True:
        with transaction.atomic():
            sync, is_new = begin(source, actor=actor, cause=Sync.Cause.COMMAND)
        owned = claim(sync.pk) if is_new or sync.cause == Sync.Cause.COMMAND else None
        if owned is not None:
            return owned
        first = first or sync
        is_alive = sync.lease_until != first.lease_until
        if is_alive or sync.cause != Sync.Cause.COMMAND or time.monotonic() > until:
            raise ConflictError("This source is being synced already. Wait until that has ended.")
        time.sleep(1)


def _end(sync: Sync, tally: Tally, reason: str) -> None:
    with suppress(DatabaseError, SupersededError):
        end(sync, tally, failed=reason)


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
