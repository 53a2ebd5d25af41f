"""The deeds of people who keep sources: making one, changing it, handing it over, pausing, deleting, reviewing it.

Each checks the right, changes the rows and writes the audit event in one transaction. A credential goes in and never
comes out again: no answer, page, event or log holds it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import Any, TypedDict, Unpack

from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts.audit import record
from accounts.models import Group, User
from accounts.rights import require
from app.errors import BadInputError
from knowledge.connectors.registry import connector_of
from knowledge.connectors.settings import checked_patterns, checked_settings, moves_credential
from knowledge.credentials import sealed
from knowledge.errors import NotReadyError, SettingError
from knowledge.models import Source, Sync
from knowledge.quality.lines import checked_lines
from knowledge.syncs import scheduling
from knowledge.syncs.running import begin, end_live
from knowledge.tasks import run_sync

LONGEST_NAME = 120


@dataclass(frozen=True)
class Readers:
    """Who may read a source besides its owner: the groups of these names, or everyone."""

    groups: Sequence[str] = ()
    everyone: bool = False


class SourceFields(TypedDict, total=False):
    """What can be said of a source. ``credential`` "" clears it; patterns are as in .gitignore files."""

    config: Mapping[str, Any]
    readers: Readers
    include: Sequence[str]
    exclude: Sequence[str]
    schedule: str
    review_by: date | None
    credential: str | None
    quality_lines: Mapping[str, float | None]


class SourceChanges(SourceFields, total=False):
    name: str


def create_source(*, actor: User, name: str, kind: str = "upload", **wanted: Unpack[SourceFields]) -> Source:
    """A new source kept by ``actor``; without ``readers`` nobody else may read it.

    Raises BadInputError for a name in use, an unknown kind or group, a schedule or settings that cannot be used.
    """
    require(actor, "knowledge.create_source")
    connector_of(kind)
    source = Source(owner=actor, kind=kind)
    _apply(actor, source, {"name": name, "config": {}, **wanted})
    readers = wanted.get("readers", Readers())
    groups = _groups_named(actor, readers.groups)
    try:
        with transaction.atomic():
            source.save()
            source.groups.set(groups)
            payload = {
                "kind": source.kind,
                "groups": [str(group.pk) for group in groups],
                "everyone": readers.everyone,
                "credential": source.has_credential,
            }
            record(actor=actor, action="source.create", obj=source, payload=payload)
    except IntegrityError as error:
        raise _name_in_use(source.name) from error
    return source


def change_source(*, actor: User, source: Source, **changes: Unpack[SourceChanges]) -> Source:
    """Change what is given and leave the rest. New patterns and settings take effect with the next sync.

    Raises as ``create_source``; where settings change that may say where the credential is sent, it has to be entered
    again, or it could be sent to somebody else.
    """
    require(actor, "knowledge.edit_source", source)
    try:
        with transaction.atomic():
            source = _locked(source)
            before = source.config
            _apply(actor, source, changes)
            if source.has_credential and "credential" not in changes:
                _keep_credential_at_home(source, before)
            readers = changes.get("readers")
            if readers is not None:
                source.groups.set(_groups_named(actor, readers.groups, besides=source.groups.all()))
            source.save()
            payload: dict[str, Any] = {"changed": sorted(changes)}
            if readers is not None:
                payload["groups"] = [str(group.pk) for group in source.groups.all()]
                payload["everyone"] = readers.everyone
            record(actor=actor, action="source.change", obj=source, payload=payload)
    except IntegrityError as error:
        raise _name_in_use(changes.get("name", source.name)) from error
    return source


def hand_over_source(*, actor: User, source: Source, owner: User) -> Source:
    """Let somebody else keep the source. Raises BadInputError when they may not keep sources."""
    require(actor, "knowledge.edit_source", source)
    if not owner.holds("knowledge.edit_source"):
        raise BadInputError(f"{owner} is not a content owner, and cannot keep a source.")
    with transaction.atomic():
        source = _locked(source)
        before, source.owner = source.owner_id, owner
        source.save(update_fields=["owner"])
        payload = {"from": str(before), "to": str(owner.pk)}
        record(actor=actor, action="source.hand_over", obj=source, payload=payload)
    return source


def pause_source(*, actor: User, source: Source) -> Source:
    """Take nothing more in until it is resumed; what is there stays found. A sync that runs ends."""
    require(actor, "knowledge.edit_source", source)
    with transaction.atomic():
        source = _locked(source)
        if source.paused_at is None:
            source.paused_at, source.next_sync_at = timezone.now(), None
            source.save(update_fields=["paused_at", "next_sync_at"])
            end_live(source, "The source was paused.")
            record(actor=actor, action="source.pause", obj=source)
    return source


def resume_source(*, actor: User, source: Source) -> Source:
    require(actor, "knowledge.edit_source", source)
    with transaction.atomic():
        source = _locked(source)
        if source.paused_at is not None:
            source.paused_at, source.next_sync_at = None, scheduling.next_time(source.schedule)
            source.save(update_fields=["paused_at", "next_sync_at"])
            record(actor=actor, action="source.resume", obj=source)
    return source


def delete_source(*, actor: User, source: Source) -> Source:
    """From now on nothing of it is found or opened, and its name is free. ``restore_source`` undoes it."""
    require(actor, "knowledge.edit_source", source)
    with transaction.atomic():
        source = _locked(source)
        if source.deleted_at is None:
            source.deleted_at, source.next_sync_at = timezone.now(), None
            source.save(update_fields=["deleted_at", "next_sync_at"])
            end_live(source, "The source was deleted.")
            record(actor=actor, action="source.delete", obj=source)
    return source


def restore_source(*, actor: User, source: Source) -> Source:
    """Undo a deletion. Raises BadInputError when another source has its name by now."""
    require(actor, "knowledge.edit_source", source)
    try:
        with transaction.atomic():
            source = _locked(source)
            if source.deleted_at is not None:
                source.deleted_at = None
                source.next_sync_at = None if source.paused_at else scheduling.next_time(source.schedule)
                source.save(update_fields=["deleted_at", "next_sync_at"])
                record(actor=actor, action="source.restore", obj=source)
    except IntegrityError as error:
        raise BadInputError(f"Another source is called {source.name} by now. Rename that one first.") from error
    return source


def mark_reviewed(*, actor: User, source: Source, next_review_by: date | None = None) -> Source:
    """Say that its content was looked at and is right; it is due again at ``next_review_by``.

    Raises BadInputError for a day that is past.
    """
    require(actor, "knowledge.edit_source", source)
    if next_review_by and next_review_by <= timezone.localdate():
        raise SettingError("The next review has to lie in the future.", field="next_review_by")
    with transaction.atomic():
        source = _locked(source)
        source.reviewed_at, source.review_by = timezone.now(), next_review_by
        source.save(update_fields=["reviewed_at", "review_by"])
        payload = {"next": next_review_by.isoformat() if next_review_by else None}
        record(actor=actor, action="source.review", obj=source, payload=payload)
    return source


def start_sync(*, actor: User, source: Source) -> Sync:
    """Look through a source again, in the background; the sync that runs already, if there is one.

    Raises BadInputError for a source that only takes uploads, NotReadyError for one that is paused.
    """
    require(actor, "knowledge.edit_source", source)
    if source.kind == "upload":
        raise BadInputError("There is nothing to sync: files are uploaded to this source.")
    if source.paused_at is not None or source.deleted_at is not None:
        raise NotReadyError("This source is paused. Resume it first.")
    with transaction.atomic():
        sync, is_new = begin(source, actor=actor)
        if is_new:
            transaction.on_commit(partial(run_sync.delay, str(sync.pk)))
    return sync


def _apply(actor: User, source: Source, wanted: SourceChanges) -> None:
    """Put what is wanted into the row's fields. Raises BadInputError."""
    if "name" in wanted:
        source.name = _checked_name(wanted["name"])
    if "config" in wanted and (source._state.adding or dict(wanted["config"]) != source.config):
        source.config = checked_settings(actor, connector_of(source.kind), wanted["config"])
    if "include" in wanted:
        source.include = checked_patterns(wanted["include"], "include")
    if "exclude" in wanted:
        source.exclude = checked_patterns(wanted["exclude"], "exclude")
    if "readers" in wanted:
        source.is_for_everyone = wanted["readers"].everyone
    if "quality_lines" in wanted:
        source.quality_lines = checked_lines(wanted["quality_lines"])
    if "review_by" in wanted:
        source.review_by = wanted["review_by"]
    if "schedule" in wanted:
        _set_schedule(source, wanted["schedule"])
    if "credential" in wanted:
        source.credential_encrypted = sealed(source.kind, wanted["credential"])


