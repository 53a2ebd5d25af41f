"""REST: people and what is done about them, by the verbs that the pages use."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from django.db import transaction
from django.http import HttpRequest
from ninja import Field, Query, Router, Schema, Status

from accounts import rights
from accounts.callers import caller
from accounts.capabilities import GRANTS
from accounts.models import CustomRole, Group, Invitation, Role, User
from accounts.people.groups import set_groups_of
from accounts.people.inviting import invite_person, resend_invitation, withdraw_invitation
from accounts.people.people import assign_roles, change_address, reinstate_person, rename_person, suspend_person
from accounts.people.queries import Wanted, get_person, list_people
from app.errors import BadInputError, ConflictError
from app.web.paging import Page

router = Router(tags=["People"])


class NamedOut(Schema):
    id: UUID
    name: str


class PersonOut(Schema):
    """`groups` are those they were put into; `kept_by_directory`: a directory has told of them, or suspended them."""

    id: UUID
    email: str
    name: str
    roles: list[str]
    groups: list[NamedOut]
    state: Literal["active", "invited", "suspended"]
    suspended_at: datetime | None
    suspended_reason: str
    kept_by_directory: bool
    created_at: datetime

    @staticmethod
    def resolve_groups(person: User) -> list[Group]:
        return list(person.groups_joined.all())

    @staticmethod
    def resolve_state(person: User) -> str:
        if not person.is_active:
            return "suspended"
        return "invited" if getattr(person, "is_invited", False) else "active"

    @staticmethod
    def resolve_kept_by_directory(person: User) -> bool:
        return hasattr(person, "directory_entry")


class PeopleOut(Schema):
    items: list[PersonOut]
    next: str | None


class PeopleIn(Schema):
    """Which people. `q` is a part of a name or address."""

    q: str = ""
    role: str = ""
    group: str = Field("", description="A group's id: whoever is in it, through a group inside as well.")
    state: Literal["all", "active", "invited", "suspended"] = "all"


class InviteIn(Schema):
    email: str = Field(max_length=254)
    name: str = Field("", max_length=120)
    roles: list[str] = Field([Role.EMPLOYEE.value], max_length=50)
    groups: list[UUID] = Field([], max_length=500)


class ChangeIn(Schema):
    """What is left out stays. `groups` are all that are filled by hand; those that a directory keeps stay."""

    name: str | None = Field(None, max_length=120)
    email: str | None = Field(None, max_length=254, description="Another address ends their sessions.")
    roles: list[str] | None = Field(None, max_length=50, description="Other roles end their sessions.")
    groups: list[UUID] | None = Field(None, max_length=500)


class ReasonIn(Schema):
    reason: str = Field(min_length=1, max_length=300)


class MayReasonIn(Schema):
    reason: str = Field("", max_length=300)


class RoleOut(Schema):
    """`name` of a built-in role is its slug."""

    slug: str
    name: str
    capabilities: list[str]
    is_built_in: bool


class RolesOut(Schema):
    items: list[RoleOut]
    next: str | None = None


@router.get("/people", response=PeopleOut)
def list_all(request: HttpRequest, chosen: Query[PeopleIn], limit: int = 50, cursor: str | None = None) -> Page[User]:
    """Everybody, by name. For administrators; auditors may look."""
    _require_look(caller(request))
    wanted = Wanted(chosen.q, chosen.role, chosen.group, chosen.state)
    return list_people(wanted, cursor=cursor, limit=limit)


@router.post("/people", response={201: PersonOut})
def invite(request: HttpRequest, body: InviteIn) -> Any:
    """An account with these roles and groups, and a letter with a link that sets its name and password."""
    actor = caller(request)
    rights.require(actor, "accounts.administer")
    groups = _by_hand(body.groups)
    invitation = invite_person(actor=actor, email=body.email, name=body.name, roles=body.roles, groups=groups)
    return Status(201, get_person(invitation.user_id))


@router.get("/people/{uuid:person_id}", response=PersonOut)
def show(request: HttpRequest, person_id: UUID) -> User:
    """One person. For administrators; auditors may look."""
    _require_look(caller(request))
    return get_person(person_id)


@router.patch("/people/{uuid:person_id}", response=PersonOut)
def change(request: HttpRequest, person_id: UUID, body: ChangeIn) -> User:
    """Another name, address, roles or groups: all that the body names, or nothing."""
    actor, person = _concerned(request, person_id)
    with transaction.atomic():
        if body.name is not None and body.name != person.name:
            rename_person(actor=actor, user=person, name=body.name)
        if body.email is not None and body.email != person.email:
            change_address(actor=actor, user=person, email=body.email)
        if body.roles is not None and sorted(set(body.roles)) != sorted(person.roles):
            assign_roles(actor=actor, user=person, roles=body.roles)
        if body.groups is not None:
            set_groups_of(actor=actor, person=person, groups=_by_hand(body.groups))
    return get_person(person_id)


@router.post("/people/{uuid:person_id}/suspend", response=PersonOut)
def suspend(request: HttpRequest, person_id: UUID, body: ReasonIn) -> User:
    """Shut the account: its sessions, sockets and keys end within a second."""
    actor, person = _concerned(request, person_id)
    suspend_person(actor=actor, user=person, reason=body.reason)
    return get_person(person_id)


@router.post("/people/{uuid:person_id}/reinstate", response=PersonOut)
def reinstate(request: HttpRequest, person_id: UUID, body: MayReasonIn) -> User:
    """Open it again, with the roles and groups as they were."""
    actor, person = _concerned(request, person_id)
    reinstate_person(actor=actor, user=person, reason=body.reason)
    return get_person(person_id)


@router.post("/people/{uuid:person_id}/invite-again", response=PersonOut)
def invite_again(request: HttpRequest, person_id: UUID) -> User:
    """Another letter with another link; the one before works no more."""
    actor, person = _concerned(request, person_id)
    resend_invitation(actor=actor, invitation=_invitation_of(person))
    return get_person(person_id)


@router.post("/people/{uuid:person_id}/withdraw", response=PersonOut)
def withdraw(request: HttpRequest, person_id: UUID) -> User:
    """The invitation's link works no more, and the account is shut."""
    actor, person = _concerned(request, person_id)
    withdraw_invitation(actor=actor, invitation=_invitation_of(person))
    return get_person(person_id)


