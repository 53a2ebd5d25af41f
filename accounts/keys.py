"""API keys: a program's way in, with the rights of the person it acts for and no more.

Whoever holds the secret is the person, so it is shown once and only its SHA-256 kept: with 256 random bits in it there
is nothing for a slow hash to protect, and every call of a program looks one up.
"""

from __future__ import annotations

from datetime import timedelta
from functools import partial

from django.db import transaction
from django.utils import timezone

from accounts import audit, rights
from accounts.models import ApiKey, User
from accounts.signals import access_ended
from app.errors import BadInputError, NotFoundError

MAX_KEYS = 20
_HINT_CHARACTERS = len(ApiKey.PREFIX) + 5
_SEEN_EVERY = timedelta(minutes=1)


def create_key(*, actor: User, user: User, name: str, secret: str | None = None) -> tuple[ApiKey, str]:
    """A new key that acts as ``user``, and its secret, which nobody can read again.

    One's own, or as one who administers accounts. ``secret`` is one from ``ApiKey.new_secret`` that had to be written
    down before. Raises BadInputError without a usable name or with too many keys.
    """
    if actor != user:
        rights.require(actor, "accounts.administer", user)
    name = " ".join(name.split())
    if not 1 <= len(name) <= 120:
        raise BadInputError("Give the key a name of at most 120 characters, such as the program that will use it.")
    secret = secret or ApiKey.new_secret()
    with transaction.atomic():
        # One at a time for one person, or two requests at once would both find room for the last key.
        User.objects.select_for_update().get(pk=user.pk)
        if ApiKey.objects.live().filter(user=user).count() >= MAX_KEYS:
            raise BadInputError(f"There can be {MAX_KEYS} keys. Revoke one that is not used any more.")
        key = ApiKey.objects.create(
            user=user, name=name, digest=ApiKey.digest_of(secret), hint=secret[:_HINT_CHARACTERS]
        )
        audit.record(actor=actor, action="key.create", obj=key, payload={"user": str(user.pk)})
    return key, secret


def revoke_key(*, actor: User, key: ApiKey) -> None:
    """End the key at once, and the lines it opened. Twice is the same as once.

    Raises NotFoundError for another's key.
    """
    if key.user_id != actor.pk and not rights.can(actor, "accounts.administer", key.user):
        raise NotFoundError
    with transaction.atomic():
        if ApiKey.objects.filter(pk=key.pk, revoked_at=None).update(revoked_at=timezone.now()):
            audit.record(actor=actor, action="key.revoke", obj=key, payload={"user": str(key.user_id)})
            transaction.on_commit(partial(access_ended.send, sender=ApiKey, user_id=key.user_id, key=key.digest))
    key.refresh_from_db(fields=["revoked_at"])


def find_user_by_key(secret: str) -> User | None:
    """Whom the key acts for; None for an unknown, revoked or expired key, or a suspended person.

    The person carries the key's id. Notes the use of the key, at most once a minute.
    """
    if not secret.startswith(ApiKey.PREFIX):
        return None
    key = ApiKey.objects.live().select_related("user").filter(digest=ApiKey.digest_of(secret)).first()
    if key is None:
        return None
    now = timezone.now()
    if key.last_used_at is None or now - key.last_used_at > _SEEN_EVERY:
        ApiKey.objects.filter(pk=key.pk).update(last_used_at=now)
    key.user.key_id = key.pk
    return key.user