def _set_schedule(source: Source, schedule: str) -> None:
    schedule = scheduling.checked(schedule)
    if schedule and source.kind == "upload":
        raise SettingError("Files are uploaded to this source: it needs no schedule.", field="schedule")
    if schedule != source.schedule:
        source.next_sync_at = None if source.paused_at else scheduling.next_time(schedule)
    source.schedule = schedule


def _keep_credential_at_home(source: Source, before: Mapping[str, Any]) -> None:
    """Raises SettingError when the stored credential would go along to another place."""
    if moves_credential(connector_of(source.kind), before, source.config):
        raise SettingError("Enter the credential again: it could be sent to another place now.", field="credential")


def _checked_name(name: str) -> str:
    name = " ".join(name.replace("\0", " ").split())
    if not name or len(name) > LONGEST_NAME:
        raise SettingError(f"A source needs a name of at most {LONGEST_NAME} characters.", field="name")
    return name


def _name_in_use(name: str) -> SettingError:
    return SettingError(f"There is already a source called {name}. Choose another name.", field="name")


def _locked(source: Source) -> Source:
    return Source.objects.select_for_update().get(pk=source.pk)


def _groups_named(actor: User, names: Sequence[str], besides: Sequence[Group] | Any = ()) -> list[Group]:
    """Groups by name among those the actor may see, and ``besides``. Raises SettingError naming one that is not."""
    found = {group.name: group for group in [*besides, *Group.objects.visible_to(actor).filter(name__in=names)]}
    for name in names:
        if name not in found:
            raise SettingError(f"There is no group called {name} that you are in.", field="groups")
    return [found[name] for name in dict.fromkeys(names)]
