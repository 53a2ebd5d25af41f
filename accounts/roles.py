"""Roles made here from the list of capabilities, and who may give what to whom.

Whoever has the built-in role Administrator may give anything. Who looks after people by a role made here gives, takes
and suspends only within what they hold themselves: else a helper at the desk would be one click from being an
administrator. The last administrator cannot be lost, whoever tries.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from django.db import IntegrityError, transaction
from django.utils.crypto import get_random_string
from django.utils.text import slugify

from accounts import audit, rights
from accounts.capabilities import CAPABILITIES, GRANTS, MEANINGS, Capability
from accounts.models import CustomRole, Invitation, Role, User
from accounts.signals import access_ended
from app.errors import BadInputError, ConflictError, NotAllowedError


def create_role(*, actor: User | str, name: str, capabilities: Sequence[str], description: str = "") -> CustomRole:
    """Raises BadInputError for a bad name or an unknown capability, ConflictError when there is one of that name."""
    if isinstance(actor, User):
        rights.require(actor, "accounts.administer")
    name, wanted = _checked_name(name), _checked(capabilities)
    check_may_give(actor, wanted)
    role = CustomRole(slug=_slug_of(name), name=name, description=description.strip()[:300], capabilities=wanted)
    try:
        with transaction.atomic():
            role.save(force_insert=True)
            audit.record(actor=actor, action="role.create", obj=role, payload={"capabilities": wanted})
    except IntegrityError as error:
        raise ConflictError(f"There is a role named {name} already.") from error
    return role


def change_role(
    *, actor: User | str, role: CustomRole, name: str, capabilities: Sequence[str], description: str = ""
) -> CustomRole:
    """Everybody who has it may do these from now on, and signs in anew when that is something else than before."""
    if isinstance(actor, User):
        rights.require(actor, "accounts.administer")
    name, wanted = _checked_name(name), _checked(capabilities)
    try:
        with transaction.atomic():
            role = CustomRole.objects.select_for_update().get(pk=role.pk)
            before = sorted(role.capabilities)
            check_may_give(actor, [*wanted, *before])
            role.name, role.description, role.capabilities = name, description.strip()[:300], wanted
            role.save(update_fields=["name", "description", "capabilities"])
            payload = {"before": before, "after": wanted}
            audit.record(actor=actor, action="role.change", obj=role, payload=payload)
            if before != wanted:
                _end_sessions(role.slug)
    except IntegrityError as error:
        raise ConflictError(f"There is a role named {name} already.") from error
    return role


def delete_role(*, actor: User | str, role: CustomRole) -> int:
    """Take it from everybody; how many had it. Who they were is in the audit log."""
    if isinstance(actor, User):
        rights.require(actor, "accounts.administer")
    check_may_give(actor, role.capabilities)
    with transaction.atomic():
        role = CustomRole.objects.select_for_update().get(pk=role.pk)
        held_by = [str(pk) for pk in _holders(role.slug)]
        _end_sessions(role.slug)
        label = audit.label(role)
        role.delete()
        payload = {"capabilities": sorted(role.capabilities), "held_by": held_by}
        audit.record(actor=actor, action="role.delete", obj=label, payload=payload)
    return len(held_by)


def checked_roles(roles: Iterable[str]) -> list[str]:
    """In order and once each. Raises BadInputError for one that there is not."""
    wanted = {str(role) for role in roles}
    own = wanted - set(Role.values)
    if own:
        own -= set(CustomRole.objects.filter(pk__in=own).values_list("pk", flat=True))
    if own:
        there = [*Role.values, *CustomRole.objects.values_list("pk", flat=True)]
        raise BadInputError(f"There is no role {', '.join(sorted(own))}; there are {', '.join(there)}.")
    return sorted(wanted)


def capabilities_of(roles: Iterable[str]) -> set[str]:
    """What these give, built in or made here."""
    slugs = list(roles)
    given: set[str] = set()
    for role in slugs:
        given |= GRANTS.get(role, frozenset())
    for capabilities in CustomRole.objects.filter(pk__in=slugs).values_list("capabilities", flat=True):
        given |= set(capabilities)
    return given


def check_may_give(actor: User | str, capabilities: Iterable[str]) -> None:
    """Raises NotAllowedError where ``actor`` does not hold all of these, and is no administrator."""
    if not isinstance(actor, User) or (actor.has_role(Role.ADMIN) and not _is_narrowed(actor)):
        return
    beyond = sorted(set(capabilities) - actor.capabilities)
    if beyond:
        raise NotAllowedError(f"This takes an administrator, since you do not hold it yourself: {', '.join(beyond)}.")


def check_may_rule(actor: User | str, person: User) -> None:
    """Raises NotAllowedError where ``person`` may do what ``actor`` may not, and ``actor`` is no administrator."""
    check_may_give(actor, person.capabilities)
    if isinstance(actor, User) and person.has_role(Role.ADMIN) and not actor.has_role(Role.ADMIN):
        raise NotAllowedError(f"{person} is an administrator. Only another administrator can do this.")


def keep_an_administrator(person: User) -> None:
    """Raises ConflictError when nobody but ``person`` is an administrator who can sign in.

    Call it in the transaction that takes the role or shuts the account: the rows stay locked, so that two
    administrators cannot do it to each other at once.
    """
    admins = User.objects.select_for_update().filter(is_active=True, roles__contains=[Role.ADMIN]).order_by("pk")
    admins = admins.filter(is_service=False)  # a program's account administers by its token, and can sign in nobody
    admins = admins.exclude(pk__in=Invitation.objects.unanswered().values("user"))  # who may never come
    if {admin.pk for admin in admins} == {person.pk}:
        raise ConflictError(f"{person} is the last administrator. Make somebody else one first.")


def role_names() -> dict[str, str]:
    """Every role there is by its slug, the built-in ones first."""
    names = {str(role.value): str(role.label) for role in Role}
    return names | dict(CustomRole.objects.values_list("pk", "name"))


def meaning_of(capability: str) -> str:
    """In English; the page translates it."""
    return next((meaning for name, meaning in MEANINGS.items() if name == capability), capability)


def _is_narrowed(actor: User) -> bool:
    """Whether they came with a key or token that was given some of their rights only."""
    return actor.scope is not None and actor.scope.capabilities is not None


def _checked_name(name: str) -> str:
    name = " ".join(name.split())
    if not 1 <= len(name) <= 60:
        raise BadInputError("Give the role a name of at most 60 characters.")
    if name.casefold() in {str(word).casefold() for role in Role for word in (role.value, role.label)}:
        raise ConflictError(f"There is a role named {name} already.")
    return name


def _checked(capabilities: Iterable[str]) -> list[Capability]:
    wanted = set(capabilities)
    if unknown := wanted - set(CAPABILITIES):
        raise BadInputError(f"There is no right called {', '.join(sorted(unknown))}.")
    return [one for one in sorted(CAPABILITIES) if one in wanted]


def _slug_of(name: str) -> str:
    """Told apart from the built-in ones and from roles that were deleted, whom nobody should get back by a name."""
    return f"{slugify(name)[:12].strip('-') or 'role'}-{get_random_string(6, 'abcdefghjkmnpqrstuvwxyz23456789')}"


def _holders(slug: str) -> list[object]:
    return list(User.objects.filter(roles__contains=[slug]).order_by("pk").values_list("pk", flat=True))


def _end_sessions(slug: str) -> None:
    """Once the transaction is committed, have the open lines of all who have the role closed."""
    for pk in _holders(slug):
        transaction.on_commit(lambda pk=pk: access_ended.send(sender=User, user_id=pk))  # type: ignore[misc]
