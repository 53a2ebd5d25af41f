"""Each person's own key: made with their account, kept in memory for half a minute, destroyed when they are erased.

What is sealed names the key that opens it, so one lookup serves any number of rows. A key that was destroyed elsewhere
is forgotten here within ``LIFETIME_SECONDS``: no process has to be told. A key that was made in a transaction which may
still be undone is not remembered before that is over, since nothing could be opened with it later.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from threading import Lock
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand
from django.db import transaction
from django.utils import timezone

from accounts import audit
from accounts.models import User
from accounts.models.person_keys import PersonKey
from app.errors import ConflictError
from app.master_keys import MasterKeyError, cipher_of, find_master, present

LIFETIME_SECONDS = 30.0
_PURPOSE = "parley person keys v1"
_NONCE = 12


class KeyDestroyedError(ConflictError):
    code = "erased"
    message = "This person was erased. Nothing can be kept for them any more."


@dataclass(frozen=True)
class DataKey:
    """A key ready for use. ``cipher`` is None once it was destroyed, or when nobody knows it."""

    id: UUID
    user_id: UUID | None = None
    cipher: AESGCM | None = field(default=None, repr=False)
    index_secret: bytes = field(default=b"", repr=False)
    """What words are blinded with, for finding them again."""
    is_present: bool = False


_lock = Lock()
_known: dict[UUID, tuple[float, DataKey]] = {}
_present: dict[UUID, UUID] = {}


def key_of(user_id: UUID) -> DataKey:
    """The present key of this person, made if there is none. Raises KeyDestroyedError for one who was erased."""
    key_id = _present.get(user_id)
    found = _recall(key_id) if key_id else None
    if found and found.cipher and found.is_present and found.user_id == user_id:
        return found
    rows = list(PersonKey.objects.filter(user=user_id).order_by("made_at"))
    row = next((one for one in rows if one.retired_at is None and one.destroyed_at is None), None)
    if row is not None:
        return _remember(_unwrapped(row))
    if any(one.destroyed_at for one in rows):
        raise KeyDestroyedError
    return _make(user_id)


def find_key(key_id: UUID) -> DataKey:
    """The key that something names; one without a cipher when it is gone. Raises MasterKeyError."""
    if found := _recall(key_id):
        return found
    row = PersonKey.objects.filter(pk=key_id).first()
    return _remember(_unwrapped(row) if row else DataKey(key_id))


def keys_of(user_id: UUID) -> list[DataKey]:
    """All with which something of theirs may be sealed: the present one, and those before it while they are needed."""
    rows = PersonKey.objects.filter(user=user_id, destroyed_at=None)
    return [_remember(_unwrapped(row)) for row in rows]


def prepare(key_ids: Iterable[UUID]) -> None:
    """Have these at hand, in one statement, before many rows of many people are read."""
    missing = [key_id for key_id in set(key_ids) if _recall(key_id) is None]
    for row in PersonKey.objects.filter(pk__in=missing) if missing else ():
        _remember(_unwrapped(row))


def make_key_with_account(user: User) -> None:
    """In the transaction that writes the account: it is remembered at once, since it goes with the account."""
    _remember(_unwrapped(_new_row(user.pk)))


def destroy_key(actor: User | str, person: User) -> int:
    """Make all that is sealed under this person's keys unreadable for ever; how many keys there were.

    The rows stay as tombstones without keys. This process forgets at once, every other within ``LIFETIME_SECONDS``. The
    right is whoever's who erases people; this is the last step of that, in its transaction.
    """
    with transaction.atomic():
        rows = PersonKey.objects.filter(user=person, destroyed_at=None)
        count = rows.update(wrapped=None, destroyed_at=timezone.now())
        if not count and not PersonKey.objects.filter(user=person).exists():
            # A tombstone all the same: no key may be made for somebody who was erased.
            PersonKey.objects.create(user=person, master_id=present().id, destroyed_at=timezone.now())
        audit.record(actor=actor, action="key.destroy", obj=person, payload={"keys": count})
        forget(person.pk)
        transaction.on_commit(partial(forget, person.pk))
    return count


def move_keys(person: User, to: User) -> None:
    """The keys of an account that became part of another's open what came with it. In the caller's transaction."""
    PersonKey.objects.filter(user=person, destroyed_at=None, retired_at=None).update(retired_at=timezone.now())
    PersonKey.objects.filter(user=person).update(user=to)
    transaction.on_commit(partial(forget, person.pk))


def forget(user_id: UUID | None = None) -> None:
    """Forget the keys of one person, or all that this process knows."""
    with _lock:
        if user_id is None:
            _known.clear()
            _present.clear()
            return
        _present.pop(user_id, None)
        for key_id in [key_id for key_id, (_, key) in _known.items() if key.user_id == user_id]:
            del _known[key_id]


def retire(user_ids: Sequence[UUID]) -> None:
    """Give these people new keys; those they have open what was sealed before. In the caller's transaction."""
    now = timezone.now()
    held = PersonKey.objects.select_for_update().filter(user__in=user_ids, retired_at=None, destroyed_at=None)
    holders = list(held.values_list("user_id", flat=True))
    held.update(retired_at=now)
    PersonKey.objects.bulk_create([_draft(user_id) for user_id in holders if user_id])
    for user_id in holders:
        if user_id:
            transaction.on_commit(partial(forget, user_id))


