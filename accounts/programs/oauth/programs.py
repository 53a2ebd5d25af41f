"""Registering programs: by who administers accounts, with what they may do at most, until a day, answered for by
somebody.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from urllib.parse import urlsplit
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from accounts import audit, rights
from accounts.models import Group, IssuedToken, Program, Role, User
from accounts.programs.assistants import check_assistants
from accounts.programs.oauth import tokens
from app.errors import BadInputError, ConflictError

Grant = Program.Grant
_HINT_CHARACTERS = len(tokens.CLIENT) + 5
_LOOPBACK = ("127.0.0.1", "::1", "localhost")
_OWN_SCHEME = re.compile(r"[a-z][a-z0-9+-]*(\.[a-z0-9+-]+)+")


@dataclass(frozen=True, slots=True)
class Registration:
    """What a program is registered with. ``assistants`` None: all that its person may use. ``groups`` are those of its
    own account, where it acts for itself. ``days`` from now; None: the longest, or as it is.
    """

    name: str
    owner: User
    grants: Sequence[str]
    capabilities: Sequence[str]
    days: int | None
    redirect_uris: Sequence[str] = ()
    assistants: Sequence[UUID] | None = None
    groups: Sequence[Group] = field(default=())


def register_program(
    *, actor: User, registration: Registration, is_confidential: bool = True
) -> tuple[Program, str | None]:
    """A new program and its secret, which nobody can read again; None for one that cannot keep any.

    Raises NotAllowedError but for administrators, BadInputError where something of it cannot be.
    """
    rights.require(actor, "accounts.administer")
    wanted = _checked(registration, is_confidential=is_confidential)
    secret = tokens.new_secret(tokens.CLIENT) if is_confidential else None
    with transaction.atomic():
        program = Program(
            name=wanted.name,
            owner=wanted.owner,
            grants=list(wanted.grants),
            capabilities=list(wanted.capabilities),
            assistants=None if wanted.assistants is None else list(wanted.assistants),
            redirect_uris=list(wanted.redirect_uris),
            expires_at=_end_of(wanted.days or settings.KEY_MAX_DAYS),
        )
        _set_secret(program, secret)
        program.account = _make_account(program, wanted)
        program.save(force_insert=True)
        audit.record(actor=actor, action="program.register", obj=program, payload=_facts(program))
    return program, secret


def change_program(*, actor: User, program: Program, registration: Registration) -> None:
    """Other terms, from now on: what it was given holds only as far as they do, and its sockets are closed.

    Raises as ``register_program``.
    """
    rights.require(actor, "accounts.administer")
    wanted = _checked(registration, is_confidential=program.is_confidential)
    with transaction.atomic():
        locked = Program.objects.select_for_update().get(pk=program.pk)
        if locked.revoked_at is not None:
            raise ConflictError("This program has ended. Register another one.")
        before = _facts(locked)
        locked.name, locked.owner = wanted.name, wanted.owner
        locked.grants, locked.capabilities = list(wanted.grants), list(wanted.capabilities)
        locked.assistants = None if wanted.assistants is None else list(wanted.assistants)
        locked.redirect_uris = list(wanted.redirect_uris)
        if wanted.days is not None:
            locked.expires_at = _end_of(wanted.days)
        locked.account = _make_account(locked, wanted)
        locked.save()
        payload = {"before": before, "after": _facts(locked)}
        audit.record(actor=actor, action="program.change", obj=program, payload=payload)
        people = IssuedToken.objects.filter(program=program, revoked_at=None, expires_at__gt=timezone.now())
        tokens.end_lines(program, set(people.values_list("user_id", flat=True)))
    program.refresh_from_db()


def renew_secret(*, actor: User, program: Program) -> str:
    """Another secret; the one before works no longer, what it was given does. Raises NotAllowedError, ConflictError."""
    rights.require(actor, "accounts.administer")
    if not program.is_confidential or program.revoked_at is not None:
        raise ConflictError("This program has no secret that could be changed.")
    secret = tokens.new_secret(tokens.CLIENT)
    with transaction.atomic():
        _set_secret(program, secret)
        program.save(update_fields=["secret_digest", "hint"])
        audit.record(actor=actor, action="program.renew_secret", obj=program)
    return secret


def end_program(*, actor: User, program: Program) -> None:
    """It comes in no more, nor does anything it was given; its sockets are closed. Twice is the same as once."""
    rights.require(actor, "accounts.administer")
    with transaction.atomic():
        if Program.objects.filter(pk=program.pk, revoked_at=None).update(revoked_at=timezone.now()):
            count = tokens.revoke_tokens(program=program)
            if program.account is not None:
                User.objects.filter(pk=program.account.pk).update(is_active=False)
            audit.record(actor=actor, action="program.end", obj=program, payload={"tokens": count})
    program.refresh_from_db()


def _end_of(days: int) -> datetime:
    return timezone.now() + timedelta(days=days)


def _set_secret(program: Program, secret: str | None) -> None:
    program.secret_digest = tokens.digest_of(secret) if secret else ""
    program.hint = secret[:_HINT_CHARACTERS] if secret else ""


def _make_account(program: Program, wanted: Registration) -> User | None:
    """Whom it is when it acts for itself: nobody who could sign in, with the fewest roles that its rights need."""
    if Grant.CREDENTIALS not in wanted.grants:
        return program.account
    account = program.account or User(email=f"{program.pk}@programs.invalid", is_service=True, wants_reminders=False)
    if program.account is None:
        account.set_unusable_password()
    account.name, account.roles = wanted.name, _roles_for(wanted.capabilities)
    account.save()
    account.groups_joined.set(wanted.groups)
    return account


def _roles_for(capabilities: Sequence[str]) -> list[str]:
    roles: set[str] = set()
    for one in capabilities:
        granting = [role for role in Role.values if one in rights.GRANTS[role]]
        if not roles.intersection(granting):
            roles.add(granting[0])
    return sorted(roles)


def _checked(wanted: Registration, *, is_confidential: bool) -> Registration:
    name = " ".join(wanted.name.split())
    if not 1 <= len(name) <= 120:
        raise BadInputError("Give the program a name of at most 120 characters.")
    if not wanted.grants or set(wanted.grants) - set(Grant.values):
        raise BadInputError("Choose whether it acts for people, for itself, or both.")
    if Grant.CREDENTIALS in wanted.grants and not is_confidential:
        raise BadInputError("A program that acts for itself has to keep a secret.")
    if not wanted.capabilities or set(wanted.capabilities) - set(rights.CAPABILITIES):
        raise BadInputError("Choose at least one right that it has at most, among those there are.")
    if wanted.days is not None and not 1 <= wanted.days <= settings.KEY_MAX_DAYS:
        raise BadInputError(f"A program can be registered for 1 to {settings.KEY_MAX_DAYS} days.")
    if not wanted.owner.is_active or wanted.owner.is_service:
        raise BadInputError("Name somebody who answers for it and can sign in.")
    uris = list(dict.fromkeys(one.strip() for one in wanted.redirect_uris if one.strip()))
    if Grant.CODE in wanted.grants and not uris:
        raise BadInputError("Give at least one redirect address: a program that acts for people is sent back to it.")
    if len(uris) > 20:
        raise BadInputError("There can be 20 redirect addresses.")
    for uri in uris:
        _check_redirect(uri)
    check_assistants(None, wanted.assistants)
    return Registration(
        name, wanted.owner, wanted.grants, wanted.capabilities, wanted.days, uris, wanted.assistants, wanted.groups
    )


def _check_redirect(uri: str) -> None:
    """https anywhere, http on the person's own machine, or a scheme of a program's own such as com.example.app."""
    try:
        parts = urlsplit(uri)
        host = parts.hostname
        _ = parts.port
    except ValueError as error:
        raise BadInputError(f"{uri[:100]} is not an address.") from error
    is_plain = uri.isascii() and uri.isprintable() and not any(one in uri for one in " \"'<>\\*;,#") and len(uri) <= 500
    is_web = parts.scheme == "https" or (parts.scheme == "http" and host in _LOOPBACK)
    is_own = _OWN_SCHEME.fullmatch(parts.scheme) is not None
    if not is_plain or parts.username or not ((is_web and host) or is_own):
        raise BadInputError(
            f"{uri[:100]} cannot be a redirect address. Use https://…, http://127.0.0.1/… for programs on people's own "
            "machines, or a scheme such as com.example.app:/…, without wildcards, fragments and commas."
        )


def _facts(program: Program) -> dict[str, object]:
    return {
        "owner": str(program.owner_id),
        "grants": program.grants,
        "capabilities": program.capabilities,
        "assistants": None if program.assistants is None else [str(one) for one in program.assistants],
        "redirects": len(program.redirect_uris),
        "until": program.expires_at.isoformat(),
    }
