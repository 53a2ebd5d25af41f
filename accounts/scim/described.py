"""What Parley says of its own SCIM: what it can do, which resources and attributes there are (RFC 7643, 5 to 7)."""

from __future__ import annotations

from typing import Any

from django.conf import settings

USER = "urn:ietf:params:scim:schemas:core:2.0:User"
GROUP = "urn:ietf:params:scim:schemas:core:2.0:Group"
ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
LIST = "urn:ietf:params:scim:api:messages:2.0:ListResponse"
MOST_RESULTS = 200
ROOT = "/scim/v2"

# Attributes of a person that are kept, and those that SCIM knows besides: they are taken and dropped, so that a
# directory's usual mapping goes through. Nobody's password comes from a directory.
USER_KEPT = ("userName", "externalId", "name", "displayName", "emails", "active")
USER_IGNORED = (
    *("nickName", "profileUrl", "title", "userType", "preferredLanguage", "locale", "timezone", "password"),
    *("phoneNumbers", "ims", "photos", "addresses", "entitlements", "roles", "x509Certificates", "groups"),
    *("schemas", "id", "meta"),
)
GROUP_KEPT = ("displayName", "externalId", "members")
GROUP_IGNORED = ("schemas", "id", "meta")
Json = dict[str, Any]


def location(*parts: object) -> str:
    return "/".join([settings.PUBLIC_URL.rstrip("/") + ROOT, *map(str, parts)])


def listing(resources: list[Json], *, total: int | None = None, start: int = 1) -> Json:
    count = len(resources)
    return {
        "schemas": [LIST],
        "totalResults": count if total is None else total,
        "startIndex": start,
        "itemsPerPage": count,
        "Resources": resources,
    }


def service() -> Json:
    def no_more(**more: Any) -> Json:
        return {"supported": False, **more}

    return {
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"],
        "patch": {"supported": True},
        "bulk": no_more(maxOperations=0, maxPayloadSize=0),
        "filter": {"supported": True, "maxResults": MOST_RESULTS},
        "changePassword": no_more(),
        "sort": {"supported": True},
        "etag": {"supported": True},
        "authenticationSchemes": [
            {
                "type": "oauthbearertoken",
                "name": "Bearer",
                "description": "A key or a registered program's token with the right people.provision.",
                "primary": True,
            }
        ],
        "meta": {"resourceType": "ServiceProviderConfig", "location": location("ServiceProviderConfig")},
    }


def resource_types() -> list[Json]:
    return [_type("User", USER), _type("Group", GROUP)]


def _type(name: str, schema: str) -> Json:
    return {
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:ResourceType"],
        "id": name,
        "name": name,
        "endpoint": f"/{name}s",
        "description": {"User": "People", "Group": "Groups that the directory keeps"}[name],
        "schema": schema,
        "schemaExtensions": [],
        "meta": {"resourceType": "ResourceType", "location": location("ResourceTypes", name)},
    }


def schemas() -> list[Json]:
    return [
        _schema(
            USER,
            "User",
            [
                _attribute("userName", "What the directory calls them.", required=True, uniqueness="server"),
                _attribute("externalId", "The directory's own id.", exact=True),
                _attribute(
                    "name",
                    "Their name. Parley shows one name: displayName, else formatted, else both parts.",
                    kind="complex",
                    parts=[
                        _attribute("formatted", "All of it."),
                        _attribute("givenName", "First name."),
                        _attribute("familyName", "Last name."),
                    ],
                ),
                _attribute("displayName", "The name that Parley shows."),
                _attribute("active", "False: suspended, and everything they had open is closed.", kind="boolean"),
                _attribute(
                    "emails",
                    "The address they are known by: the primary one, else that of type work, else the first.",
                    kind="complex",
                    many=True,
                    parts=[
                        _attribute("value", "The address.", uniqueness="server"),
                        _attribute("type", "Always work."),
                        _attribute("primary", "Always true.", kind="boolean"),
                    ],
                ),
                _attribute("groups", "Groups that the directory keeps.", kind="complex", many=True, parts=_MEMBER)
                | {"mutability": "readOnly"},
            ],
        ),
        _schema(
            GROUP,
            "Group",
            [
                _attribute("displayName", "Its name.", required=True, uniqueness="server"),
                _attribute("externalId", "The directory's own id.", exact=True),
                _attribute("members", "People, and groups that it holds.", kind="complex", many=True, parts=_MEMBER),
            ],
        ),
    ]


def _schema(urn: str, name: str, attributes: list[Json]) -> Json:
    return {
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Schema"],
        "id": urn,
        "name": name,
        "attributes": attributes,
        "meta": {"resourceType": "Schema", "location": location("Schemas", urn)},
    }


def _attribute(
    name: str,
    about: str,
    *,
    kind: str = "string",
    many: bool = False,
    required: bool = False,
    exact: bool = False,
    uniqueness: str = "none",
    parts: list[Json] | None = None,
) -> Json:
    described: Json = {
        "name": name,
        "type": kind,
        "multiValued": many,
        "description": about,
        "required": required,
        "mutability": "readWrite",
        "returned": "default",
    }
    if kind == "string":
        described |= {"caseExact": exact, "uniqueness": uniqueness}
    return described | ({"subAttributes": parts} if parts else {})


_MEMBER = [
    _attribute("value", "The id.", exact=True),
    _attribute("$ref", "Where it is.", kind="reference") | {"referenceTypes": ["User", "Group"]},
    _attribute("display", "The name.") | {"mutability": "readOnly"},
    _attribute("type", "User or Group."),
]
