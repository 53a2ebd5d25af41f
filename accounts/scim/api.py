"""SCIM 2.0 (RFC 7643, 7644) at /scim/v2: a directory of the organisation keeps people and groups here.

Each operation reads, calls one verb, and answers a resource. What a list shows is decided in ``accounts.scim.asking``,
what may be changed in ``people`` and ``groups``.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from ninja import Query, Router, Schema

from accounts import rights
from accounts.authentication import ApiAuth
from accounts.callers import caller
from accounts.models import User
from accounts.scim import asking, described, groups, people
from accounts.scim.asking import GROUP_ATTRIBUTES, USER_ATTRIBUTES, Attribute
from accounts.scim.errors import ScimError
from accounts.scim.filters import is_storable, plain_name, read_filter
from accounts.scim.versions import names
from app.errors import NotFoundError

router = Router()
MEDIA_TYPE = "application/scim+json"
MOST_PLACES = 10_000_000
Json = dict[str, Any]


class ScimAuth(ApiAuth):
    """A key or token alone: no page of ours calls SCIM, so a session is nobody."""

    def __call__(self, request: HttpRequest) -> User | None:
        return super().__call__(request) if request.headers.get("Authorization") else None


class Shown(Schema):
    """Which attributes are answered."""

    attributes: str = ""
    excludedAttributes: str = ""


class Asked(Shown):
    """Which resources are answered, and in what order."""

    filter: str = ""
    startIndex: int = 1
    count: int | None = None
    sortBy: str = ""
    sortOrder: str = "ascending"


@dataclass(frozen=True)
class Kind:
    """How lists of one kind of resource are made."""

    rows: Callable[[], QuerySet[Any]]
    attributes: Mapping[str, Attribute]
    tell: Callable[[Any, set[str]], Json]


def _tell_group(group: Any, dropped: set[str]) -> Json:
    return groups.resource_of(group, with_members="members" not in dropped)


USERS = Kind(asking.people, USER_ATTRIBUTES, lambda person, dropped: people.resource_of(person))
GROUPS = Kind(asking.kept_groups, GROUP_ATTRIBUTES, _tell_group)


@router.get("/ServiceProviderConfig")
def show_config(request: HttpRequest) -> HttpResponse:
    _require(request)
    return _answer(described.service())


@router.get("/ResourceTypes")
def list_types(request: HttpRequest) -> HttpResponse:
    _require(request)
    return _answer(described.listing(described.resource_types()))


@router.get("/ResourceTypes/{name}")
def show_type(request: HttpRequest, name: str) -> HttpResponse:
    _require(request)
    return _answer(_one_of(described.resource_types(), name))


@router.get("/Schemas")
def list_schemas(request: HttpRequest) -> HttpResponse:
    _require(request)
    return _answer(described.listing(described.schemas()))


@router.get("/Schemas/{name}")
def show_schema(request: HttpRequest, name: str) -> HttpResponse:
    _require(request)
    return _answer(_one_of(described.schemas(), name))


@router.get("/Users")
def list_users(request: HttpRequest, asked: Query[Asked]) -> HttpResponse:
    _require(request)
    return _answer(_listed(asked, USERS))


@router.post("/Users")
def create_user(request: HttpRequest, shown: Query[Shown]) -> HttpResponse:
    person = people.make(caller=caller(request), body=read_body(request))
    return _one(request, people.resource_of(person), shown, status=201)


@router.get("/Users/{uuid:person_id}")
def show_user(request: HttpRequest, person_id: UUID, shown: Query[Shown]) -> HttpResponse:
    return _one(request, people.resource_of(people.get_person(caller(request), person_id)), shown)


@router.put("/Users/{uuid:person_id}")
def put_user(request: HttpRequest, person_id: UUID, shown: Query[Shown]) -> HttpResponse:
    body, version = read_body(request), request.headers.get("If-Match")
    person = people.put(caller=caller(request), person_id=person_id, body=body, version=version)
    return _one(request, people.resource_of(person), shown)


@router.patch("/Users/{uuid:person_id}")
def patch_user(request: HttpRequest, person_id: UUID, shown: Query[Shown]) -> HttpResponse:
    body, version = read_body(request), request.headers.get("If-Match")
    person = people.patch(caller=caller(request), person_id=person_id, body=body, version=version)
    return _one(request, people.resource_of(person), shown)


@router.delete("/Users/{uuid:person_id}")
def delete_user(request: HttpRequest, person_id: UUID) -> HttpResponse:
    people.delete(caller=caller(request), person_id=person_id, version=request.headers.get("If-Match"))
    return HttpResponse(status=204)


@router.get("/Groups")
def list_groups(request: HttpRequest, asked: Query[Asked]) -> HttpResponse:
    _require(request)
    return _answer(_listed(asked, GROUPS))


@router.post("/Groups")
def create_group(request: HttpRequest, shown: Query[Shown]) -> HttpResponse:
    group = groups.make(caller=caller(request), body=read_body(request))
    return _one(request, groups.resource_of(group), shown, status=201)


@router.get("/Groups/{uuid:group_id}")
def show_group(request: HttpRequest, group_id: UUID, shown: Query[Shown]) -> HttpResponse:
    group = groups.get_group(caller(request), group_id)
    return _one(request, _tell_group(group, _names(shown.excludedAttributes)), shown)


@router.put("/Groups/{uuid:group_id}")
def put_group(request: HttpRequest, group_id: UUID, shown: Query[Shown]) -> HttpResponse:
    body, version = read_body(request), request.headers.get("If-Match")
    group = groups.put(caller=caller(request), group_id=group_id, body=body, version=version)
    return _one(request, groups.resource_of(group), shown)


@router.patch("/Groups/{uuid:group_id}")
def patch_group(request: HttpRequest, group_id: UUID, shown: Query[Shown]) -> HttpResponse:
    body, version = read_body(request), request.headers.get("If-Match")
    group = groups.patch(caller=caller(request), group_id=group_id, body=body, version=version)
    return _one(request, groups.resource_of(group), shown)


@router.delete("/Groups/{uuid:group_id}")
def delete_group(request: HttpRequest, group_id: UUID) -> HttpResponse:
    groups.delete(caller=caller(request), group_id=group_id, version=request.headers.get("If-Match"))
    return HttpResponse(status=204)


def read_body(request: HttpRequest) -> Json:
    """A JSON object whose texts can be kept. Raises ScimError ``invalidSyntax``."""
    try:
        body = json.loads(request.body)
        if not isinstance(body, dict) or not is_storable(json.dumps(body, ensure_ascii=False)):
            raise ValueError("no object, or a character that no text may have")
        if "\\u0000" in json.dumps(body):
            raise ValueError("a NUL")
    except (ValueError, RecursionError) as error:
        raise ScimError("The body is no JSON object that can be read.", "invalidSyntax") from error
    return body


def _require(request: HttpRequest) -> None:
    rights.require(caller(request), "people.provision")


def _one_of(found: list[Json], name: str) -> Json:
    for one in found:
        if one["id"].lower() == name.lower():
            return one
    raise NotFoundError


def _listed(asked: Asked, kind: Kind) -> Json:
    """A page by places, as SCIM counts: from 1, and at most ``MOST_RESULTS``."""
    if not is_storable(asked.filter + asked.sortBy):
        raise ScimError("The filter has a character that no text may have.", "invalidFilter")
    rows = kind.rows()
    if asked.filter.strip():
        rows = rows.filter(asking.condition(read_filter(asked.filter), kind.attributes))
    start = max(1, min(asked.startIndex, MOST_PLACES))
    count = described.MOST_RESULTS if asked.count is None else max(0, min(asked.count, described.MOST_RESULTS))
    order = ["created_at", "pk"]
    if asked.sortBy:
        descending = asked.sortOrder.lower() == "descending"
        order = asking.order_of(plain_name(asked.sortBy), descending, kind.attributes)
    total = rows.count()
    page = rows.order_by(*order)[start - 1 : start - 1 + count] if count else []
    dropped = _names(asked.excludedAttributes)
    told = [_chosen(kind.tell(one, dropped), asked) for one in page]
    return described.listing(told, total=total, start=start)


def _one(request: HttpRequest, resource: Json, shown: Shown, *, status: int = 200) -> HttpResponse:
    version = resource["meta"]["version"]
    known = request.headers.get("If-None-Match")
    if request.method == "GET" and known and names(known, version):
        return HttpResponse(status=304, headers={"ETag": version})
    response = _answer(_chosen(resource, shown), status=status)
    response["ETag"] = version
    response["Content-Location" if status == 200 else "Location"] = resource["meta"]["location"]
    return response


def _answer(body: Json, *, status: int = 200) -> HttpResponse:
    return HttpResponse(json.dumps(body, ensure_ascii=False), content_type=MEDIA_TYPE, status=status)


def _names(text: str) -> set[str]:
    return {plain_name(one.strip()) for one in text.split(",") if one.strip()}


def _chosen(resource: Json, shown: Shown) -> Json:
    """Only the attributes that were asked for, or all but those; ``id`` and ``schemas`` always."""
    wanted, dropped = _names(shown.attributes), _names(shown.excludedAttributes)
    if not wanted and not dropped:
        return resource
    told: Json = {}
    for key, value in resource.items():
        name = key.lower()
        if name in ("id", "schemas"):
            told[key] = value
        elif wanted:
            parts = {one.partition(".")[2] for one in wanted if one.partition(".")[0] == name}
            if parts:
                told[key] = value if "" in parts else _only(value, parts)
        elif name not in dropped:
            parts = {one.partition(".")[2] for one in dropped if one.partition(".")[0] == name}
            told[key] = _without(value, parts) if parts else value
    return told


def _only(value: Any, parts: set[str]) -> Any:
    if isinstance(value, list):
        return [_only(one, parts) for one in value]
    return {key: part for key, part in value.items() if key.lower() in parts} if isinstance(value, dict) else value


def _without(value: Any, parts: set[str]) -> Any:
    if isinstance(value, list):
        return [_without(one, parts) for one in value]
    return {key: part for key, part in value.items() if key.lower() not in parts} if isinstance(value, dict) else value
