"""Secrets of registered programs and what they were given: made here, kept as digests, looked up, and ended."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable
from datetime import timedelta
from functools import partial

from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.crypto import constant_time_compare

from accounts.models import Consent, IssuedCode, IssuedToken, Program, User
from accounts.programs import failures
from accounts.scope import Scope
from accounts.signals import access_ended

# What each kind begins with, so that whoever finds one knows what it is. None begins as an API key does.
ACCESS, REFRESH, CLIENT, CODE = "parley-at-", "parley-rt-", "parley-cs-", "parley-ac-"
SIGN_IN_SCOPES = ("openid", "profile", "email")
_SEEN_EVERY = timedelta(minutes=1)


def new_secret(kind: str) -> str:
    return kind + secrets.token_urlsafe(32)


def digest_of(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def is_secret_of(program: Program, secret: str) -> bool:
    """In constant time. A program without a secret has none that fits."""
    return bool(program.secret_digest) and constant_time_compare(program.secret_digest, digest_of(secret))


def line_of(program: Program) -> str:
    """What the sockets of one person that this program opened are known by."""
    return f"program:{program.pk}"


def find_user_by_token(secret: str, *, address: str = "") -> User | None:
    """Whom the access token acts for; None for an unknown, expired or ended one, of a program that has ended, of
    somebody suspended, or of somebody with another password or other roles than when it was given out.

    The person carries the program's id and what the token may.
    """
    token = find_token(secret)
    if token is None:
        return None
    _note_use(token, address)
    program, user = token.program, token.user
    user.key_id = program.pk
    user.scope = Scope.of(
        "token",
        capabilities=set(token.scopes) & set(program.capabilities),
        assistants=program.assistants,
        line=line_of(program),
        until=min(token.expires_at, program.expires_at),
    )
    return user


def find_token(secret: str) -> IssuedToken | None:
    """The access token of this secret, when it still opens anything; the rows it names are asked as they are now."""
    if not secret.startswith(ACCESS) or not failures.has_shape(secret):
        return None
    digest = digest_of(secret)
    if failures.is_known_wrong(digest):
        return None
    token = IssuedToken.objects.select_related("user", "program", "consent").filter(digest=digest).first()
    if token is None:
        failures.remember_wrong(digest)
        return None
    is_live = token.revoked_at is None and token.expires_at > timezone.now()
    return token if is_live and stands(token) else None


def stands(token: IssuedToken) -> bool:
    """Whether program, consent and person are still as they were when it was given out."""
    program, user, consent = token.program, token.user, token.consent
    is_here = program.revoked_at is None and program.expires_at > timezone.now() and user.is_active
    is_allowed = consent is None or consent.revoked_at is None
    return is_here and is_allowed and constant_time_compare(token.stand, stand_of(user))


def stand_of(user: User) -> str:
    return user.get_session_auth_hash()


def revoke_tokens(*, program: Program, user: User | None = None, consent: Consent | None = None) -> int:
    """End what a program was given, all or of one person, and the sockets it opened with it. Part of a deed that is
    audited by its verb.
    """
    rows = IssuedToken.objects.filter(program=program, revoked_at=None)
    if user is not None:
        rows = rows.filter(user=user)
    if consent is not None:
        rows = rows.filter(consent=consent)
    people = set(rows.values_list("user_id", flat=True))
    count = rows.update(revoked_at=timezone.now())
    end_lines(program, people)
    return count


def end_lines(program: Program, people: Iterable[object]) -> None:
    for user_id in people:
        news = partial(access_ended.send, sender=Program, user_id=user_id, key=line_of(program))
        transaction.on_commit(news)


def forget_old() -> int:
    """Codes and tokens that have been over for a week: nothing asks for them any more."""
    long_ago = timezone.now() - timedelta(days=7)
    old = Q(refresh_expires_at=None) | Q(refresh_expires_at__lt=long_ago)
    count, _ = IssuedToken.objects.filter(old, expires_at__lt=long_ago).delete()
    codes, _ = IssuedCode.objects.filter(expires_at__lt=long_ago).delete()
    return count + codes


def _note_use(token: IssuedToken, address: str) -> None:
    now = timezone.now()
    if token.last_used_at is not None and now - token.last_used_at <= _SEEN_EVERY:
        return
    IssuedToken.objects.filter(pk=token.pk).update(last_used_at=now)
    Program.objects.filter(pk=token.program_id).update(last_used_at=now, last_used_from=failures.network_of(address))
    if token.consent_id:
        Consent.objects.filter(pk=token.consent_id).update(last_used_at=now)
