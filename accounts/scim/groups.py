"""Groups as SCIM writes them. A directory sees and keeps those that it made; groups made here are none of its business.

Else whoever may name a group there could open what a group of that name opens here. A group made here is left to
the directory on its page; until then a second one of its name is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from accounts import rights
from accounts.models import Group, User
from accounts.models.directory import SCIM, DirectoryGroup
from accounts.people.groups import change_members, create_group, delete_group, nest_group, rename_group, unnest_group
from accounts.scim import asking
from accounts.scim.described import GROUP, GROUP_IGNORED, GROUP_KEPT, location
from accounts.scim.errors import AlreadyThereError, ScimError
from accounts.scim.membership import follow, people_in
from accounts.scim.patching import listed, patched
from accounts.scim.people import actor_of, part_of, text_of
from accounts.scim.versions import check_version, version_of
from app.errors import ConflictError, NotFoundError
from app.web.ids import new_id

Json = dict[str, Any]


@dataclass(frozen=True)
class Wanted:
    """``members`` None where the directory does not say who is in it."""

    name: str
    external_id: str
    members: frozenset[UUID] | None


def resource_of(group: Any, *, with_members: bool = True) -> Json:
    """``group`` is a row of ``asking.kept_groups()``. Its version is the same with and without members."""
    found: Json = {
        "schemas": [GROUP],
        "id": str(group.pk),
        "externalId": group.scim_external_id,
        "displayName": group.name,
    }
    found = {key: value for key, value in found.items() if value}
    version = version_of(found | {"members": [group.scim_stand, group.scim_inner_stand]})
    if with_members and (members := _members_of(group)):
        found["members"] = members
    found["meta"] = {
        "resourceType": "Group",
        "created": group.created_at.isoformat(),
        "lastModified": group.scim_changed_at.isoformat(),
        "location": location("Groups", group.pk),
        "version": version,
    }
    return found


def get_group(caller: User, group_id: UUID) -> Group:
    rights.require(caller, "people.provision")
    group = asking.kept_groups().filter(pk=group_id).first()
    if group is None:
        raise NotFoundError
    return group


def make(*, caller: User, body: Json) -> Group:
    """Raises AlreadyThereError when there is a group of that name, whoever keeps it."""
    rights.require(caller, "people.provision")
    wanted = read_group(body)
    with transaction.atomic():
        try:
            group = create_group(actor=actor_of(caller), name=wanted.name, external_id=f"{SCIM}:{new_id()}")
        except ConflictError as error:
            raise AlreadyThereError(
                f"{error.message} If the directory shall keep it, an administrator leaves it to the directory on the "
                "group's page."
            ) from error
        DirectoryGroup.objects.create(group=group, external_id=wanted.external_id)
        _apply(caller, group, wanted)
        return get_group(caller, group.pk)


def put(*, caller: User, group_id: UUID, body: Json, version: str | None) -> Group:
    rights.require(caller, "people.provision")
    return _change(caller, group_id, version, lambda before: read_group(body | {"members": part_of(body, "members")}))


def patch(*, caller: User, group_id: UUID, body: Json, version: str | None) -> Group:
    rights.require(caller, "people.provision")

    def read(before: Json) -> Wanted:
        after = patched(before, body, kept=GROUP_KEPT, ignored=GROUP_IGNORED)
        return read_group(after | {"members": after.get("members")})

    return _change(caller, group_id, version, read)


def delete(*, caller: User, group_id: UUID, version: str | None) -> None:
    rights.require(caller, "people.provision")
    with transaction.atomic():
        group = _locked(caller, group_id)
        check_version(resource_of(group), version)
        before = people_in(group)
        delete_group(actor=actor_of(caller), group=group)
        follow(before, actor=actor_of(caller))


def read_group(body: Json) -> Wanted:
    """Raises ScimError ``invalidValue``. ``members`` null is nobody; left out, the group stays as it is."""
    name = " ".join(text_of(body, "displayName", 120).split())
    if not name:
        raise ScimError("A group needs a displayName of at most 120 characters.", "invalidValue")
    said = any(key.lower() == "members" for key in body)
    members = frozenset(_ids(listed(part_of(body, "members")))) if said else None
    return Wanted(name, text_of(body, "externalId", 254), members)


def _ids(members: Iterable[Any]) -> Iterable[UUID]:
    for one in members:
        value = part_of(one, "value") if isinstance(one, dict) else one
        try:
            yield UUID(value)
        except (ValueError, TypeError, AttributeError) as error:
            raise ScimError(f"{str(value)[:60]} is nobody's id here.", "invalidValue") from error


def _members_of(group: Group) -> list[Json]:
    people = group.members.filter(is_service=False).order_by("pk")
    inner = Group.objects.filter(places__outer=group).exclude(directory_entry=None).order_by("pk")
    found = [("Users", "User", one.pk, str(one)) for one in people.only("name", "email")]
    found += [("Groups", "Group", one.pk, one.name) for one in inner]
    return [
        {"value": str(pk), "$ref": location(place, pk), "display": name, "type": kind}
        for place, kind, pk, name in found
    ]


def _change(caller: User, group_id: UUID, version: str | None, read: Callable[[Json], Wanted]) -> Group:
    with transaction.atomic():
        group = _locked(caller, group_id)
        before = resource_of(group)
        check_version(before, version)
        _apply(caller, group, read(before))
    return get_group(caller, group.pk)


def _locked(caller: User, group_id: UUID) -> Group:
    """Nobody else changes it until the transaction ends."""
    Group.objects.select_for_update().filter(pk=group_id).first()
    return get_group(caller, group_id)


def _apply(caller: User, group: Group, wanted: Wanted) -> None:
    actor = actor_of(caller)
    before = people_in(group)
    if wanted.name != group.name:
        try:
            rename_group(actor=actor, group=group, name=wanted.name)
        except ConflictError as error:
            raise AlreadyThereError(error.message) from error
    if wanted.members is not None:
        _set_members(actor, group, wanted.members)
    told = {"external_id": wanted.external_id, "changed_at": timezone.now()}
    DirectoryGroup.objects.filter(group=group).update(**told)
    follow(before | people_in(group), actor=actor)


def _set_members(actor: str, group: Group, wanted: frozenset[UUID]) -> None:
    """These people and groups and no others; programs' accounts in it are not the directory's and stay."""
    people = set(group.members.filter(is_service=False).values_list("pk", flat=True))
    inner = set(Group.objects.filter(places__outer=group).exclude(directory_entry=None).values_list("pk", flat=True))
    new = wanted - people - inner
    new_people = {one.pk: one for one in asking.people().filter(pk__in=new)}
    new_groups = {one.pk: one for one in asking.kept_groups().filter(pk__in=new)}
    if unknown := new - set(new_people) - set(new_groups):
        raise ScimError(f"There is nobody with the id {min(map(str, unknown))}.", "invalidValue")
    removed = User.objects.filter(pk__in=people - wanted)
    change_members(actor=actor, group=group, added=new_people.values(), removed=removed)
    for one in new_groups.values():
        nest_group(actor=actor, outer=group, inner=one)
    for one in Group.objects.filter(pk__in=inner - wanted):
        unnest_group(actor=actor, outer=group, inner=one)
