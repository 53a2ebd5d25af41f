"""A directory that keeps people and groups over SCIM, as it speaks."""

from __future__ import annotations

import json
from typing import Any

from django.test import Client

from accounts.models import User
from tests import factories

PATCH = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
USER = "urn:ietf:params:scim:schemas:core:2.0:User"
GROUP = "urn:ietf:params:scim:schemas:core:2.0:Group"


class Provisioner:
    """Calls /scim/v2 with a key that has this one right."""

    def __init__(self, user: User, **key: Any) -> None:
        key = {"capabilities": ["people.provision"], **key}
        self.client = Client(headers={"Authorization": f"Bearer {factories.make_key(user, **key)}"})

    def send(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        text = body if isinstance(body, str) else json.dumps(body) if body is not None else ""
        return self.client.generic(
            method, f"/scim/v2{path}", text, content_type="application/scim+json", headers=headers or None
        )

    def get(self, path: str, **query: Any) -> Any:
        return self.client.get(f"/scim/v2{path}", query)

    def patch(self, path: str, *operations: dict[str, Any], **headers: str) -> Any:
        return self.send("PATCH", path, {"schemas": [PATCH], "Operations": list(operations)}, **headers)

    def make(self, name: str, **more: Any) -> dict[str, Any]:
        """A person as Entra makes one."""
        body = {
            "schemas": [USER],
            "userName": f"{name}@example.com",
            "externalId": f"id-of-{name}",
            "displayName": name.capitalize(),
            "name": {"givenName": name.capitalize(), "familyName": "Bell", "formatted": f"{name.capitalize()} Bell"},
            "emails": [{"primary": True, "type": "work", "value": f"{name}@example.com"}],
            "active": True,
            **more,
        }
        response = self.send("POST", "/Users", body)
        assert response.status_code == 201, response.content
        found: dict[str, Any] = response.json()
        return found

    def make_group(self, name: str, *members: str, **more: Any) -> dict[str, Any]:
        body = {"schemas": [GROUP], "displayName": name, "members": [{"value": one} for one in members], **more}
        response = self.send("POST", "/Groups", body)
        assert response.status_code == 201, response.content
        found: dict[str, Any] = response.json()
        return found

    def found(self, kind: str, text: str) -> list[str]:
        """Ids of what a filter finds."""
        response = self.get(f"/{kind}", filter=text)
        assert response.status_code == 200, response.content
        return [one["id"] for one in response.json()["Resources"]]
