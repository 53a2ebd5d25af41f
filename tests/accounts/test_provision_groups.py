"""A directory keeps groups over SCIM, and roles follow from them."""

from __future__ import annotations

from typing import Any

import pytest

from accounts.models import AuditEvent, Group, Role, User
from tests import factories
from tests.accounts.provisioner import Provisioner
from tests.conftest import SignIn

pytestmark = pytest.mark.django_db


@pytest.fixture
def directory(ada: User) -> Provisioner:
    return Provisioner(ada)


def members(group: str) -> set[str]:
    return {one.name for one in Group.objects.get(pk=group).members.all()}


def test_entra_fills_a_group_and_takes_people_out(directory: Provisioner, alice: User, bob: User) -> None:
    assert directory.found("Groups", 'displayName eq "Lenses"') == []
    made = directory.make_group("Lenses", externalId="8aa1a0c0-c4c3-4bc0-b4a5-2ef676900159", members=[])
    path = f"/Groups/{made['id']}"
    for one in (alice, bob):
        added = directory.patch(path, {"op": "Add", "path": "members", "value": [{"$ref": None, "value": str(one.pk)}]})
        assert added.status_code == 200
    assert members(made["id"]) == {"Alice", "Bob"}
    asked = f'id eq "{made["id"]}" and members eq "{alice.pk}"'
    assert directory.found("Groups", asked) == [made["id"]]
    light = directory.send("GET", f"{path}?excludedAttributes=members").json()
    assert "members" not in light
    assert light["meta"]["version"] == directory.get(path).json()["meta"]["version"]
    directory.patch(path, {"op": "Remove", "path": "members", "value": [{"$ref": None, "value": str(alice.pk)}]})
    assert members(made["id"]) == {"Bob"}
    assert directory.found("Groups", asked) == []
    directory.patch(path, {"op": "Replace", "path": "displayName", "value": "Optics"})
    assert directory.send("DELETE", path).status_code == 204
    assert not Group.objects.filter(name__in=["Optics", "Lenses"]).exists()


def test_okta_pushes_a_group(directory: Provisioner, alice: User, bob: User, charlie: User) -> None:
    made = directory.make_group("Lenses", str(alice.pk))
    path = f"/Groups/{made['id']}"
    directory.patch(path, {"op": "replace", "value": {"id": made["id"], "displayName": "Optics"}})
    directory.patch(
        path,
        {"op": "remove", "path": f'members[value eq "{alice.pk}"]'},
        {"op": "add", "path": "members", "value": [{"value": str(bob.pk), "display": "bob@example.org"}]},
    )
    assert members(made["id"]) == {"Bob"}
    put = directory.send("PUT", path, {"displayName": "Optics", "members": [{"value": str(charlie.pk)}]})
    assert [one["display"] for one in put.json()["members"]] == ["Charlie"]
    assert directory.get(f"/Users/{charlie.pk}").json()["groups"][0]["display"] == "Optics"
    directory.patch(path, {"op": "replace", "path": "members", "value": []})
    assert members(made["id"]) == set()
    event = AuditEvent.objects.filter(action="group.change_members").order_by("-at", "-seq").first()
    assert event is not None
    assert event.payload == {"added": [], "removed": [str(charlie.pk)]}


def test_groups_made_here_are_not_seen_and_not_taken(directory: Provisioner, crew: Group, signed_in: SignIn) -> None:
    assert directory.get("/Groups").json()["totalResults"] == 0
    assert directory.get(f"/Groups/{crew.pk}").status_code == 404
    taken = directory.send("POST", "/Groups", {"displayName": "Crew"})
    assert (taken.status_code, taken.json()["scimType"]) == (409, "uniqueness")
    made = directory.make_group("Lenses")
    renamed = directory.patch(f"/Groups/{made['id']}", {"op": "replace", "path": "displayName", "value": "Crew"})
    assert renamed.status_code == 409


def test_what_a_directory_keeps_is_shown_and_not_filled_by_hand(
    directory: Provisioner, ada: User, alice: User, signed_in: SignIn
) -> None:
    made = directory.make_group("Lenses", str(alice.pk))
    browser = signed_in(ada)
    page = browser.get(f"/people/groups/{made['id']}/").content.decode()
    assert "A directory fills this group" in page
    assert "Take out" not in page
    browser.post(f"/people/groups/{made['id']}/remove", {"person": str(alice.pk)})
    assert members(made["id"]) == {"Alice"}
    assert "filled by a directory" in browser.get("/people/groups/").content.decode()


