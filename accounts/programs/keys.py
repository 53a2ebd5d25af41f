"""API keys: a program's way in, with the rights of the person it acts for, or with fewer, and never more.

Whoever holds the secret is the person, so it is shown once and only its SHA-256 kept: with 256 random bits in it there
is nothing for a slow hash to protect, and every call of a program looks one up. Every key ends; before that it can be
given another secret while the one before goes on working for some hours, so that no program has to stand still.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from accounts import audit, rights
from accounts.models import ApiKey, User
from accounts.programs import failures
from accounts.programs.assistants import check_assistants
from accounts.rights import Capability
from accounts.scope import Scope
from accounts.signals import access_ended
from app.errors import BadInputError, NotFoundError

MAX_KEYS = 20
OVERLAPS = (0, 1, 24, 72, 168)
USUAL_DAYS = 90
# What a new key may when nothing else is chosen.
USUAL: tuple[Capability, ...] = ("chat.ask", "knowledge.search")
_HINT_CHARACTERS = len(ApiKey.PREFIX) + 5
_SEEN_EVERY = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Terms:
    """What a new key may and how long it works. ``None``: all that its person may, the longest that is allowed."""

    capabilities: Sequence[str] | None = None
    assistants: Sequence[UUID] | None = None
    days: int | None = None


def create_key(
    *, actor: User, user: User, name: str, secret: str | None = None, terms: Terms | None = None
) -> tuple[ApiKey, str]:
    """A new key that acts as ``user``, and its secret, which nobody can read again.

    One's own, or as one who administers accounts. ``secret`` is one from ``ApiKey.new_secret`` that had to be written
    down before. Raises BadInputError without a usable name, for rights or assistants that the person does not have, for
    a time that is too long, or with too many keys.
    """
    if actor != user:
        rights.require(actor, "accounts.administer", user)
    terms = _checked(terms or Terms(), user)
    secret = secret or ApiKey.new_secret()
    with transaction.atomic():
        # One at a time for one person, or two requests at once would both find room for the last key.
        User.objects.select_for_update().get(pk=user.pk)
        if ApiKey.objects.live().filter(user=user).count() >= MAX_KEYS:
            raise BadInputError(f"There can be {MAX_KEYS} keys. Revoke one that is not used any more.")
        key = ApiKey.objects.create(
            user=user,
            name=_checked_name(name),
            digest=ApiKey.digest_of(secret),
            hint=secret[:_HINT_CHARACTERS],
            capabilities=None if terms.capabilities is None else list(terms.capabilities),
            assistants=None if terms.assistants is None else list(terms.assistants),
            expires_at=timezone.now() + timedelta(days=terms.days or settings.KEY_MAX_DAYS),
        )
        audit.record(actor=actor, action="key.create", obj=key, payload={"user": str(user.pk), **_facts(key)})
    return key, secret


def rotate_key(*, actor: User, key: ApiKey, overlap_hours: int) -> str:
    """Another secret for the same key; the one before works on for so many hours. It lasts as long again as before.

    Raises NotFoundError for another's key, BadInputError for one that has ended or another overlap than ``OVERLAPS``.
    """
    if key.user_id != actor.pk:
        raise NotFoundError
    if overlap_hours not in OVERLAPS:
        raise BadInputError(f"The secret before can work on for {', '.join(map(str, OVERLAPS))} hours.")
    secret, now = ApiKey.new_secret(), timezone.now()
    with transaction.atomic():
        locked = ApiKey.objects.live().select_for_update(of=("self",)).filter(pk=key.pk).first()
        if locked is None:
            raise BadInputError("This key has ended. Create another one.")
        gone = [locked.previous_digest] if locked.previous_digest else []
        if overlap_hours:
            locked.previous_digest, locked.previous_hint = locked.digest, locked.hint
            locked.previous_until, locked.previous_used_at = now + timedelta(hours=overlap_hours), locked.last_used_at
        else:
            gone.append(locked.digest)
            _forget_previous(locked)
        if locked.expires_at is not None:
            locked.expires_at = now + (locked.expires_at - (locked.rotated_at or locked.created_at))
        locked.digest, locked.hint, locked.rotated_at = ApiKey.digest_of(secret), secret[:_HINT_CHARACTERS], now
        locked.last_used_at, locked.last_used_from = None, ""
        locked.save()
        audit.record(actor=actor, action="key.rotate", obj=key, payload={"overlap_hours": overlap_hours})
        _end_lines(key, gone)
    key.refresh_from_db()
    return secret


def end_previous_secret(*, actor: User, key: ApiKey) -> None:
    """The secret before the present one works no longer. Raises NotFoundError for another's key."""
    if key.user_id != actor.pk:
        raise NotFoundError
    with transaction.atomic():
        locked = ApiKey.objects.select_for_update().get(pk=key.pk)
        if locked.previous_digest is None:
            return
        gone = [locked.previous_digest]
        _forget_previous(locked)
        locked.save()
        audit.record(actor=actor, action="key.end_previous", obj=key)
        _end_lines(key, gone)
    key.refresh_from_db()


