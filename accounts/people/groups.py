"""Groups: made, filled, put inside one another.

What a group opens, it opens to everybody in it and in the groups inside it. A group that a directory fills
(``external_id``) is not filled by hand: the next sync would undo it, and nobody would know which of the two is right.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from django.db import IntegrityError, connection, transaction

from accounts import audit, rights
from accounts.models import Group, GroupReach, Hold, Nesting, User
from accounts.models.directory import SCIM, DirectoryGroup
from app.errors import BadInputError, ConflictError

NESTING_LOCK = "accounts_nesting"
Ways = dict[UUID, list[Group]]


def create_group(*, actor: User | str, name: str, members: Iterable[User] = (), external_id: str = "") -> Group:
    """Raises BadInputError for a bad name, ConflictError when there is a group of that name."""
    _check_right(actor)
    name = _checked_name(name)
    try:
        with transaction.atomic():
            group = Group.objects.create(name=name, external_id=external_id)
            group.members.set(members)
            audit.record(actor=actor, action="group.create", obj=group, payload={"members": _ids(group)})
    except IntegrityError as error:
        raise ConflictError(f"There is a group named {name} already.") from error
    return group


def rename_group(*, actor: User | str, group: Group, name: str) -> Group:
    """Raises as ``create_group``. Rights hang on the group, whatever it is called."""
    _check_right(actor, group)
    name = _checked_name(name)
    try:
        with transaction.atomic():
            Group.objects.filter(pk=group.pk).update(name=name)
            audit.record(actor=actor, action="group.rename", obj=group, payload={"before": group.name, "after": name})
    except IntegrityError as error:
        raise ConflictError(f"There is a group named {name} already.") from error
    group.name = name
    return group


def delete_group(*, actor: User | str, group: Group) -> None:
    """What it opened is closed to those who had no other way to it.

    Raises ConflictError for one a directory fills, and for one under a legal hold.
    """
    _check_right(actor, group)
    _check_is_ours(actor, group)
    if Hold.objects.live().filter(group=group).exists():
        raise ConflictError("A legal hold is on this group. End it first.")
    label = audit.label(group)
    with transaction.atomic():
        payload = {"name": group.name, "members": _ids(group), "within": _within(group)}
        group.delete()
        audit.record(actor=actor, action="group.delete", obj=label, payload=payload)


def set_members(*, actor: User | str, group: Group, members: Iterable[User]) -> None:
    """These people and no others, besides those of the groups inside.

    Raises ConflictError for a group that a directory fills.
    """
    _check_right(actor, group)
    _check_is_ours(actor, group)
    with transaction.atomic():
        group.members.set(members)
        audit.record(actor=actor, action="group.set_members", obj=group, payload={"members": _ids(group)})


def add_member(*, actor: User | str, group: Group, person: User) -> None:
    _check_right(actor, group)
    _check_is_ours(actor, group)
    with transaction.atomic():
        group.members.add(person)
        audit.record(actor=actor, action="group.add_member", obj=group, payload={"person": str(person.pk)})


def remove_member(*, actor: User | str, group: Group, person: User) -> None:
    _check_right(actor, group)
    _check_is_ours(actor, group)
    with transaction.atomic():
        group.members.remove(person)
        audit.record(actor=actor, action="group.remove_member", obj=group, payload={"person": str(person.pk)})


def change_members(*, actor: User | str, group: Group, added: Iterable[User], removed: Iterable[User]) -> None:
    """Put these in and take those out; the others stay. What is so already is no change. Raises as ``set_members``."""
    _check_right(actor, group)
    _check_is_ours(actor, group)
    with transaction.atomic():
        now = set(group.members.values_list("pk", flat=True))
        new = {one for one in added if one.pk not in now}
        gone = {one for one in removed if one.pk in now}
        if new or gone:
            group.members.add(*new)
            group.members.remove(*gone)
            payload = {"added": sorted(str(one.pk) for one in new), "removed": sorted(str(one.pk) for one in gone)}
            audit.record(actor=actor, action="group.change_members", obj=group, payload=payload)


def set_groups_of(*, actor: User | str, person: User, groups: Sequence[Group]) -> None:
    """Be directly in these groups and no others. Those that a directory fills stay as they are."""
    _check_right(actor, person)
    with transaction.atomic():
        wanted = {group for group in groups if not group.external_id}
        now = set(person.groups_joined.filter(external_id=""))
        added, removed = wanted - now, now - wanted
        person.groups_joined.add(*added)
        person.groups_joined.remove(*removed)
        if added or removed:
            payload = {"added": sorted(str(one.pk) for one in added), "removed": sorted(str(one.pk) for one in removed)}
            audit.record(actor=actor, action="account.set_groups", obj=person, payload=payload)


def fill_group(*, actor: str, external_id: str, name: str, members: Iterable[User]) -> Group:
    """What a directory says a group of its is: made when it is new, renamed, and filled with exactly these.

    ``actor`` names the directory. Raises ConflictError when a group made here has its name.
    """
    if not external_id:
        raise BadInputError("A directory's group needs the directory's own name for it.")
    group = Group.objects.filter(external_id=external_id).first()
    if group is None:
        return create_group(actor=actor, name=name, members=members, external_id=external_id)
    if group.name != name:
        group = rename_group(actor=actor, group=group, name=name)
    with transaction.atomic():
        before = _ids(group)
        group.members.set(members)
        if before != _ids(group):
            audit.record(actor=actor, action="group.sync", obj=group, payload={"members": _ids(group)})
    return group


def leave_to_directory(*, actor: User | str, group: Group) -> None:
    """From now on a directory keeps it over SCIM: its name and members are changed there. Twice is as once."""
    _check_right(actor, group)
    with transaction.atomic():
        external_id = f"{SCIM}:{group.pk}"
        if Group.objects.filter(pk=group.pk, external_id="").update(external_id=external_id):
            DirectoryGroup.objects.get_or_create(group=group)
            audit.record(actor=actor, action="group.leave_to_directory", obj=group)
    group.refresh_from_db()


def take_from_directory(*, actor: User | str, group: Group) -> None:
    """From now on it is filled by hand, and no directory sees it. Who is in it stays. Twice is as once."""
    _check_right(actor, group)
    with transaction.atomic():
        if Group.objects.filter(pk=group.pk).exclude(external_id="").update(external_id=""):
            DirectoryGroup.objects.filter(group=group).delete()
            audit.record(actor=actor, action="group.take_from_directory", obj=group)
    group.refresh_from_db()


def nest_group(*, actor: User | str, outer: Group, inner: Group) -> None:
    """From now on whoever is in ``inner`` is in ``outer``, too. Raises ConflictError for a ring. Twice is as once."""
    _check_right(actor, outer)
    with transaction.atomic():
        # The trigger's own lock, taken before looking, so that nobody comes between.
        with connection.cursor() as cursor:
            cursor.execute("select pg_advisory_xact_lock(hashtext(%s))", [NESTING_LOCK])
        if GroupReach.objects.filter(outer=inner, inner=outer).exists():
            raise ConflictError(f"{outer} is inside {inner} already, and cannot hold it as well.")
        _, is_new = Nesting.objects.get_or_create(outer=outer, inner=inner)
        if is_new:
            audit.record(actor=actor, action="group.nest", obj=outer, payload={"inner": str(inner.pk)})


def unnest_group(*, actor: User | str, outer: Group, inner: Group) -> None:
    _check_right(actor, outer)
    with transaction.atomic():
        removed, _ = Nesting.objects.filter(outer=outer, inner=inner).delete()
        if removed:
            audit.record(actor=actor, action="group.unnest", obj=outer, payload={"inner": str(inner.pk)})


def ways_into(person: User) -> Ways:
    """For each group this person is in, those they were put into that lead there; itself where that is the one."""
    direct = {group.pk: group for group in person.groups_joined.all()}
    ways: Ways = {}
    for outer, inner in GroupReach.objects.filter(inner__in=direct).values_list("outer_id", "inner_id"):
        ways.setdefault(outer, []).append(direct[inner])
    return ways


def _check_right(actor: User | str, obj: Any = None) -> None:
    if isinstance(actor, User):
        rights.require(actor, "accounts.administer", obj)


def _check_is_ours(actor: User | str, group: Group) -> None:
    if isinstance(actor, User) and group.external_id:
        raise ConflictError(f"A directory fills {group}. Change it there.")


def _checked_name(name: str) -> str:
    name = " ".join(name.split())
    if not 1 <= len(name) <= 120:
        raise BadInputError("Give the group a name of at most 120 characters.")
    return name


def _ids(group: Group) -> list[str]:
    return [str(pk) for pk in group.members.order_by("pk").values_list("pk", flat=True)]


def _within(group: Group) -> list[str]:
    return [str(pk) for pk in Nesting.objects.filter(outer=group).order_by("inner").values_list("inner", flat=True)]
