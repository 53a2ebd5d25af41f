"""The second step of signing in: a code of an app, a passkey, or one of the codes kept for a bad day.

Anybody may set one up; for the roles of MFA_REQUIRED_ROLES nothing else of Parley opens before one is. A session that
was found to have it remembers so: only people who must have a second step cost a statement, and they once a session.
"""

from __future__ import annotations

from allauth.mfa.models import Authenticator
from django.conf import settings
from django.contrib.sessions.backends.base import SessionBase
from django.db import transaction

from accounts import audit, rights
from accounts.models import User
from accounts.people import tell_access_ended

_FOUND = "second_step"  # the session's word for: this person has set one up


def needs_second_step(user: User) -> bool:
    """Whether one of this person's roles may not do without."""
    return any(role in settings.MFA_REQUIRED_ROLES for role in user.roles)


def has_second_step(user: User) -> bool:
    """Recovery codes alone are none: they stand in for something."""
    kinds = [Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN]
    return bool(Authenticator.objects.filter(user_id=user.pk, type__in=kinds).exists())


def lacks_second_step(user: User, session: SessionBase) -> bool:
    """Whether this person must set one up before going on."""
    if not needs_second_step(user) or session.get(_FOUND) == str(user.pk):
        return False
    if not has_second_step(user):
        return True
    session[_FOUND] = str(user.pk)
    return False


def is_last_step(user: User, authenticator: Authenticator) -> bool:
    """Whether nothing but recovery codes would be left without it."""
    others = Authenticator.objects.filter(user_id=user.pk).exclude(pk=authenticator.pk)
    return not others.exclude(type=Authenticator.Type.RECOVERY_CODES).exists()


def reset_second_step(*, actor: User | str, user: User) -> None:
    """Take all of them off somebody who has lost them, and sign them out; their password alone lets them in again.

    ``actor`` is an administrator, or the name of a command.
    """
    if isinstance(actor, User):
        rights.require(actor, "accounts.administer", user)
    with transaction.atomic():
        removed, _ = Authenticator.objects.filter(user=user).delete()
        audit.record(actor=actor, action="account.reset_second_step", obj=user, payload={"removed": removed})
        tell_access_ended(user)
