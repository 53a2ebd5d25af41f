"""Which people and groups a directory asks for: its filter as a condition of the database, by a list of attributes.

What is not in the list cannot be asked for. Every column is an annotation that is never null, so that SCIM's logic of
two values and SQL's of three agree.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC
from typing import Any, Literal
from uuid import UUID

from django.contrib.postgres.aggregates import StringAgg
from django.db.models import CharField, Exists, F, OuterRef, Prefetch, Q, QuerySet, Subquery, TextField, Value
from django.db.models.functions import MD5, Cast, Coalesce, NullIf
from django.utils.dateparse import parse_datetime

from accounts.models import Group, Nesting, User
from accounts.scim.errors import ScimError
from accounts.scim.filters import Both, Compare, Either, Filter, Not, Present, Within

Kind = Literal["text", "exact", "id", "time", "true", "work", "boolean", "members"]
NONE = Q(pk__in=[])


@dataclass(frozen=True)
class Attribute:
    """How one attribute is asked for: a column, or for ``members`` a query of ids that belong to the row."""

    kind: Kind
    column: str = ""
    rows: Any = None


def people() -> QuerySet[User]:
    """Everybody whom a directory may see: no programs' accounts, nobody who was merged away or whom it deleted."""
    shown = CharField()
    return (
        User.objects.filter(is_service=False, merged_into=None, directory_entry__removed_at=None)
        .annotate(
            scim_user_name=Coalesce(NullIf("directory_entry__user_name", Value("")), F("email"), output_field=shown),
            scim_external_id=Coalesce(F("directory_entry__external_id"), Value("")),
            scim_given_name=Coalesce(F("directory_entry__given_name"), Value("")),
            scim_family_name=Coalesce(F("directory_entry__family_name"), Value("")),
            scim_changed_at=Coalesce(F("directory_entry__changed_at"), F("created_at")),
        )
        .prefetch_related(Prefetch("groups_joined", Group.objects.exclude(directory_entry=None), to_attr="scim_groups"))
    )


def kept_groups() -> QuerySet[Group]:
    """Those that a directory made and keeps; groups made here are none of its business."""
    return Group.objects.exclude(directory_entry=None).annotate(
        scim_external_id=F("directory_entry__external_id"),
        scim_changed_at=F("directory_entry__changed_at"),
        scim_stand=_stand(_IN.objects.filter(group=OuterRef("pk"), user__is_service=False), "user_id"),
        scim_inner_stand=_stand(Nesting.objects.filter(outer=OuterRef("pk")), "inner_id"),
    )


_IN = Group.members.through


def _stand(rows: Any, column: str) -> Coalesce:
    """A digest of who is in it, made by the database, so that a group's version needs no list of its members."""
    joined = StringAgg(Cast(column, TextField()), ",", order_by=column)
    by = "group" if column == "user_id" else "outer"
    counted = rows.order_by().values(by).annotate(joined=joined).annotate(stand=MD5("joined")).values("stand")
    return Coalesce(Subquery(counted), Value(""), output_field=CharField())


_GROUPS_OF = _IN.objects.filter(user=OuterRef("pk"), group__directory_entry__isnull=False)
USER_ATTRIBUTES: Mapping[str, Attribute] = {
    "id": Attribute("id", "pk"),
    "username": Attribute("text", "scim_user_name"),
    "externalid": Attribute("exact", "scim_external_id"),
    "displayname": Attribute("text", "name"),
    "name.formatted": Attribute("text", "name"),
    "name.givenname": Attribute("text", "scim_given_name"),
    "name.familyname": Attribute("text", "scim_family_name"),
    "emails": Attribute("text", "email"),
    "emails.value": Attribute("text", "email"),
    "emails.type": Attribute("work"),
    "emails.primary": Attribute("true"),
    "active": Attribute("boolean", "is_active"),
    "groups": Attribute("members", "group_id", _GROUPS_OF),
    "groups.value": Attribute("members", "group_id", _GROUPS_OF),
    "meta.created": Attribute("time", "created_at"),
    "meta.lastmodified": Attribute("time", "scim_changed_at"),
}
_MEMBERS_OF = _IN.objects.filter(group=OuterRef("pk"), user__is_service=False)
GROUP_ATTRIBUTES: Mapping[str, Attribute] = {
    "id": Attribute("id", "pk"),
    "displayname": Attribute("text", "name"),
    "externalid": Attribute("exact", "scim_external_id"),
    "members": Attribute("members", "user_id", _MEMBERS_OF),
    "members.value": Attribute("members", "user_id", _MEMBERS_OF),
    "meta.created": Attribute("time", "created_at"),
    "meta.lastmodified": Attribute("time", "scim_changed_at"),
}


