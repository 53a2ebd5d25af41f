"""REST: groups made, filled and put inside one another, by the verbs that the pages use."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import HttpRequest
from ninja import Field, Router, Schema, Status

from accounts import rights
from accounts.callers import caller
from accounts.models import Group, User
from accounts.people import groups
from accounts.people.api import NamedOut
from accounts.people.queries import get_group, get_person
from accounts.schemas import GroupsOut
from app.web.paging import Page, newest_first

router = Router(tags=["Groups"])


class GroupIn(Schema):
    name: str = Field(min_length=1, max_length=120)


class GroupDetailOut(Schema):
    """`people` counts everybody in it, through the groups inside as well."""

    id: UUID
    name: str
    kept_by_directory: bool
    people: int
    inside: list[NamedOut] = Field(description="The groups that it holds.")
    around: list[NamedOut] = Field(description="The groups that hold it.")


class MemberOut(Schema):
    id: UUID
    email: str
    name: str
    is_active: bool


class MembersOut(Schema):
    items: list[MemberOut]
    next: str | None


@router.get("/groups", response=GroupsOut)
def list_groups(request: HttpRequest, limit: int = 50, cursor: str | None = None) -> Page[Group]:
    """The caller's groups; all of them for an administrator."""
    return newest_first(Group.objects.visible_to(caller(request)), by="created_at", limit=limit, cursor=cursor)


@router.post("/groups", response={201: GroupDetailOut})
def create(request: HttpRequest, body: GroupIn) -> Any:
    """A new group, with nobody in it."""
    group = groups.create_group(actor=caller(request), name=body.name)
    return Status(201, _told(group))


@router.get("/groups/{uuid:group_id}", response=GroupDetailOut)
def show(request: HttpRequest, group_id: UUID) -> dict[str, Any]:
    """One group. For administrators."""
    return _told(_concerned(request, group_id)[1])


@router.patch("/groups/{uuid:group_id}", response=GroupDetailOut)
def rename(request: HttpRequest, group_id: UUID, body: GroupIn) -> dict[str, Any]:
    """Call it otherwise. What it opens stays open."""
    actor, group = _concerned(request, group_id)
    return _told(groups.rename_group(actor=actor, group=group, name=body.name))


@router.delete("/groups/{uuid:group_id}", response={204: None})
def delete(request: HttpRequest, group_id: UUID) -> Any:
    """What it opened is closed to those who had no other way to it. 409 for one that a directory keeps."""
    actor, group = _concerned(request, group_id)
    groups.delete_group(actor=actor, group=group)
    return Status(204, None)


@router.get("/groups/{uuid:group_id}/members", response=MembersOut)
def list_members(request: HttpRequest, group_id: UUID, limit: int = 50, cursor: str | None = None) -> Page[User]:
    """Those who were put into it, newest accounts first."""
    _actor, group = _concerned(request, group_id)
    return newest_first(group.members.all(), by="created_at", limit=limit, cursor=cursor)


@router.put("/groups/{uuid:group_id}/members/{uuid:person_id}", response={204: None})
def add_member(request: HttpRequest, group_id: UUID, person_id: UUID) -> Any:
    """Put somebody into it. 409 for a group that a directory keeps."""
    actor, group = _concerned(request, group_id)
    groups.add_member(actor=actor, group=group, person=get_person(person_id))
    return Status(204, None)


@router.delete("/groups/{uuid:group_id}/members/{uuid:person_id}", response={204: None})
def remove_member(request: HttpRequest, group_id: UUID, person_id: UUID) -> Any:
    """Take somebody out of it."""
    actor, group = _concerned(request, group_id)
    groups.remove_member(actor=actor, group=group, person=get_person(person_id))
    return Status(204, None)


@router.put("/groups/{uuid:group_id}/groups/{uuid:inner_id}", response={204: None})
def nest(request: HttpRequest, group_id: UUID, inner_id: UUID) -> Any:
    """Put a group inside: whoever is in that one is in this one, too. 409 for a ring."""
    actor, group = _concerned(request, group_id)
    groups.nest_group(actor=actor, outer=group, inner=get_group(inner_id))
    return Status(204, None)


@router.delete("/groups/{uuid:group_id}/groups/{uuid:inner_id}", response={204: None})
def unnest(request: HttpRequest, group_id: UUID, inner_id: UUID) -> Any:
    """Take a group out of it."""
    actor, group = _concerned(request, group_id)
    groups.unnest_group(actor=actor, outer=group, inner=get_group(inner_id))
    return Status(204, None)


def _concerned(request: HttpRequest, group_id: UUID) -> tuple[User, Group]:
    actor = caller(request)
    rights.require(actor, "accounts.administer")
    return actor, get_group(group_id)


def _told(group: Group) -> dict[str, Any]:
    return {
        "id": group.pk,
        "name": group.name,
        "kept_by_directory": bool(group.external_id),
        "people": group.everybody.count(),
        "inside": list(Group.objects.filter(places__outer=group)),
        "around": list(Group.objects.filter(holdings__inner=group)),
    }
