"""Accounts and groups are made, changed and suspended by administrators, and all of it is audited."""

from __future__ import annotations

import pytest

from accounts.models import ApiKey, AuditEvent, Group, Role, User
from accounts.people import groups, people
from accounts.signals import access_ended
from app.errors import BadInputError, ConflictError, NotAllowedError
from tests import factories
from tests.conftest import SignIn
from tests.factories import PASSWORD


def actions(obj: object) -> list[str]:
    return list(AuditEvent.objects.filter(object=obj).order_by("seq").values_list("action", flat=True))


def test_an_administrator_makes_an_account(ada: User) -> None:
    user = people.create_person(actor=ada, email="new@Example.ORG", password=PASSWORD, roles=[Role.ADMIN])
    assert user.check_password(PASSWORD)
    assert user.is_staff
    assert actions(f"user:{user.pk}") == ["account.create"]


def test_others_may_not(alice: User, dana: User, aaron: User, olivia: User) -> None:
    for actor in (alice, dana, aaron, olivia):
        with pytest.raises(NotAllowedError):
            people.create_person(actor=actor, email="new@example.org", password=None)
        with pytest.raises(NotAllowedError):
            people.assign_roles(actor=actor, user=actor, roles=[Role.ADMIN])
        with pytest.raises(NotAllowedError):
            people.suspend_person(actor=actor, user=alice)


def test_what_cannot_be_used_is_refused(ada: User, alice: User) -> None:
    with pytest.raises(ConflictError):
        people.create_person(actor=ada, email="ALICE@example.org", password=None)
    with pytest.raises(BadInputError, match="boss"):
        people.assign_roles(actor=ada, user=alice, roles=["boss"])
    with pytest.raises(BadInputError, match="too short"):
        people.create_person(actor=ada, email="new@example.org", password="short")
    with pytest.raises(ConflictError):
        groups.create_group(actor=ada, name="Crew")


def test_suspending_ends_sessions_and_keys_and_can_be_undone(ada: User, alice: User, signed_in: SignIn) -> None:
    client, secret = signed_in(alice), factories.make_key(alice)
    people.suspend_person(actor=ada, user=alice)
    people.suspend_person(actor=ada, user=alice)
    assert client.get("/api/v1/groups").status_code == 401
    assert not ApiKey.objects.live().filter(digest=ApiKey.digest_of(secret)).exists()
    people.reinstate_person(actor=ada, user=alice)
    assert client.get("/api/v1/groups").status_code == 401  # a session that ended stays so
    assert signed_in(alice).get("/api/v1/groups").status_code == 200
    assert ApiKey.objects.live().filter(digest=ApiKey.digest_of(secret)).exists()
    done = [action for action in actions(f"user:{alice.pk}") if action != "account.sign_in"]
    assert done == ["account.suspend", "account.reinstate"]


def test_a_new_address_ends_the_sessions_of_the_old_one(ada: User, alice: User, bob: User, signed_in: SignIn) -> None:
    client = signed_in(alice)
    people.change_address(actor=ada, user=alice, email="Alice@New.example")
    assert client.get("/api/v1/groups").status_code == 401
    assert User.objects.get(pk=alice.pk).email == "Alice@new.example"
    with pytest.raises(ConflictError):
        people.change_address(actor=ada, user=alice, email="BOB@example.org")
    with pytest.raises(BadInputError):
        people.change_address(actor=ada, user=alice, email="nowhere")


def test_nobody_suspends_themselves(ada: User) -> None:
    with pytest.raises(BadInputError):
        people.suspend_person(actor=ada, user=ada)


def test_members_are_set(ada: User, crew: Group, charlie: User, alice: User) -> None:
    groups.set_members(actor=ada, group=crew, members=[charlie])
    assert list(crew.members.all()) == [charlie]
    assert actions(f"group:{crew.pk}") == ["group.set_members"]


def test_the_admin_site_records_what_it_changes(ada: User, charlie: User, signed_in: SignIn) -> None:
    client = signed_in(ada)
    form = {"email": charlie.email, "name": "Charlie", "roles": ["employee", "admin"]}
    assert client.post(f"/admin/accounts/user/{charlie.pk}/change/", form).status_code == 302
    charlie.refresh_from_db()
    assert charlie.roles == ["employee", "admin"]
    assert charlie.is_staff
    assert actions(f"user:{charlie.pk}") == ["admin.change_user"]
    new = {"email": "new@example.org", "name": "", "roles": ["employee"], "usable_password": "true"}
    new |= {"password1": PASSWORD, "password2": PASSWORD}
    assert client.post("/admin/accounts/user/add/", new).status_code == 302
    assert actions(f"user:{User.objects.get(email='new@example.org').pk}") == ["admin.create_user"]
    chosen = {"action": "suspend", "_selected_action": [str(charlie.pk)]}
    client.post("/admin/accounts/user/", chosen)
    charlie.refresh_from_db()
    assert not charlie.is_active


def test_the_admin_site_deletes_nobody_and_shows_no_audit_log_to_an_administrator(ada: User, signed_in: SignIn) -> None:
    client = signed_in(ada)
    assert client.post(f"/admin/accounts/user/{ada.pk}/delete/", {"post": "yes"}).status_code == 403
    assert client.get("/admin/accounts/auditevent/").status_code == 404
    assert client.get("/admin/").status_code == 200


@pytest.mark.django_db(transaction=True)
def test_open_lines_are_told_when_access_ends(ada: User, alice: User, signed_in: SignIn) -> None:
    told: list[object] = []

    def hear(user_id: object, **_: object) -> None:
        told.append(user_id)

    access_ended.connect(hear)
    try:
        people.suspend_person(actor=ada, user=alice)
        people.reinstate_person(actor=ada, user=alice)
        people.assign_roles(actor=ada, user=alice, roles=["employee"])
        signed_in(alice).post("/account/logout/")
    finally:
        access_ended.disconnect(hear)
    assert told == [alice.pk] * 3
