"""What the pages about people read, each in a fixed number of statements."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import CharField, Count, Exists, Manager, Max, OuterRef, Q, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce, Lower, NullIf
from django.utils.translation import gettext_noop as _

from accounts.models import ApiKey, Belonging, Group, Invitation, User
from app.errors import BadInputError, NotFoundError
from app.web.paging import Order, Page, ordered

ROWS = 50
STATES = {"all": _("All"), "active": _("Active"), "invited": _("Invited"), "suspended": _("Suspended")}
_INVITED = Exists(Invitation.objects.unanswered().filter(user=OuterRef("pk")))


@dataclass(frozen=True)
class Wanted:
    """Which people a list shows."""

    text: str = ""
    role: str = ""
    group: str = ""
    state: str = "all"


def list_people(wanted: Wanted, *, cursor: str | None = None, limit: int = ROWS) -> Page[User]:
    """By name, or by address where there is none. Each has ``is_invited``, and its groups at hand."""
    shown = Lower(Coalesce(NullIf("name", Value("")), "email", output_field=CharField()))
    people = User.objects.annotate(sort=shown, is_invited=_INVITED)
    text = wanted.text.strip().replace("\0", "")[:254]
    if text:
        people = people.filter(Q(name__icontains=text) | Q(email__icontains=text))
    if wanted.role:
        people = people.filter(roles__contains=[wanted.role[:20]])
    if wanted.group:
        people = people.filter(groups_reached=_id(wanted.group)).distinct()
    if wanted.state == "active":
        people = people.filter(is_active=True, is_invited=False)
    elif wanted.state == "invited":
        people = people.filter(is_active=True, is_invited=True)
    elif wanted.state == "suspended":
        people = people.filter(is_active=False)
    rows: QuerySet[User] = people.select_related("directory_entry").prefetch_related("groups_joined")
    return ordered(rows, Order("sort", kind=str), limit=limit, cursor=cursor)


def get_person(person_id: UUID) -> User:
    """With ``is_invited``. Raises NotFoundError."""
    people = User.objects.annotate(is_invited=_INVITED).select_related("merged_into", "directory_entry")
    person = people.filter(pk=person_id).first()
    if person is None:
        raise NotFoundError
    return person


def find_by_address(email: str) -> User:
    """Raises BadInputError where there is no such account."""
    person = User.objects.filter(email__iexact=email.strip()).first()
    if person is None:
        raise BadInputError(f"There is no account for {email.strip() or 'this address'}.")
    return person


def key_figures(person: User) -> tuple[int, datetime | None]:
    """How many live keys they have, and when one of any was last used."""
    keys = ApiKey.objects.filter(user=person)
    return ApiKey.objects.live().filter(user=person).count(), keys.aggregate(last=Max("last_used_at"))["last"]


def list_groups() -> QuerySet[Group]:
    """All, with how many people are in each: put there, and altogether."""
    return Group.objects.annotate(
        direct_count=_count(Group.members.through.objects), everybody_count=_count(Belonging.objects)
    ).prefetch_related("holdings__inner", "places__outer")


def _count(rows: Manager[Any]) -> Coalesce:
    """Counted apart: two joins at once would multiply."""
    of_group = rows.filter(group=OuterRef("pk")).order_by().values("group").annotate(count=Count("*"))
    return Coalesce(Subquery(of_group.values("count")), 0)


def get_group(group_id: UUID) -> Group:
    group = Group.objects.filter(pk=group_id).first()
    if group is None:
        raise NotFoundError
    return group


def _id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError as error:
        raise BadInputError("The group of this address is none.") from error
