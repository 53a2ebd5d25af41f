"""Roles are made from the list of capabilities, hold at once, and nobody climbs by them."""

from __future__ import annotations

import threading

import pytest
from django.contrib.auth import get_user
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts import roles
from accounts.capabilities import CAPABILITIES, MEANINGS
from accounts.models import AuditEvent, CustomRole, Role, User
from accounts.people import people
from accounts.rights import can
from accounts.signals import access_ended
from app.errors import BadInputError, ConflictError, NotAllowedError
from tests import factories
from tests.conftest import SignIn


def make_role(ada: User, *capabilities: str, name: str = "Help desk") -> CustomRole:
    return roles.create_role(actor=ada, name=name, capabilities=capabilities)


def test_a_role_gives_what_it_lists_and_nothing_else(ada: User, alice: User) -> None:
    role = make_role(ada, "usage.read", "moderation.review")
    people.assign_roles(actor=ada, user=alice, roles=["employee", role.slug])
    held = {one for one in CAPABILITIES if can(User.objects.get(pk=alice.pk), one)}
    assert held == {"chat.ask", "chat.edit_prompt", "knowledge.search", "usage.read", "moderation.review"}
    assert alice.capabilities == held
    assert {user.email for user in User.objects.holding("usage.read")} == {"ada@example.org", "alice@example.org"}
    assert set(MEANINGS) == set(CAPABILITIES)


def test_asking_costs_no_statement(ada: User, alice: User) -> None:
    people.assign_roles(actor=ada, user=alice, roles=[make_role(ada, "usage.read").slug])
    alice = User.objects.get(pk=alice.pk)
    with CaptureQueriesContext(connection) as asked:
        assert can(alice, "usage.read")
        assert not can(alice, "audit.read")
    assert len(asked) == 0


def test_a_changed_role_changes_everybody_who_has_it_and_ends_their_sessions(
    ada: User, alice: User, bob: User, signed_in: SignIn
) -> None:
    role = make_role(ada, "usage.read")
    people.assign_roles(actor=ada, user=alice, roles=["employee", role.slug])
    of_alice, of_bob = signed_in(alice), signed_in(bob)
    assert of_alice.get("/operations/usage/").status_code == 200
    roles.change_role(actor=ada, role=role, name="Help desk", capabilities=["usage.read"], description="Same rights")
    assert of_alice.get("/operations/usage/").status_code == 200
    roles.change_role(actor=ada, role=role, name="Help desk", capabilities=["pool.administer"])
    assert of_alice.get("/operations/usage/").status_code == 302
    assert not get_user(of_alice.get("/account/login/").wsgi_request).is_authenticated
    assert of_bob.get("/").status_code == 200
    assert can(User.objects.get(pk=alice.pk), "pool.administer")


@pytest.mark.django_db(transaction=True)
def test_open_lines_close_when_a_role_changes_or_goes(ada: User, alice: User) -> None:
    told: list[object] = []

    def hear(user_id: object, **_: object) -> None:
        told.append(user_id)

    role = make_role(ada, "usage.read")
    people.assign_roles(actor=ada, user=alice, roles=["employee", role.slug])
    access_ended.connect(hear)
    try:
        roles.change_role(actor=ada, role=role, name="Desk", capabilities=["usage.read"])
        assert told == []
        roles.change_role(actor=ada, role=role, name="Desk", capabilities=["audit.read"])
        assert told == [alice.pk]
        assert roles.delete_role(actor=ada, role=role) == 1
        assert told == [alice.pk] * 2
    finally:
        access_ended.disconnect(hear)
    alice.refresh_from_db()
    assert (alice.roles, alice.granted) == (["employee"], [])


def test_whatever_writes_roles_the_rights_follow(ada: User, alice: User) -> None:
    role = make_role(ada, "usage.read")
    User.objects.filter(pk=alice.pk).update(roles=["employee", role.slug], granted=["audit.read"])
    alice.refresh_from_db()
    assert alice.granted == ["usage.read"]
    CustomRole.objects.filter(pk=role.pk).update(capabilities=["audit.read"])
    alice.refresh_from_db()
    assert alice.granted == ["audit.read"]
    CustomRole.objects.filter(pk=role.pk).delete()
    alice.refresh_from_db()
    assert (alice.roles, alice.granted) == (["employee"], [])


