"""Inviting: a letter with a link that works once and for a week; and many people at once from a table."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.core.mail import EmailMessage
from django.test import Client
from django.utils import timezone

from accounts.models import AuditEvent, Group, Invitation, User
from accounts.people import groups, importing, inviting, people
from accounts.people.letters import link_to
from accounts.tasks import send_invitation
from app.errors import BadInputError, ConflictError, NotAllowedError
from tests import factories
from tests.conftest import SignIn
from tests.factories import PASSWORD
from tests.recorded import recorded


def path_in(letter: EmailMessage) -> str:
    found = re.search(r"https?://[^/]+(/account/join/\S+)", str(letter.body))
    assert found
    return found[1]


def test_somebody_invited_chooses_a_password_once(ada: User, crew: Group, mailoutbox: list[EmailMessage]) -> None:
    invitation = inviting.invite_person(actor=ada, email="new@example.org", groups=[crew])
    send_invitation(str(invitation.pk))
    assert [letter.to for letter in mailoutbox] == [["new@example.org"]]
    assert "Ada" in str(mailoutbox[0].body)
    path, browser = path_in(mailoutbox[0]), Client()
    assert browser.get(path).status_code == 200
    assert browser.post(path, {"name": "New One", "password": "short"}).status_code == 422
    done = browser.post(path, {"name": "New One", "password": PASSWORD})
    assert (done.status_code, done.headers["Location"]) == (302, "/account/login/")
    person = User.objects.get(email="new@example.org")
    assert person.check_password(PASSWORD)
    assert (person.name, list(person.groups_joined.all())) == ("New One", [crew])
    assert browser.get(path).status_code == browser.post(path, {"name": "X", "password": PASSWORD}).status_code == 404
    with pytest.raises(ConflictError):
        inviting.resend_invitation(actor=ada, invitation=invitation)
    done_ = AuditEvent.objects.filter(object=f"user:{person.pk}").order_by("at", "seq").values_list("action", flat=True)
    assert list(done_) == ["account.create", "account.set_groups", "account.invite", "account.accept_invitation"]


def test_sent_again_the_old_link_is_worthless_and_withdrawn_any(ada: User, mailoutbox: list[EmailMessage]) -> None:
    invitation = inviting.invite_person(actor=ada, email="new@example.org")
    send_invitation(str(invitation.pk))
    inviting.resend_invitation(actor=ada, invitation=invitation)
    send_invitation(str(invitation.pk))
    first, second = (path_in(letter) for letter in mailoutbox)
    assert Client().get(first).status_code == 404
    assert Client().get(second).status_code == 200
    inviting.withdraw_invitation(actor=ada, invitation=invitation)
    assert Client().get(second).status_code == 404
    assert not User.objects.get(email="new@example.org").is_active


def test_links_that_do_not_work_all_look_the_same(ada: User) -> None:
    open_one = factories.make_invitation(name="open")
    expired = factories.make_invitation(name="late", expires_at=timezone.now() - timedelta(minutes=1))
    accepted = factories.make_invitation(name="in", accepted_at=timezone.now())
    shut = factories.make_invitation(name="shut")
    other_way = factories.make_invitation(name="other")
    other_way.user.set_password(PASSWORD)
    other_way.user.save()
    User.objects.filter(pk=shut.user_id).update(is_active=False)
    paths = [f"/account/join/{open_one.pk}/{'0' * 64}/", f"/account/join/{ada.pk}/{'0' * 64}/"]
    paths += ["/account" + link_to(one).partition("/account")[2] for one in (expired, accepted, shut, other_way)]
    pages = {re.sub(r"\b[A-Za-z0-9]{64}\b|join/[^\"]+", "", Client().get(path).content.decode()) for path in paths}
    assert len(pages) == 1
    assert all(Client().get(path).status_code == 404 for path in paths)


def test_who_may_not_invites_nobody(ada: User, alice: User, olivia: User) -> None:
    for actor in (alice, olivia):
        with pytest.raises(NotAllowedError):
            inviting.invite_person(actor=actor, email="new@example.org")
    with pytest.raises(ConflictError):
        inviting.invite_person(actor=ada, email="ALICE@example.org")
    with pytest.raises(BadInputError):
        inviting.invite_person(actor=ada, email="nobody")
    assert not Invitation.objects.exists()


TABLE = """email;name;roles;groups
new@example.org;New One;Employee;Crew; Choir
alice@example.org;Alice B.;;
bob@example.org;Bob;employee;crew
"""


def test_a_table_is_planned_and_then_done_exactly_so(ada: User, crew: Group, alice: User, bob: User) -> None:
    Group.objects.create(name="Choir")
    table = TABLE.replace("Crew; Choir", '"Crew; Choir"')
    lines = importing.plan(actor=ada, table=table)
    assert [line.does for line in lines] == ["invite", "change", "nothing"]
    assert not User.objects.filter(email="new@example.org").exists()
    assert User.objects.get(pk=alice.pk).name == "Alice"
    importing.import_people(actor=ada, table=table)
    new = User.objects.get(email="new@example.org")
    assert {group.name for group in new.groups_joined.all()} == {"Crew", "Choir"}
    assert User.objects.get(pk=alice.pk).name == "Alice B."
    assert [line.does for line in importing.plan(actor=ada, table=table)] == ["nothing"] * 3
    assert recorded(action="people.import").get().payload == {"invite": 1, "change": 1, "nothing": 1}


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("nobody,,,", "not an e-mail address"),
        ("new@example.org,,boss,", "no role called boss"),
        ("new@example.org,,,Nowhere", "no group called Nowhere"),
        ("new@example.org,,,Synced", "directory"),
        ("alice@example.org,A,,\nALICE@example.org,B,,", "more than once"),
    ],
)
def test_a_wrong_line_is_named_and_nothing_is_done(ada: User, alice: User, line: str, says: str) -> None:
    groups.fill_group(actor="scim", external_id="1", name="Synced", members=[])
    table = f"email,name,roles,groups\nok@example.org,Ok,,\n{line}\n"
    wrong = [one for one in importing.plan(actor=ada, table=table) if one.does == "wrong"]
    assert wrong
    assert all(says in one.says[0] for one in wrong)
    with pytest.raises(BadInputError, match="line 3"):
        importing.import_people(actor=ada, table=table)
    assert not User.objects.filter(email="ok@example.org").exists()


@pytest.mark.parametrize("table", ["", "name\nAda", "email,salary\na@example.org,3", "email\n", "\0", "email\n" * 3000])
def test_what_is_no_such_table_is_refused(ada: User, table: str) -> None:
    with pytest.raises(BadInputError):
        importing.plan(actor=ada, table=table)


def test_a_table_gives_nobody_more_than_its_importer_has(ada: User, bob: User) -> None:
    desk = factories.make_role(capabilities=["accounts.administer"])
    people.assign_roles(actor=ada, user=bob, roles=["employee", desk.pk])
    lines = importing.plan(actor=bob, table="email,roles\nnew@example.org,admin\nada@example.org,employee")
    assert [line.does for line in lines] == ["wrong", "wrong"]


def test_the_page_shows_the_plan_first(ada: User, alice: User, signed_in: SignIn) -> None:
    browser, table = signed_in(ada), "email,name\nalice@example.org,Alice B.\n"
    page = browser.post("/people/import/", {"table": table})
    assert "Alice → Alice B." in page.content.decode()
    assert User.objects.get(pk=alice.pk).name == "Alice"
    assert browser.post("/people/import/", {"table": table, "do": "import"}).status_code == 302
    assert User.objects.get(pk=alice.pk).name == "Alice B."