@router.get("/roles", response=RolesOut)
def list_roles(request: HttpRequest) -> dict[str, Any]:
    """What people can be given, and what each allows. For administrators; auditors may look."""
    _require_look(caller(request))
    built_in = [_role(role.value, role.value, GRANTS[role.value], is_built_in=True) for role in Role]
    own = [_role(one.slug, one.name, one.capabilities, is_built_in=False) for one in CustomRole.objects.all()]
    return {"items": built_in + own}


def _role(slug: str, name: str, capabilities: Iterable[str], *, is_built_in: bool) -> dict[str, Any]:
    return {"slug": slug, "name": name, "capabilities": sorted(capabilities), "is_built_in": is_built_in}


def _require_look(actor: User) -> None:
    if not rights.can(actor, "audit.read"):
        rights.require(actor, "accounts.administer")


def _concerned(request: HttpRequest, person_id: UUID) -> tuple[User, User]:
    actor = caller(request)
    rights.require(actor, "accounts.administer")
    return actor, get_person(person_id)


def _by_hand(wanted: list[UUID]) -> list[Group]:
    """Raises BadInputError for an id that is no group's, ConflictError for one that a directory keeps."""
    found = {group.pk: group for group in Group.objects.filter(pk__in=wanted)}
    if unknown := [str(pk) for pk in wanted if pk not in found]:
        raise BadInputError(f"groups: there is no group {unknown[0]}.")
    if kept := [group for group in found.values() if group.external_id]:
        raise ConflictError(f"A directory fills {kept[0]}. Change it there.")
    return list(found.values())


def _invitation_of(person: User) -> Invitation:
    found = Invitation.objects.filter(user=person).select_related("user").first()
    if found is None:
        raise ConflictError("Nobody invited this person.")
    return found