def test_bad_roles_are_refused(ada: User, alice: User, dana: User) -> None:
    make_role(ada, "usage.read")
    for name in ("Help desk", "admin", "Content owner"):
        with pytest.raises(ConflictError):
            make_role(ada, "usage.read", name=name)
    with pytest.raises(BadInputError, match=r"chat\.fly"):
        make_role(ada, "chat.fly", name="Pilot")
    with pytest.raises(BadInputError, match="name"):
        make_role(ada, "usage.read", name=" ")
    for actor in (alice, dana):
        with pytest.raises(NotAllowedError):
            make_role(actor, name="Mine")
    with pytest.raises(BadInputError, match="nothing-like-it"):
        people.assign_roles(actor=ada, user=alice, roles=["nothing-like-it"])


def test_who_looks_after_people_by_a_role_gives_only_what_they_hold(ada: User, alice: User, bob: User) -> None:
    desk = make_role(ada, "accounts.administer", "usage.read")
    people.assign_roles(actor=ada, user=bob, roles=["employee", desk.slug])
    people.assign_roles(actor=bob, user=alice, roles=["employee", desk.slug])
    assert can(alice, "usage.read")
    more = make_role(ada, "audit.read", name="Reader of logs")
    for wanted in (["employee", "admin"], ["employee", "moderator"], [more.slug]):
        for person in (alice, bob):
            with pytest.raises(NotAllowedError):
                people.assign_roles(actor=bob, user=person, roles=wanted)
    with pytest.raises(NotAllowedError):
        roles.create_role(actor=bob, name="Climber", capabilities=["audit.read"])
    with pytest.raises(NotAllowedError):
        roles.change_role(actor=bob, role=desk, name="Desk", capabilities=["accounts.administer", "pool.administer"])
    with pytest.raises(NotAllowedError):
        roles.delete_role(actor=bob, role=more)


def test_nor_do_they_touch_who_may_more(ada: User, dana: User, bob: User) -> None:
    desk = make_role(ada, "accounts.administer")
    people.assign_roles(actor=ada, user=bob, roles=["employee", desk.slug])
    for person in (ada, dana):
        with pytest.raises(NotAllowedError):
            people.suspend_person(actor=bob, user=person)
        with pytest.raises(NotAllowedError):
            people.change_address(actor=bob, user=person, email="mine@example.org")
        with pytest.raises(NotAllowedError):
            people.assign_roles(actor=bob, user=person, roles=["employee"])


def test_the_last_administrator_stays(ada: User, alice: User) -> None:
    boss = factories.make_user("boss", roles=[Role.ADMIN], is_active=False)
    with pytest.raises(ConflictError, match="last administrator"):
        people.assign_roles(actor=ada, user=ada, roles=["employee"])
    with pytest.raises(ConflictError, match="last administrator"):
        people.suspend_person(actor="system", user=ada)
    people.assign_roles(actor=ada, user=factories.make_invitation(name="invited").user, roles=["admin"])
    with pytest.raises(ConflictError, match="last administrator"):
        people.suspend_person(actor="system", user=ada)
    people.reinstate_person(actor=ada, user=boss)
    people.suspend_person(actor=boss, user=ada)
    assert AuditEvent.objects.filter(object=f"user:{ada.pk}", action="account.suspend").count() == 1


@pytest.mark.django_db(transaction=True)
def test_two_administrators_cannot_end_each_other_at_once(ada: User) -> None:
    boss = factories.make_user("boss", roles=[Role.ADMIN])
    outcomes: list[str] = []
    gate = threading.Barrier(2, timeout=60)

    def suspend(actor: User, user: User) -> None:
        gate.wait()
        try:
            people.suspend_person(actor=actor, user=user)
            outcomes.append("done")
        except ConflictError:
            outcomes.append("refused")
        finally:
            connection.close()

    both = [threading.Thread(target=suspend, args=pair, daemon=True) for pair in ((ada, boss), (boss, ada))]
    for one in both:
        one.start()
    for one in both:
        one.join(60)
    assert sorted(outcomes) == ["done", "refused"]
    assert User.objects.filter(is_active=True, roles__contains=[Role.ADMIN]).count() == 1
