"""Signing in through the organisation's own provider: who it says somebody is, and what follows from that here.

A provider is believed about its own people, not about Parley's. The first time they are matched by e-mail address, and
only by one that it has verified: else whoever may write any address into their profile there would become anybody here.
From then on the provider's own id counts. Groups and roles follow only where the provider's words are mapped to them;
what is not mapped stays as it was given here, and no provider makes anybody an administrator by chance.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from allauth.socialaccount.models import SocialAccount
from django.db import transaction

from accounts import audit
from accounts.models import Group, Role, User
from accounts.people.people import assign_roles, create_person
from accounts.signing_in.providers import SignInProvider
from app.errors import ConflictError, NotAllowedError


@dataclass(frozen=True)
class Told:
    """What a provider told of the person who signed in there. ``words`` are its names of groups and roles."""

    uid: str
    email: str
    is_verified: bool
    name: str
    words: frozenset[str]


class NotAdmittedError(NotAllowedError):
    """The provider knows them, Parley does not let them in. The message says what they can do."""

    code = "not_admitted"


def read_told(provider: SignInProvider, uid: str, claims: dict[str, Any]) -> Told:
    """The claims of OpenID Connect or attributes of SAML (whose values are lists), made one."""
    verified = claims.get("email_verified")
    is_verified = provider.addresses_are_verified or verified is True or _first(verified).lower() == "true"
    return Told(
        uid=uid,
        email=_first(claims.get(provider.email_claim)).strip(),
        is_verified=is_verified,
        name=_first(claims.get(provider.name_claim))[:120],
        words=frozenset(_all(claims.get(provider.groups_claim))),
    )


def admit(*, provider: SignInProvider, told: Told, known: User | None) -> User:
    """Who this is here, with groups and roles as the provider says now. ``known`` is whom its id belongs to already.

    Raises NotAdmittedError, which is audited.
    """
    actor = f"provider:{provider.id}"
    try:
        user = known or _match(provider, told, actor)
    except NotAdmittedError:
        payload = {"email": audit.digest(told.email.lower()), "uid": audit.digest(told.uid)}
        with transaction.atomic():
            audit.record(actor=actor, action="account.link", outcome="denied", payload=payload)
        raise
    if user.is_active:
        follow_roles(actor=actor, user=user, mapped=provider.roles, words=told.words)
        follow_groups(actor=actor, user=user, mapped=provider.groups, words=told.words)
    return user


def _match(provider: SignInProvider, told: Told, actor: str) -> User:
    """By verified address; made new where the provider may do that."""
    if not told.email:
        raise NotAdmittedError(f"{provider.name} did not tell your e-mail address. Ask its administrator to do so.")
    if not told.is_verified:
        raise NotAdmittedError(
            f"{provider.name} has not verified your e-mail address, so it proves nothing here. Verify it there first."
        )
    if provider.domains and told.email.rpartition("@")[2].lower() not in provider.domains:
        raise NotAdmittedError("Your e-mail address is of another organisation. Ask an administrator of Parley.")
    user = User.objects.filter(email__iexact=told.email).first()
    if user is None and not provider.creates_accounts:
        raise NotAdmittedError("There is no account for you here. Ask an administrator of Parley to open one.")
    with transaction.atomic():
        user = user or create_person(actor=actor, email=told.email, password=None, name=told.name)
        if SocialAccount.objects.filter(provider=provider.id, user=user).exists():
            raise NotAdmittedError(
                f"Somebody else at {provider.name} signs in to this account already. Ask an administrator of Parley."
            )
        SocialAccount.objects.create(user=user, provider=provider.id, uid=told.uid)
        audit.record(actor=actor, action="account.link", obj=user, payload={"uid": audit.digest(told.uid)})
    return user


def follow_roles(*, actor: str, user: User, mapped: dict[str, str], words: Iterable[str]) -> None:
    """Of the roles that are mapped, those the provider gives now; the others stay. New roles end older sessions.

    The last administrator stays one, whatever the provider says: nobody could be made another.
    """
    managed = set(mapped.values())
    wanted = (set(user.roles) - managed) | {mapped[word] for word in words if word in mapped} | {Role.EMPLOYEE}
    if wanted != set(user.roles):
        try:
            assign_roles(actor=actor, user=user, roles=sorted(wanted))
        except ConflictError:
            kept = wanted | {Role.ADMIN}
            if kept != set(user.roles):
                assign_roles(actor=actor, user=user, roles=sorted(kept))


def follow_groups(*, actor: str, user: User, mapped: dict[str, str], words: Iterable[str]) -> None:
    """The same for groups; one that is mapped and not there yet is made."""
    wanted = {mapped[word] for word in words if word in mapped}
    with transaction.atomic():
        joined = set(user.groups_joined.values_list("name", flat=True))
        left = (joined & set(mapped.values())) - wanted
        new = wanted - joined
        if not left and not new:
            return
        for name in sorted(new):
            group, _made = Group.objects.get_or_create(name=name)
            group.members.add(user)
        user.groups_joined.remove(*Group.objects.filter(name__in=left))
        audit.record(
            actor=actor, action="group.follow_provider", obj=user, payload={"joined": len(new), "left": len(left)}
        )


def _all(value: Any) -> list[str]:
    if value is None:
        return []
    return [str(one) for one in value] if isinstance(value, list | tuple) else [str(value)]


def _first(value: Any) -> str:
    return next(iter(_all(value)), "")