def rewrap(rows: Iterable[PersonKey]) -> int:
    """Wrap these anew under the present master key; how many there were. Raises MasterKeyError."""
    count = 0
    for row in rows:
        secret = _secret_of(row)
        row.wrapped, row.master_id = _wrapped(row.pk, secret), present().id
        row.save(update_fields=["wrapped", "master_id"])
        count += 1
    return count


def check_master_keys() -> None:
    """Raises MasterKeyError when people's keys are wrapped with a master key that was not given."""
    ids = PersonKey.objects.filter(destroyed_at=None).order_by("master_id").values_list("master_id", flat=True)
    for master_id in ids.distinct():
        find_master(master_id)


def _make(user_id: UUID) -> DataKey:
    """For somebody whose account is older than keys are. Of two at once the first wins."""
    row = _draft(user_id)
    PersonKey.objects.bulk_create([row], ignore_conflicts=True)
    row = PersonKey.objects.get(user=user_id, retired_at=None, destroyed_at=None)
    key = _unwrapped(row)
    transaction.on_commit(partial(_remember, key))
    return key


def _new_row(user_id: UUID) -> PersonKey:
    row = _draft(user_id)
    row.save(force_insert=True)
    return row


def _draft(user_id: UUID) -> PersonKey:
    row = PersonKey(user_id=user_id, master_id=present().id)
    row.wrapped = _wrapped(row.pk, AESGCM.generate_key(256))
    return row


def _wrapped(key_id: UUID, secret: bytes) -> bytes:
    nonce = os.urandom(_NONCE)
    return nonce + cipher_of(present(), _PURPOSE).encrypt(nonce, secret, key_id.bytes)


def _secret_of(row: PersonKey) -> bytes:
    sealed = bytes(row.wrapped or b"")
    try:
        return cipher_of(find_master(row.master_id), _PURPOSE).decrypt(sealed[:_NONCE], sealed[_NONCE:], row.pk.bytes)
    except InvalidTag as error:
        raise MasterKeyError(f"The key {row.pk} was changed in the database; bring it back from a backup.") from error


def _unwrapped(row: PersonKey) -> DataKey:
    if row.destroyed_at is not None:
        return DataKey(row.pk, row.user_id)
    secret = _secret_of(row)
    index_secret = HKDFExpand(algorithm=SHA256(), length=32, info=b"parley words v1").derive(secret)
    return DataKey(row.pk, row.user_id, AESGCM(secret), index_secret, row.retired_at is None)


def _recall(key_id: UUID) -> DataKey | None:
    found = _known.get(key_id)
    return found[1] if found and found[0] > time.monotonic() else None


def _remember(key: DataKey) -> DataKey:
    now = time.monotonic()
    with _lock:
        if len(_known) > 1_000:
            for key_id in [key_id for key_id, (until, _) in _known.items() if until <= now]:
                del _known[key_id]
        _known[key.id] = (now + LIFETIME_SECONDS, key)
        if key.user_id and key.is_present:
            _present[key.user_id] = key.id
    return key