def test_a_group_made_here_is_left_to_a_directory_and_taken_back(
    directory: Provisioner, ada: User, alice: User, crew: Group, signed_in: SignIn
) -> None:
    browser = signed_in(ada)
    browser.post(f"/people/groups/{crew.pk}/leave-to-directory")
    assert directory.found("Groups", 'displayName eq "crew"') == [str(crew.pk)]
    directory.patch(f"/Groups/{crew.pk}", {"op": "remove", "path": f'members[value eq "{alice.pk}"]'})
    assert members(str(crew.pk)) == set()
    browser.post(f"/people/groups/{crew.pk}/take-from-directory")
    assert directory.get(f"/Groups/{crew.pk}").status_code == 404
    browser.post(f"/people/groups/{crew.pk}/add", {"email": alice.email})
    assert members(str(crew.pk)) == {"Alice"}
    told = AuditEvent.objects.filter(object=f"group:{crew.pk}").values_list("action", flat=True)
    assert {"group.leave_to_directory", "group.take_from_directory"} <= set(told)


def test_groups_inside_groups(directory: Provisioner, alice: User) -> None:
    inner = directory.make_group("Lenses", str(alice.pk))
    outer = directory.make_group("Optics", inner["id"])
    assert outer["members"][0]["type"] == "Group"
    assert alice in Group.objects.get(pk=outer["id"]).everybody.all()
    ring = directory.patch(f"/Groups/{inner['id']}", {"op": "add", "path": "members", "value": {"value": outer["id"]}})
    assert ring.status_code == 409
    directory.patch(f"/Groups/{outer['id']}", {"op": "remove", "path": "members"})
    assert alice not in Group.objects.get(pk=outer["id"]).everybody.all()


def test_roles_follow_the_groups_that_are_named_for_them(
    directory: Provisioner, settings: Any, ada: User, alice: User
) -> None:
    settings.SCIM_ROLES = {"Reviewers": "moderator", "House": "admin"}

    def roles(of: User) -> set[str]:
        return set(User.objects.get(pk=of.pk).roles)

    factories.make_group("by hand", members=[alice])
    made = directory.make_group("reviewers", str(alice.pk))
    assert roles(alice) == {"employee", "moderator"}
    directory.patch(f"/Groups/{made['id']}", {"op": "replace", "path": "displayName", "value": "Others"})
    assert roles(alice) == {"employee"}
    directory.patch(f"/Groups/{made['id']}", {"op": "replace", "path": "displayName", "value": "Reviewers"})
    directory.send("DELETE", f"/Groups/{made['id']}")
    assert roles(alice) == {"employee"}

    house = directory.make_group("House", str(alice.pk), str(ada.pk))
    User.objects.filter(pk=ada.pk).update(roles=[Role.EMPLOYEE])
    emptied = Provisioner(factories.make_user("service", roles=[Role.ADMIN], is_service=True)).patch(
        f"/Groups/{house['id']}", {"op": "remove", "path": "members"}
    )
    assert emptied.status_code == 200
    assert alice not in Group.objects.get(pk=house["id"]).members.all()
    assert roles(alice) == {"admin", "employee"}, "the last administrator stays one"


def test_bad_groups_are_refused(directory: Provisioner, crew: Group) -> None:
    service = factories.make_user("service", is_service=True)
    for body in (
        {},
        {"displayName": " "},
        {"displayName": "x" * 121},
        {"displayName": "A", "members": [{"value": "nobody"}]},
        {"displayName": "A", "members": [{"value": None}]},
        {"displayName": "A", "members": [{"value": "0199a000-0000-7000-8000-000000000000"}]},
        {"displayName": "A", "members": [{"value": str(service.pk)}]},
        {"displayName": "A", "members": [{"value": str(crew.pk)}]},
    ):
        answer = directory.send("POST", "/Groups", body)
        assert (answer.status_code, answer.json()["scimType"]) == (400, "invalidValue"), body
    assert not Group.objects.filter(name="A").exists()
