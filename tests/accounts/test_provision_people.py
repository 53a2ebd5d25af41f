"""A directory keeps people over SCIM: what Entra and Okta send, what the RFC asks for, and what is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client

from accounts.models import ApiKey, AuditEvent, Role, User
from accounts.models.directory import DirectoryPerson
from accounts.people.people import reinstate_person, suspend_person
from tests import factories
from tests.accounts.provisioner import PATCH, Provisioner
from tests.conftest import SignIn

pytestmark = pytest.mark.django_db


@pytest.fixture
def directory(ada: User) -> Provisioner:
    return Provisioner(ada)


def test_entra_makes_changes_disables_and_deletes_somebody(directory: Provisioner, ada: User) -> None:
    """The sequence of its documentation: look for them, make them, change them, disable them, delete them."""
    assert directory.found("Users", 'userName eq "mia@example.com"') == []
    made = directory.make(
        "mia",
        schemas=["urn:ietf:params:scim:schemas:core:2.0:User"],
        **{"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": {"department": "Optics"}},
        title="Engineer",
        addresses=[],
        phoneNumbers=[{"type": "work", "value": "1"}],
    )
    path = f"/Users/{made['id']}"
    person = User.objects.get(pk=made["id"])
    assert (person.email, person.name, person.roles) == ("mia@example.com", "Mia", [Role.EMPLOYEE])
    assert not person.has_usable_password()
    assert directory.found("Users", 'userName eq "Mia@Example.com"') == [made["id"]]
    assert directory.found("Users", 'emails[type eq "work"].value eq "mia@example.com"') == [made["id"]]

    changed = directory.patch(
        path,
        {"op": "Replace", "path": 'emails[type eq "work"].value', "value": "mia.bell@example.com"},
        {"op": "Replace", "path": "name.familyName", "value": "Bell-Ito"},
        {"op": "Add", "path": "displayName", "value": "Mia Bell-Ito"},
        {"op": "Replace", "path": 'phoneNumbers[type eq "mobile"].value', "value": "2"},
        {
            "op": "Add",
            "path": "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department",
            "value": "Lenses",
        },
    )
    assert changed.status_code == 200
    assert changed.json()["emails"] == [{"value": "mia.bell@example.com", "type": "work", "primary": True}]
    assert changed.json()["userName"] == "mia@example.com"
    person.refresh_from_db()
    assert (person.email, person.name) == ("mia.bell@example.com", "Mia Bell-Ito")

    # By default Entra writes booleans as strings, and values without a path.
    assert directory.patch(path, {"op": "Replace", "path": "active", "value": "False"}).json()["active"] is False
    person.refresh_from_db()
    assert (person.is_active, person.suspended_reason) == (False, "The directory says that they left.")
    assert directory.patch(path, {"op": "Replace", "value": {"active": "True", "name.givenName": "M"}}).json()["active"]

    assert directory.send("DELETE", path).status_code == 204
    assert directory.get(path).status_code == 404
    assert directory.found("Users", 'userName eq "mia@example.com"') == []
    assert User.objects.filter(pk=person.pk, is_active=False).exists()
    told = AuditEvent.objects.filter(actor=f"scim:{ada.pk}").values_list("action", flat=True)
    assert set(told) == {
        "account.create",
        "account.change_address",
        "account.rename",
        "account.suspend",
        "account.reinstate",
    }


def test_okta_looks_makes_replaces_and_deactivates(directory: Provisioner) -> None:
    listed = directory.get("/Users", startIndex=1, count=2).json()
    assert (listed["startIndex"], listed["itemsPerPage"], listed["totalResults"]) == (1, 1, 1)
    assert directory.get("/Users", filter='userName eq "noah@example.com"', startIndex=1, count=100).json() == {
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:ListResponse"],
        "totalResults": 0,
        "startIndex": 1,
        "itemsPerPage": 0,
        "Resources": [],
    }
    body: dict[str, Any] = {
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
        "userName": "noah@example.com",
        "name": {"givenName": "Noah", "familyName": "Lang"},
        "emails": [{"primary": True, "value": "noah@example.com", "type": "work"}],
        "password": "1mz050nq",
        "groups": [],
        "locale": "en-US",
        "externalId": "00ujl29u0le5T6Aj10h7",
        "active": True,
    }
    made = directory.send("POST", "/Users", body)
    assert made.status_code == 201
    assert made["Content-Type"] == "application/scim+json"
    assert made["Location"] == made.json()["meta"]["location"]
    path = f"/Users/{made.json()['id']}"
    person = User.objects.get(pk=made.json()["id"])
    assert person.name == "Noah Lang"
    assert not person.check_password("1mz050nq")

    put = directory.send(
        "PUT", path, body | {"id": made.json()["id"], "name": {"givenName": "N", "familyName": "Lang"}}
    )
    assert put.json()["name"] == {"formatted": "N Lang", "givenName": "N", "familyName": "Lang"}
    off = directory.patch(path, {"op": "replace", "value": {"active": False}})
    assert off.json()["active"] is False
    assert directory.send("PUT", path, body).json()["active"] is True
    twice = directory.send("POST", "/Users", body)
    assert twice.status_code == 409
    assert twice.json()["scimType"] == "uniqueness"


def test_the_userName_may_be_another_than_the_address(directory: Provisioner) -> None:
    made = directory.make("liv", userName="HALDENROOK\\liv")
    assert made["userName"] == "HALDENROOK\\liv"
    assert directory.found("Users", 'userName eq "haldenrook\\\\LIV"') == [made["id"]]
    assert directory.found("Users", 'userName eq "liv@example.com"') == []
    plain = directory.send("POST", "/Users", {"userName": "kim@example.com"}).json()
    assert plain["emails"][0]["value"] == "kim@example.com"
    renamed = directory.patch(
        f"/Users/{plain['id']}", {"op": "replace", "path": "userName", "value": "kim2@example.com"}
    )
    assert renamed.json()["emails"][0]["value"] == "kim2@example.com"
    parts = directory.patch(f"/Users/{plain['id']}", {"op": "add", "value": {"name": {"givenName": "Kim"}}})
    assert parts.json()["displayName"] == "Kim"


def test_suspending_ends_sessions_and_keys_at_once(
    directory: Provisioner, alice: User, signed_in: SignIn, with_key: SignIn
) -> None:
    browser, program = signed_in(alice), with_key(alice)
    assert browser.get("/account/keys/").status_code == 200
    assert directory.patch(f"/Users/{alice.pk}", {"op": "replace", "path": "active", "value": False}).status_code == 200
    assert browser.get("/account/keys/").status_code == 302
    assert program.get("/api/v1/groups").status_code == 401


def test_whom_a_person_suspended_no_sync_brings_back(directory: Provisioner, alice: User, ada: User) -> None:
    on = {"op": "replace", "path": "active", "value": True}
    off = {"op": "replace", "path": "active", "value": False}
    suspend_person(actor=ada, user=alice, reason="An inquiry.")
    assert directory.patch(f"/Users/{alice.pk}", on).json()["active"] is False
    reinstate_person(actor=ada, user=alice)
    assert directory.patch(f"/Users/{alice.pk}", off).json()["active"] is False
    assert directory.patch(f"/Users/{alice.pk}", on).json()["active"] is True


def test_whom_a_directory_has_again_is_the_same_and_a_namesake_is_not(directory: Provisioner) -> None:
    made = directory.make("mia")
    directory.send("DELETE", f"/Users/{made['id']}")
    other = directory.send("POST", "/Users", {"userName": "mia@example.com", "externalId": "somebody else"})
    assert (other.status_code, other.json()["scimType"]) == (409, "uniqueness")
    again = directory.make("mia")
    assert (again["id"], again["active"]) == (made["id"], True)


def test_administrators_are_safe_from_a_directory(directory: Provisioner, ada: User, alice: User) -> None:
    off = {"op": "replace", "path": "active", "value": False}
    own = directory.patch(f"/Users/{ada.pk}", off)
    assert own.status_code == 409
    assert "key" in own.json()["detail"]
    eve = factories.make_user("eve", roles=[Role.ADMIN])
    moved = directory.patch(f"/Users/{eve.pk}", {"op": "replace", "path": "userName", "value": "x@example.com"})
    address = directory.patch(f"/Users/{eve.pk}", {"op": "replace", "path": "emails.value", "value": "x@example.com"})
    assert {moved.status_code, address.status_code} == {403}
    assert directory.patch(f"/Users/{eve.pk}", off).status_code == 200

    desk = factories.make_role(name="Sync", capabilities=["people.provision"])
    bea = factories.make_user("bea", roles=[desk.slug])
    other = Provisioner(bea)
    last = other.patch(f"/Users/{ada.pk}", off)
    assert last.status_code == 403
    assert other.patch(f"/Users/{alice.pk}", off).status_code == 200
    assert User.objects.get(pk=ada.pk).is_active


def test_the_last_administrator_stays_even_beside_a_program_that_administers(ada: User) -> None:
    service = factories.make_user("service", roles=[Role.ADMIN], is_service=True)
    answer = Provisioner(service).patch(f"/Users/{ada.pk}", {"op": "replace", "path": "active", "value": False})
    assert answer.status_code == 409
    assert "last administrator" in answer.json()["detail"]
    assert Provisioner(ada).get(f"/Users/{service.pk}").status_code == 404


def test_only_keys_with_the_right_come_in(ada: User, alice: User, signed_in: SignIn) -> None:
    assert signed_in(ada).get("/scim/v2/Users").status_code == 401
    assert Client().get("/scim/v2/Users").status_code == 401
    limited = Provisioner(ada, capabilities=["accounts.administer"]).get("/Users")
    employee = Provisioner(alice, capabilities=None).get("/Users")
    assert {limited.status_code, employee.status_code} == {403}
    for answer in (limited, employee, Client().get("/scim/v2/nothing"), Client().post("/scim/v2/Schemas")):
        assert answer["Content-Type"].startswith("application/scim+json")
        assert answer.json()["schemas"] == ["urn:ietf:params:scim:api:messages:2.0:Error"]
        assert answer.json()["status"] == str(answer.status_code)
    assert Provisioner(ada).client.get("/api/v1/groups").status_code in (200, 403)
    assert Provisioner(ada).client.get("/api/v1/keys").status_code == 403
    assert ApiKey.objects.filter(user=alice).exists()


def test_versions_are_told_and_asked_for(directory: Provisioner) -> None:
    made = directory.make("mia")
    path, version = f"/Users/{made['id']}", made["meta"]["version"]
    assert directory.get(path)["ETag"] == version
    assert directory.send("GET", path, **{"If-None-Match": version}).status_code == 304
    rename = {"op": "replace", "path": "displayName", "value": "M."}
    assert directory.patch(path, rename, **{"If-Match": version}).status_code == 200
    assert directory.patch(path, rename, **{"If-Match": version}).status_code == 412
    assert directory.send("DELETE", path, **{"If-Match": version}).status_code == 412
    assert directory.send("DELETE", path, **{"If-Match": "*"}).status_code == 204


def test_lists_are_paged_sorted_and_cut_to_what_is_asked_for(directory: Provisioner) -> None:
    for name in ("mia", "noah", "liv"):
        directory.make(name)
    made = 'externalId sw "id-of-"'
    found = directory.get(
        "/Users", filter=made, sortBy="userName", sortOrder="descending", attributes="userName"
    ).json()
    assert [one["userName"] for one in found["Resources"]] == [
        "noah@example.com",
        "mia@example.com",
        "liv@example.com",
    ]
    assert set(found["Resources"][0]) == {"schemas", "id", "userName"}
    second = directory.get("/Users", filter=made, sortBy="name.givenName", startIndex=2, count=1).json()
    assert (second["totalResults"], second["itemsPerPage"], second["startIndex"]) == (3, 1, 2)
    assert second["Resources"][0]["displayName"] == "Mia"
    assert directory.get("/Users", count=0).json()["Resources"] == []
    assert directory.get("/Users", count=-5, startIndex=-3).json()["itemsPerPage"] == 0
    cut = directory.get("/Users", filter=made, excludedAttributes="emails,name.familyName").json()["Resources"][0]
    assert "emails" not in cut
    assert "givenName" in cut["name"]
    assert "familyName" not in cut["name"]
    assert directory.get("/Users", count="many").status_code == 400
    assert directory.get("/Users", sortBy="password").status_code == 400


def test_what_it_says_of_itself_is_what_it_does(directory: Provisioner) -> None:
    config = directory.get("/ServiceProviderConfig").json()
    assert config["patch"]["supported"]
    assert not config["bulk"]["supported"]
    assert {one["id"] for one in directory.get("/ResourceTypes").json()["Resources"]} == {"User", "Group"}
    for schema in directory.get("/Schemas").json()["Resources"]:
        assert directory.get(f"/Schemas/{schema['id']}").json() == schema
    assert directory.get("/ResourceTypes/User").json()["endpoint"] == "/Users"
    assert directory.get("/Schemas/urn:none").status_code == 404
    assert directory.send("POST", "/Bulk", {}).status_code == 404


BAD_BODIES: list[tuple[Any, str]] = [
    ("{", "invalidSyntax"),
    ("[]", "invalidSyntax"),
    ("[" * 100_000, "invalidSyntax"),
    (json.dumps({"userName": "a\0@example.com"}), "invalidSyntax"),
    ('{"userName": "\\ud800@example.com"}', "invalidSyntax"),
    ({}, "invalidValue"),
    ({"userName": 5}, "invalidValue"),
    ({"userName": "x" * 300}, "invalidValue"),
    ({"userName": "no address"}, "invalidValue"),
    ({"userName": "a@example.com", "emails": [{"value": "none"}]}, "invalidValue"),
    ({"userName": "a@example.com", "emails": [5]}, "invalidValue"),
    ({"userName": "a@example.com", "active": "perhaps"}, "invalidValue"),
    ({"userName": "a@example.com", "active": 1}, "invalidValue"),
    ({"userName": "a@example.com", "name": "A"}, "invalidValue"),
    ({"userName": "a@example.com", "name": {"givenName": ["A"]}}, "invalidValue"),
]
BAD_OPERATIONS: list[tuple[Any, str]] = [
    ({"op": "move", "path": "active"}, "invalidSyntax"),
    ("replace", "invalidSyntax"),
    ({"op": "remove"}, "noTarget"),
    ({"op": "remove", "path": "userName"}, "invalidValue"),
    ({"op": "replace", "path": "shoeSize", "value": 1}, "invalidPath"),
    ({"op": "replace", "path": "emails[", "value": 1}, "invalidPath"),
    ({"op": "replace", "path": 5, "value": 1}, "invalidPath"),
    ({"op": "replace", "path": 'emails[type eq "home"].value', "value": "b@example.com"}, "noTarget"),
    ({"op": "replace", "path": "name[a eq 1]", "value": {}}, "invalidPath"),
    ({"op": "replace", "path": "name", "value": "A"}, "invalidValue"),
    ({"op": "replace", "path": "userName.part", "value": "A"}, "invalidPath"),
    ({"op": "add", "path": 'emails[type eq "home"]', "value": 5}, "invalidValue"),
    ({"op": "replace", "value": 5}, "invalidValue"),
    ({"op": "replace", "path": "emails", "value": {"value": ["x"]}}, "invalidValue"),
]


def test_bad_input_is_named_in_scims_words_and_changes_nothing(directory: Provisioner, ada: User) -> None:
    made = directory.make("mia")
    path = f"/Users/{made['id']}"
    before = directory.get(path).json()
    answers = [(body, kind, directory.send("POST", "/Users", body)) for body, kind in BAD_BODIES]
    answers += [(one, kind, directory.patch(path, one)) for one, kind in BAD_OPERATIONS]
    answers.append(("too many", "tooMany", directory.patch(path, *[{"op": "remove", "path": "externalId"}] * 1001)))
    answers.append(("none", "invalidSyntax", directory.send("PATCH", path, {"schemas": [PATCH]})))
    answers.append(
        ("taken", "uniqueness", directory.patch(path, {"op": "replace", "path": "userName", "value": ada.email}))
    )
    wrong = {
        str(said)[:80]: answer.content
        for said, kind, answer in answers
        if answer.status_code not in (400, 409) or answer.json().get("scimType") != kind
    }
    assert not wrong
    assert directory.get(path).json() == before
    assert DirectoryPerson.objects.count() == 1


def test_all_operations_are_done_or_none(directory: Provisioner) -> None:
    path = f"/Users/{directory.make('mia')['id']}"
    answer = directory.patch(
        path, {"op": "replace", "path": "displayName", "value": "Gone"}, {"op": "replace", "path": "active", "value": 3}
    )
    assert answer.status_code == 400
    assert directory.get(path).json()["displayName"] == "Mia"
