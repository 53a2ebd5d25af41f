"""The second step of signing in: a code of an app, a passkey, or one of the codes kept for a bad day.

Anybody may set one up; for the roles of MFA_REQUIRED_ROLES nothing else of Parley opens before one is. The same holds
for roles made here that give what one of those gives beyond an employee's rights, and for whoever has a right that is
named there itself: else a role with another name would be the way past. A session that was found to have a second step
remembers so: only people who must have one cost a statement, and they once a session.
"""

from __future__ import annotations

from allauth.mfa.models import Authenticator
from django.conf import settings
from django.contrib.sessions.backends.base import SessionBase
from django.db import transaction

from accounts import audit, rights
from accounts.capabilities import CAPABILITIES, GRANTS, given_by
from accounts.models import Role, User
from accounts.people.people import tell_access_ended

_FOUND = "second_step"  # the session's word for: this person has set one up


def needs_second_step(user: User) -> bool:
    """Whether one of this person's roles, built in or made here, may not do without."""
    named = frozenset(settings.MFA_REQUIRED_ROLES)
    if not named:
        return False
    beyond = given_by([role for role in named if role in GRANTS]) - GRANTS[Role.EMPLOYEE]
    rights_named = named & frozenset(CAPABILITIES)
    every = given_by(user.roles).union(user.granted)
    return not named.isdisjoint(user.roles) or not beyond.isdisjoint(user.granted) or not rights_named.isdisjoint(every)


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
