"""Rotating keys while people work: wrapping keys under another master key, giving people new keys, and sealing what is
plain or sealed under a key before.

Each step can be begun anew at any place: what is done is recognised by the key that it names, so a run that was killed
is taken up where it was. A row is changed only if it is as it was read, so nobody's writing is ever overwritten. After
people got new keys other processes may use the ones before for as long as they keep them in memory; all is looked
through once more when that is over, and only then the keys before are destroyed.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.apps import apps
from django.db import OperationalError, connection, models, transaction
from django.utils import timezone

from accounts import audit
from accounts.models.person_keys import KeyRotation, PersonKey
from accounts.sealed import person_keys
from accounts.sealed.fields import SealedField, SealedModel, key_id_of, sealed_fields
from accounts.sealed.person_keys import DataKey, KeyDestroyedError, key_of
from app import sealing
from app.errors import ConflictError
from app.master_keys import present

log = logging.getLogger(__name__)

BATCH = 100
_LOCK = 0x5041524C45593032
_TRIES = 3

Step = KeyRotation.Step
Tell = Callable[[KeyRotation], None]


@dataclass
class Pass:
    """What one look at everything found."""

    sealed: int = 0
    left: set[UUID] = field(default_factory=set)
    """Keys before under which something still is."""


FilePass = Callable[[Pass], Iterator[int]]
"""Seals files and says after each few how many it looked at."""


@dataclass
class _Known:
    secrets: dict[str, Callable[[], int]] = field(default_factory=dict)
    files: dict[str, FilePass] = field(default_factory=dict)


_known = _Known()


def keep_secrets(name: str, seal_anew: Callable[[], int]) -> None:
    """Have secrets of the organisation sealed under the present master key, too. Called when a package starts."""
    _known.secrets[name] = seal_anew


def keep_files(name: str, seal_anew: FilePass) -> None:
    """Have files of people sealed anew, too. Called when a package starts."""
    _known.files[name] = seal_anew


def rotate(
    *, master: bool = False, person_keys: bool = False, tell: Tell = lambda rotation: None, actor: str = audit.SYSTEM
) -> KeyRotation:
    """Do all that was asked for, or go on with what was begun. Raises ConflictError while another process does."""
    with _alone():
        rotation = _begin(actor, master=master, with_person_keys=person_keys)
        _run(rotation, tell)
        with transaction.atomic():
            rotation.step, rotation.finished_at = Step.DONE, timezone.now()
            rotation.save()
            audit.record(actor=actor, action="key.rotated", payload=_as_payload(rotation))
        tell(rotation)
    return rotation


def newest() -> KeyRotation | None:
    return KeyRotation.objects.order_by("-started_at").first()


def seal_column(model: type[models.Model], column: str, purpose: str) -> int:
    """Seal a column of the organisation's secrets anew; how many there were. One that no key opens stays as it is."""
    count = 0
    for pk, token in model._default_manager.exclude(**{column: ""}).values_list("pk", column):
        if (new := anew(purpose, token)) is not None:
            count += model._default_manager.filter(pk=pk, **{column: token}).update(**{column: new})
    return count


def anew(purpose: str, token: str) -> str | None:
    """The same secret under the present master key; None where it is, or where no key opens it."""
    if sealing.is_present(token):
        return None
    try:
        return sealing.seal(purpose, sealing.unseal(purpose, token))
    except sealing.CannotUnsealError as error:
        log.warning("a secret stays as it is: %s", error)
        return None


@contextmanager
def _alone() -> Iterator[None]:
    with connection.cursor() as cursor:
        cursor.execute("select pg_try_advisory_lock(%s)", [_LOCK])
        if cursor.fetchone() != (True,):
            raise ConflictError("Keys are being rotated by another process. Wait until it has ended.")
        try:
            yield
        finally:
            cursor.execute("select pg_advisory_unlock(%s)", [_LOCK])


def _begin(actor: str, *, master: bool, with_person_keys: bool) -> KeyRotation:
    with transaction.atomic():
        rotation = KeyRotation.objects.filter(finished_at=None).first()
        if rotation is None:
            rotation = KeyRotation.objects.create(with_master=master, with_person_keys=with_person_keys)
        audit.record(actor=actor, action="key.rotate", payload=_as_payload(rotation))
    return rotation


def _as_payload(rotation: KeyRotation) -> dict[str, Any]:
    return {
        "rotation": str(rotation.pk),
        "master": rotation.with_master,
        "person_keys": rotation.with_person_keys,
        "sealed": rotation.sealed,
    }


def _run(rotation: KeyRotation, tell: Tell) -> None:
    if rotation.with_master:
        _rewrap(rotation, tell)
        _enter(rotation, Step.SECRETS, len(_known.secrets), tell)
        for seal_anew in _known.secrets.values():
            _advance(rotation, 1, seal_anew(), tell)
    if rotation.with_person_keys and rotation.keys_made_at is None:
        _make_keys(rotation, tell)
    _seal_all(rotation, tell)
    if rotation.with_person_keys:
        _wait(rotation, tell)
        found = _seal_all(rotation, tell)
        _destroy_unused(rotation, found)


def _rewrap(rotation: KeyRotation, tell: Tell) -> None:
    others = PersonKey.objects.filter(destroyed_at=None).exclude(master_id=present().id)
    _enter(rotation, Step.MASTER, others.count(), tell)
    while True:
        with transaction.atomic():
            count = person_keys.rewrap(others.select_for_update().order_by("pk")[:BATCH])
        if not count:
            return
        _advance(rotation, count, 0, tell)