def revoke_key(*, actor: User, key: ApiKey) -> None:
    """End the key at once, and the lines it opened. Twice is the same as once.

    Raises NotFoundError for another's key.
    """
    if key.user_id != actor.pk and not rights.can(actor, "accounts.administer", key.user):
        raise NotFoundError
    with transaction.atomic():
        if ApiKey.objects.filter(pk=key.pk, revoked_at=None).update(revoked_at=timezone.now()):
            audit.record(actor=actor, action="key.revoke", obj=key, payload={"user": str(key.user_id)})
            _end_lines(key, [one for one in (key.digest, key.previous_digest) if one])
    key.refresh_from_db(fields=["revoked_at"])


def find_user_by_key(secret: str, *, address: str = "") -> User | None:
    """Whom the key acts for; None for an unknown, revoked or expired key, or a suspended person.

    The person carries the key's id and what it may. Notes the use of the key, at most once a minute.
    """
    if not secret.startswith(ApiKey.PREFIX) or not secret.isascii():
        return None
    digest = ApiKey.digest_of(secret)
    if failures.is_known_wrong(digest):
        return None
    key = ApiKey.objects.opened_by(digest).select_related("user").first()
    if key is None:
        if not ApiKey.objects.filter(digest=digest).exists():
            failures.remember_wrong(digest)
        return None
    _note_use(key, digest, address)
    user = key.user
    until = key.expires_at
    if digest == key.previous_digest and key.previous_until:
        until = min(key.previous_until, until) if until else key.previous_until
    user.key_id = key.pk
    user.scope = Scope.of("key", capabilities=key.capabilities, assistants=key.assistants, line=digest, until=until)
    return user


def longest_days() -> list[int]:
    """The choices of how long a key may work, by the house's setting."""
    most: int = settings.KEY_MAX_DAYS
    return [days for days in (7, 30, USUAL_DAYS, 180, 365) if days < most] + [most]


def _note_use(key: ApiKey, digest: str, address: str) -> None:
    now = timezone.now()
    is_previous = digest != key.digest
    seen = key.previous_used_at if is_previous else key.last_used_at
    if seen is not None and now - seen <= _SEEN_EVERY:
        return
    rows = ApiKey.objects.filter(pk=key.pk)
    if is_previous:
        rows.update(previous_used_at=now)
    else:
        rows.update(last_used_at=now, last_used_from=failures.network_of(address))


def _forget_previous(key: ApiKey) -> None:
    key.previous_digest, key.previous_hint, key.previous_until, key.previous_used_at = None, "", None, None


def _end_lines(key: ApiKey, digests: Sequence[str]) -> None:
    for digest in digests:
        transaction.on_commit(partial(access_ended.send, sender=ApiKey, user_id=key.user_id, key=digest))


def _checked_name(name: str) -> str:
    name = " ".join(name.split())
    if not 1 <= len(name) <= 120:
        raise BadInputError("Give the key a name of at most 120 characters, such as the program that will use it.")
    return name


def _checked(terms: Terms, user: User) -> Terms:
    most: int = settings.KEY_MAX_DAYS
    if terms.days is not None and not 1 <= terms.days <= most:
        raise BadInputError(f"A key can work for 1 to {most} days.")
    if terms.capabilities is not None:
        if not terms.capabilities:
            raise BadInputError("Choose at least one right that the key has.")
        if missing := sorted(set(terms.capabilities) - set(rights.granted_to(user))):
            raise BadInputError(f"{', '.join(missing)}: not a right that you have, so no key of yours can have it.")
    check_assistants(user, terms.assistants)
    return terms


def _facts(key: ApiKey) -> dict[str, object]:
    assistants = None if key.assistants is None else [str(one) for one in key.assistants]
    until: datetime | None = key.expires_at
    return {"capabilities": key.capabilities, "assistants": assistants, "until": until.isoformat() if until else None}
