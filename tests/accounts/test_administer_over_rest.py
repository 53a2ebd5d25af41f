"""People, groups, programs and insights over REST: what the pages do, by the same verbs."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client

from accounts.models import AuditEvent, Group, Insight, Invitation, Program, Role, User
from tests import factories
from tests.conftest import SignIn

pytestmark = pytest.mark.django_db
ABSENT = "0199a000-0000-7000-8000-000000000000"


def send(client: Client, method: str, path: str, body: Any = None) -> Any:
    return client.generic(method, f"/api/v1{path}", json.dumps(body or {}), "application/json")


def test_a_person_is_invited_changed_suspended_and_reinstated(ada: User, crew: Group, with_key: SignIn) -> None:
    client = with_key(ada)
    body = {"email": "mia@example.org", "name": "Mia", "roles": ["employee", "moderator"], "groups": [str(crew.pk)]}
    made = send(client, "POST", "/people", body)
    assert made.status_code == 201
    path = f"/people/{made.json()['id']}"
    assert made.json()["state"] == "invited"
    assert made.json()["groups"] == [{"id": str(crew.pk), "name": "Crew"}]
    assert Invitation.objects.filter(user=made.json()["id"]).exists()
    assert send(client, "POST", f"{path}/invite-again").status_code == 200

    changed = send(client, "PATCH", path, {"name": "Mia Bell", "roles": ["employee"], "groups": []})
    assert (changed.json()["name"], changed.json()["roles"], changed.json()["groups"]) == ("Mia Bell", ["employee"], [])
    unchanged = send(client, "PATCH", path, {"name": "Gone", "email": ada.email})
    assert unchanged.status_code == 409
    assert client.get(f"/api/v1{path}").json()["name"] == "Mia Bell"

    assert send(client, "POST", f"{path}/suspend", {"reason": "Left."}).json()["suspended_reason"] == "Left."
    assert send(client, "POST", f"{path}/reinstate").json()["state"] == "invited"
    assert send(client, "POST", f"{path}/withdraw").json()["state"] == "suspended"
    actions = AuditEvent.objects.filter(object=f"user:{made.json()['id']}", actor=str(ada.pk))
    assert {"account.invite", "account.rename", "account.assign_roles", "account.suspend"} <= set(
        actions.values_list("action", flat=True)
    )


def test_people_are_listed_a_page_at_a_time_and_found(ada: User, aaron: User, alice: User, with_key: SignIn) -> None:
    client = with_key(aaron)
    first = client.get("/api/v1/people", {"limit": 2}).json()
    second = client.get("/api/v1/people", {"limit": 2, "cursor": first["next"]}).json()
    assert [one["name"] for one in first["items"] + second["items"]] == ["Aaron", "Ada", "Alice"]
    assert second["next"] is None
    found = client.get("/api/v1/people", {"q": "alic", "state": "active", "role": "employee"}).json()
    assert [one["id"] for one in found["items"]] == [str(alice.pk)]
    assert {one["slug"] for one in client.get("/api/v1/roles").json()["items"]} == set(Role.values)


def test_what_cannot_be_is_said(ada: User, alice: User, with_key: SignIn) -> None:
    client = with_key(ada)
    kept = factories.make_group("Kept")
    Group.objects.filter(pk=kept.pk).update(external_id="scim:x")
    refused = {
        "own account": send(client, "POST", f"/people/{ada.pk}/suspend", {"reason": "Why not."}),
        "no reason": send(client, "POST", f"/people/{alice.pk}/suspend", {}),
        "no such role": send(client, "PATCH", f"/people/{alice.pk}", {"roles": ["king"]}),
        "no such group": send(client, "PATCH", f"/people/{alice.pk}", {"groups": [ABSENT]}),
        "no address": send(client, "POST", "/people", {"email": "none"}),
        "no such state": client.get("/api/v1/people", {"state": "asleep"}),
        "no such owner": send(
            client, "POST", "/programs", {"name": "A", "owner": "x@y.z", "grants": [], "capabilities": []}
        ),
        "no name": send(client, "POST", "/groups", {"name": ""}),
    }
    assert {name: answer.status_code for name, answer in refused.items() if answer.status_code != 422} == {}
    conflicts = {
        "kept by a directory": send(client, "PATCH", f"/people/{alice.pk}", {"groups": [str(kept.pk)]}),
        "filled by a directory": send(client, "PUT", f"/groups/{kept.pk}/members/{alice.pk}"),
        "deleted by hand": send(client, "DELETE", f"/groups/{kept.pk}"),
        "taken name": send(client, "POST", "/groups", {"name": "Kept"}),
        "nobody invited them": send(client, "POST", f"/people/{alice.pk}/withdraw"),
        "last administrator": send(client, "PATCH", f"/people/{ada.pk}", {"roles": ["employee"]}),
    }
    assert {name: answer.status_code for name, answer in conflicts.items() if answer.status_code != 409} == {}
    absent = [client.get(f"/api/v1/{kind}/{ABSENT}").status_code for kind in ("people", "groups", "programs")]
    assert absent == [404, 404, 404]


def test_a_group_is_made_filled_nested_and_deleted(ada: User, alice: User, crew: Group, with_key: SignIn) -> None:
    client = with_key(ada)
    made = send(client, "POST", "/groups", {"name": "Optics"}).json()
    path = f"/groups/{made['id']}"
    for _ in range(2):  # twice is as once
        assert send(client, "PUT", f"{path}/members/{ada.pk}").status_code == 204
        assert send(client, "PUT", f"{path}/groups/{crew.pk}").status_code == 204
    told = client.get(f"/api/v1{path}").json()
    assert (told["people"], told["inside"], told["kept_by_directory"]) == (
        2,
        [{"id": str(crew.pk), "name": "Crew"}],
        False,
    )
    assert [one["name"] for one in client.get(f"/api/v1{path}/members").json()["items"]] == ["Ada"]
    assert send(client, "PUT", f"/groups/{crew.pk}/groups/{made['id']}").status_code == 409
    assert send(client, "PATCH", path, {"name": "Lenses"}).json()["name"] == "Lenses"
    send(client, "DELETE", f"{path}/groups/{crew.pk}")
    send(client, "DELETE", f"{path}/members/{ada.pk}")
    assert client.get(f"/api/v1{path}").json()["people"] == 0
    assert send(client, "DELETE", path).status_code == 204
    assert not Group.objects.filter(pk=made["id"]).exists()


def test_a_program_is_registered_changed_and_ended(ada: User, crew: Group, with_key: SignIn) -> None:
    client = with_key(ada)
    body = {"name": "Nightly", "grants": ["client_credentials"], "capabilities": ["chat.ask"], "groups": [str(crew.pk)]}
    made = send(client, "POST", "/programs", body)
    assert made.status_code == 201
    assert made.json()["secret"]
    assert made.json()["groups"] == [str(crew.pk)]
    path = f"/programs/{made.json()['id']}"
    changed = send(client, "PATCH", path, {"capabilities": ["chat.ask", "knowledge.search"], "expires_in_days": 30})
    assert changed.json()["capabilities"] == ["chat.ask", "knowledge.search"]
    assert changed.json()["groups"] == [str(crew.pk)]
    assert "secret" not in changed.json()
    renewed = send(client, "POST", f"{path}/renew-secret").json()
    assert renewed["secret"] != made.json()["secret"]
    assert [one["name"] for one in client.get("/api/v1/programs").json()["items"]] == ["Nightly"]
    assert send(client, "DELETE", path).status_code == 204
    assert Program.objects.get(pk=made.json()["id"]).revoked_at is not None


def test_an_insight_is_asked_for_allowed_and_ended(ada: User, aaron: User, alice: User, with_key: SignIn) -> None:
    asked = send(
        with_key(ada), "POST", f"/people/{alice.pk}/insights", {"reason": "The works council asked.", "hours": 2}
    )
    assert (asked.status_code, asked.json()["state"]) == (201, "waiting")
    path = f"/insights/{asked.json()['id']}"
    assert send(with_key(ada), "POST", f"{path}/approve").status_code == 403
    assert with_key(alice).get("/api/v1/insights/mine").json()["items"] == []
    assert send(with_key(aaron), "POST", f"{path}/approve").json()["state"] == "live"
    assert with_key(alice).get("/api/v1/insights/mine").json()["items"][0]["reader_id"] == str(ada.pk)
    assert send(with_key(ada), "POST", f"{path}/end").json()["state"] == "ended"
    assert Insight.objects.count() == 1
