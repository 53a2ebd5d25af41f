"""What somebody can do and see, and why; and what they cannot, and what it would take.

The rights are those of ``accounts.rights``; what there is to see is told by the packages that keep it (``tell``), from
the same querysets that every page goes through. Looking at somebody else's is audited: it says much about a person.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from accounts import audit, rights
from accounts.capabilities import CAPABILITIES, GRANTS, MEANINGS
from accounts.models import CustomRole, Group, Role, User
from accounts.people.groups import ways_into
from app.errors import NotFoundError


@dataclass(frozen=True)
class Right:
    """One capability in words, with the roles that give it, or those that would."""

    name: str
    meaning: str
    held: bool
    roles: list[str]


@dataclass(frozen=True)
class Membership:
    """A group, and the groups they were put into that lead there; none where that is the group itself."""

    group: Group
    through: list[Group]


@dataclass(frozen=True)
class Thing:
    """Something they can use, or cannot. ``why`` are sentences: what opens it, or what it would take."""

    name: str
    open: bool
    why: list[str]


@dataclass(frozen=True)
class Section:
    """All things of a kind, with how many there are besides those listed."""

    title: str
    things: list[Thing]
    more: int = 0


@dataclass(frozen=True)
class Standing:
    """All of it. ``obstacle`` is what stands before everything else: the account is shut."""

    person: User
    obstacle: str
    rights: list[Right]
    groups: list[Membership]
    sections: list[Section]


Teller = Callable[[User], Section]


@dataclass
class _Known:
    tellers: dict[str, Teller] = field(default_factory=dict)


_known = _Known()
MOST_THINGS = 200


def tell(kind: str, teller: Teller) -> None:
    """Have ``teller(person)`` say what they can see of a kind. Called once when a package starts."""
    _known.tellers[kind] = teller


def explain_person(*, actor: User, person: User) -> Standing:
    """Of oneself, or of anybody for who looks after people or reads the audit log. Raises NotFoundError."""
    if actor.pk != person.pk:
        if not (rights.can(actor, "accounts.administer") or rights.can(actor, "audit.read")):
            raise NotFoundError
        with transaction.atomic():
            audit.record(actor=actor, action="account.explain", obj=person)
    return Standing(
        person=person,
        obstacle="" if person.is_active else _("This account is suspended: nothing of the following holds now."),
        rights=_rights_of(person),
        groups=_groups_of(person),
        sections=[teller(person) for teller in _known.tellers.values()],
    )


def _rights_of(person: User) -> list[Right]:
    own = list(CustomRole.objects.all())
    given: dict[str, list[str]] = {}
    for role in Role:
        for capability in GRANTS[role.value]:
            given.setdefault(capability, []).append(role.value)
    names = {role.value: str(role.label) for role in Role} | {role.slug: role.name for role in own}
    for custom in own:
        for name in custom.capabilities:
            given.setdefault(name, []).append(custom.slug)
    held = {capability for capability, slugs in given.items() if set(slugs) & set(person.roles)}
    return [
        Right(
            name=capability,
            meaning=_(MEANINGS[capability]),
            held=capability in held,
            roles=[names[slug] for slug in given.get(capability, []) if (slug in person.roles) == (capability in held)],
        )
        for capability in CAPABILITIES
    ]


def _groups_of(person: User) -> list[Membership]:
    ways = ways_into(person)
    groups = Group.objects.filter(pk__in=ways)
    return [Membership(group, [way for way in ways[group.pk] if way != group]) for group in groups]


def why_by_groups(groups: list[Group], person_ways: Mapping[UUID, list[Group]]) -> list[str]:
    """Sentences for the groups that open something to somebody, by ``groups.ways_into`` of theirs."""
    said = []
    for group in groups:
        for way in person_ways.get(group.pk, []):
            if way == group:
                said.append(_("They are in the group %(group)s.") % {"group": group})
            else:
                said.append(
                    _("They are in the group %(inner)s, which is inside %(group)s.") % {"inner": way, "group": group}
                )
    return said