def condition(found: Filter, attributes: Mapping[str, Attribute]) -> Q:
    """Raises ScimError ``invalidFilter`` for what cannot be asked for."""
    if isinstance(found, Not):
        return ~condition(found.inner, attributes)
    if isinstance(found, Both):
        return condition(found.left, attributes) & condition(found.right, attributes)
    if isinstance(found, Either):
        return condition(found.left, attributes) | condition(found.right, attributes)
    if isinstance(found, Within):
        return condition(_outward(found.inner, found.path), attributes)
    attribute = attributes.get(found.path)
    if attribute is None:
        raise ScimError(f"There is no attribute {found.path[:100]} to ask for.", "invalidFilter")
    if isinstance(found, Present):
        return _present(attribute)
    return _compared(found, attribute)


def order_of(name: str, descending: bool, attributes: Mapping[str, Attribute]) -> list[str]:
    """Raises ScimError for what cannot be sorted by."""
    attribute = attributes.get(name)
    if attribute is None or not attribute.column or attribute.kind == "members":
        raise ScimError(f"There is no attribute {name[:100]} to sort by.", "invalidPath")
    return [f"{'-' if descending else ''}{attribute.column}", "pk"]


def _outward(inner: Filter, path: str) -> Filter:
    """The paths within an element as paths of the whole; each list here has one element, or is asked by its value."""
    if isinstance(inner, Not):
        return Not(_outward(inner.inner, path))
    if isinstance(inner, Both):
        return Both(_outward(inner.left, path), _outward(inner.right, path))
    if isinstance(inner, Either):
        return Either(_outward(inner.left, path), _outward(inner.right, path))
    if isinstance(inner, Compare):
        return Compare(f"{path}.{inner.path}", inner.operator, inner.value)
    if isinstance(inner, Present):
        return Present(f"{path}.{inner.path}")
    raise ScimError("There are no lists within lists.", "invalidFilter")


def _present(attribute: Attribute) -> Q:
    if attribute.kind in ("text", "exact"):
        return ~Q(**{attribute.column: ""})
    return Q(Exists(attribute.rows)) if attribute.kind == "members" else ~NONE


def _compared(found: Compare, attribute: Attribute) -> Q:
    if found.value is None and found.operator in ("eq", "ne"):
        present = _present(attribute)
        return present if found.operator == "ne" else ~present
    match attribute.kind:
        case "text" | "exact":
            return _text(found, attribute)
        case "boolean" | "true":
            return _boolean(found, attribute)
        case "work":
            is_work = str(found.value).lower() == "work"
            return _equality(found, ~NONE if is_work else NONE)
        case "time":
            return _time(found, attribute)
        case _:
            return _id(found, attribute)


def _text(found: Compare, attribute: Attribute) -> Q:
    if not isinstance(found.value, str):
        raise _unfit(found, "a string in quotes")
    letter = "" if attribute.kind == "exact" else "i"
    looks = {"eq": "exact", "ne": "exact", "co": "contains", "sw": "startswith", "ew": "endswith"}
    if found.operator not in looks:
        raise _unfit(found, "eq, ne, co, sw, ew or pr")
    q = Q(**{f"{attribute.column}__{letter}{looks[found.operator]}": found.value})
    return ~q if found.operator == "ne" else q


def _boolean(found: Compare, attribute: Attribute) -> Q:
    said = found.value.lower() if isinstance(found.value, str) else found.value
    if said not in (True, False, "true", "false") or not isinstance(said, str | bool):
        raise _unfit(found, "true or false")
    wanted = said in (True, "true")
    if attribute.kind == "true":
        return _equality(found, ~NONE if wanted else NONE)
    return _equality(found, Q(**{attribute.column: wanted}))


def _time(found: Compare, attribute: Attribute) -> Q:
    try:
        moment = parse_datetime(found.value) if isinstance(found.value, str) else None
        moment = moment and moment.replace(tzinfo=moment.tzinfo or UTC).astimezone(UTC)
    except (ValueError, OverflowError):
        moment = None
    looks = {"eq": "exact", "ne": "exact", "gt": "gt", "ge": "gte", "lt": "lt", "le": "lte"}
    if moment is None or found.operator not in looks:
        raise _unfit(found, "eq, ne, gt, ge, lt or le and a time such as 2026-01-31T08:00:00Z")
    q = Q(**{f"{attribute.column}__{looks[found.operator]}": moment})
    return ~q if found.operator == "ne" else q


def _id(found: Compare, attribute: Attribute) -> Q:
    """``ne`` of a list: there is an element that is another."""
    if not isinstance(found.value, str) or found.operator not in ("eq", "ne"):
        raise _unfit(found, "eq or ne and an id in quotes")
    try:
        wanted = UUID(found.value)
    except ValueError:
        wanted = None
    if attribute.kind == "members":
        same = Q(**{attribute.column: wanted}) if wanted else NONE
        return Q(Exists(attribute.rows.filter(same if found.operator == "eq" else ~same)))
    return _equality(found, Q(pk=wanted) if wanted else NONE)


def _equality(found: Compare, same: Q) -> Q:
    if found.operator not in ("eq", "ne"):
        raise _unfit(found, "eq or ne")
    return ~same if found.operator == "ne" else same


def _unfit(found: Compare, takes: str) -> ScimError:
    return ScimError(f"{found.path[:100]} takes {takes}.", "invalidFilter")