def _make_keys(rotation: KeyRotation, tell: Tell) -> None:
    mine = PersonKey.objects.filter(
        retired_at=None, destroyed_at=None, user__isnull=False, made_at__lt=rotation.started_at
    )
    _enter(rotation, Step.KEYS, mine.count(), tell)
    while users := list(mine.values_list("user_id", flat=True)[:BATCH]):
        with transaction.atomic():
            person_keys.retire(users)
        _advance(rotation, len(users), 0, tell)
    rotation.keys_made_at = timezone.now()
    rotation.save()


def _wait(rotation: KeyRotation, tell: Tell) -> None:
    assert rotation.keys_made_at is not None
    _enter(rotation, Step.WAITING, 0, tell)
    until = rotation.keys_made_at + timedelta(seconds=2 * person_keys.LIFETIME_SECONDS)
    while (seconds := (until - timezone.now()).total_seconds()) > 0:
        time.sleep(min(1.0, seconds))


def _seal_all(rotation: KeyRotation, tell: Tell) -> Pass:
    """Look at every row and file once."""
    tables = [model for model in apps.get_models() if issubclass(model, SealedModel)]
    _enter(rotation, Step.ROWS, sum(_plain(model).count() for model in tables), tell)
    found = Pass()
    for model in tables:
        rotation.place = model._meta.db_table
        for looked, sealed in _seal_rows(model, found):
            _advance(rotation, looked, sealed, tell)
    for name, seal_files in _known.files.items():
        rotation.place = name
        before = found.sealed
        for looked in seal_files(found):
            _advance(rotation, looked, found.sealed - before, tell)
            before = found.sealed
    return found


def _seal_rows(model: type[SealedModel], found: Pass) -> Iterator[tuple[int, int]]:
    fields = sealed_fields(model)
    owner = next(iter(fields.values())).owner.replace(".", "__")
    rows = _plain(model).order_by("pk")
    last = None
    while True:
        batch = list((rows if last is None else rows.filter(pk__gt=last)).values_list("pk", flat=True)[:BATCH])
        if not batch:
            return
        yield len(batch), _seal_batch(model, owner, batch, found)
        last = batch[-1]


def _seal_batch(model: type[SealedModel], owner: str, batch: list[Any], found: Pass) -> int:
    for attempt in range(_TRIES):
        try:
            with transaction.atomic():
                columns = (*sealed_fields(model), *model.also_read)
                rows = _plain(model).filter(pk__in=batch).order_by("pk").values_list("pk", owner, *columns)
                persons = {row[1] for row in rows}
                keys = {person: key for person in persons if (key := _find_key(person))}
                return sum(_seal_row(model, keys.get(row[1]), columns, row, found) for row in rows)
        except OperationalError:  # somebody wrote the same rows in another order
            if attempt == _TRIES - 1:
                raise
    return 0


def _find_key(person: UUID) -> DataKey | None:
    try:
        return key_of(person)
    except KeyDestroyedError:
        return None


def _seal_row(
    model: type[SealedModel], key: DataKey | None, columns: tuple[str, ...], row: tuple[Any, ...], found: Pass
) -> bool:
    """Whether something of it was sealed anew. A row that somebody changed meanwhile is looked at once more."""
    if key is None:
        return False
    for _ in range(_TRIES):
        pk, stood = row[0], dict(zip(columns, row[2:], strict=True))
        old = {name: stood[name] for name, one in sealed_fields(model).items() if _needs(one, key, stood[name])}
        if not old:
            return False
        made = _made(model, key, pk, stood, old)
        if not made:
            break
        as_read = {name: sealed_fields(model)[name].as_it_stands(stood[name]) for name in old}
        if _plain(model).filter(pk=pk, **as_read).update(**made):
            found.sealed += 1
            return True
        again = _plain(model).filter(pk=pk).values_list("pk", "pk", *columns).first()
        if again is None:
            return False
        row = again
    found.left |= {one for name in old if (one := key_id_of(sealed_fields(model)[name].token_in(stood[name])))}
    return False


def _needs(one: SealedField, key: DataKey, value: Any) -> bool:
    return bool(value) and key_id_of(one.token_in(value)) != key.id


def _made(
    model: type[SealedModel], key: DataKey, pk: Any, stood: dict[str, Any], old: dict[str, Any]
) -> dict[str, Any]:
    """The columns under the present key; nothing of what cannot be opened."""
    fields = sealed_fields(model)
    gone = object()
    said = {name: one.open_value(pk, stood[name], when_erased=gone) for name, one in fields.items() if stood[name]}
    new = {name: fields[name].seal_value(key, pk, said[name]) for name in old if said[name] is not gone}
    if not new:
        return {}
    whole = stood | {name: "" if value is gone else value for name, value in said.items()}
    return new | model.found_by(key, whole)


def _plain(model: type[SealedModel]) -> models.QuerySet[Any]:
    """Rows with their columns as they stand."""
    return models.QuerySet(model)


def _destroy_unused(rotation: KeyRotation, found: Pass) -> None:
    """The keys before, under which nothing is any more. Those that something still is under stay."""
    before = PersonKey.objects.filter(retired_at__lte=rotation.keys_made_at, destroyed_at=None)
    before.exclude(pk__in=found.left).update(wrapped=None, destroyed_at=timezone.now())
    if found.left:
        log.warning("%d keys before stay, since something could not be sealed anew", len(found.left))


def _enter(rotation: KeyRotation, step: str, total: int, tell: Tell) -> None:
    rotation.step, rotation.place, rotation.done, rotation.total = step, "", 0, total
    _advance(rotation, 0, 0, tell)


def _advance(rotation: KeyRotation, done: int, sealed: int, tell: Tell) -> None:
    rotation.done += done
    rotation.sealed += sealed
    rotation.touched_at = timezone.now()
    rotation.save()
    tell(rotation)
