"""Who is in the groups that SCIM keeps, and the roles that follow from it.

``SCIM_ROLES`` says which group gives which role, as the lists of the sign-in providers do: whoever left the group loses
the role, and roles that the list does not name stay as they were given here.
"""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from django.conf import settings

from accounts.models import Belonging, Group, User
from accounts.people.groups import change_members
from accounts.signing_in.single_sign_on import follow_roles


def leave_groups(actor: str, person: User) -> None:
    """Be in none of them any more."""
    for group in Group.objects.filter(members=person).exclude(directory_entry=None):
        change_members(actor=actor, group=group, added=(), removed=[person])
    follow([person.pk], actor=actor)


def people_in(group: Group) -> set[UUID]:
    """Everybody, those of the groups inside too; nobody where no group gives a role, for then nothing follows."""
    return set(group.everybody.values_list("pk", flat=True)) if settings.SCIM_ROLES else set()


def follow(people: Iterable[UUID], *, actor: str) -> None:
    """Give these people the roles of the groups they are in now."""
    concerned = set(people)
    if not settings.SCIM_ROLES or not concerned:
        return
    mapped = {name.casefold(): role for name, role in settings.SCIM_ROLES.items()}
    words: dict[UUID, set[str]] = {}
    inside = Belonging.objects.filter(user__in=concerned, group__directory_entry__isnull=False)
    for person_id, name in inside.values_list("user_id", "group__name"):
        words.setdefault(person_id, set()).add(name.casefold())
    for person in User.objects.filter(pk__in=concerned).order_by("pk"):
        follow_roles(actor=actor, user=person, mapped=mapped, words=words.get(person.pk, ()))
