"""Signing in, by the one page there is for it, and out again."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.core.cache import cache
from django.test import Client

from accounts.models import AuditEvent, User
from accounts.people.people import assign_roles
from tests.conftest import SignIn
from tests.factories import PASSWORD


@pytest.fixture(autouse=True)
def without_counted_failures() -> Iterator[None]:
    """allauth counts failed attempts in the cache, which outlives a test."""
    cache.clear()
    yield
    cache.clear()


def sign_in(client: Client, email: str, password: str = PASSWORD) -> int:
    client.post("/account/login/", {"login": email, "password": password})
    return 200 if client.get("/account/keys/").status_code == 200 else 302


def events(action: str, outcome: str = "ok") -> list[AuditEvent]:
    return list(AuditEvent.objects.filter(action=action, outcome=outcome).order_by("-at"))


def test_by_address_in_any_case_and_password(alice: User) -> None:
    assert sign_in(Client(), "Alice@Example.org") == 200
    assert events("account.sign_in")[0].actor == str(alice.pk)


def test_a_wrong_password_is_refused_and_audited_without_the_address(alice: User) -> None:
    assert sign_in(Client(), alice.email, "wrong") == 302
    event = events("account.sign_in", "denied")[0]
    assert event.actor == "anonymous"
    assert alice.email not in str(event.payload)


def test_unknown_and_wrong_look_the_same(alice: User) -> None:
    def said(email: str) -> list[str]:
        page = Client().post("/account/login/", {"login": email, "password": "wrong"})
        return list(page.context["form"].non_field_errors())

    assert said(alice.email) == said("nobody@example.org") != []


def test_a_suspended_person_cannot_sign_in(sam: User) -> None:
    assert sign_in(Client(), sam.email) == 302


def test_a_session_ends_with_suspension_and_with_a_new_password(alice: User, signed_in: SignIn) -> None:
    client = signed_in(alice)
    other = signed_in(alice)
    alice.set_password("Another-Horse-8-Battery")
    alice.save()
    assert client.get("/account/keys/").status_code == 302
    fresh = signed_in(alice)
    assert fresh.get("/account/keys/").status_code == 200
    alice.is_active = False
    alice.save()
    assert fresh.get("/account/keys/").status_code == 302
    assert other.get("/api/v1/groups").status_code == 401


def test_other_roles_end_every_session_but_not_the_keys(
    alice: User, ada: User, signed_in: SignIn, with_key: SignIn
) -> None:
    client, program = signed_in(alice), with_key(alice)
    assign_roles(actor=ada, user=alice, roles=["employee", "moderator"])
    assert client.get("/account/keys/").status_code == 302
    assert program.get("/api/v1/groups").status_code == 200


def test_signing_out_is_a_post_and_audited(alice: User, signed_in: SignIn) -> None:
    client = signed_in(alice)
    client.get("/account/logout/")
    assert client.get("/account/keys/").status_code == 200
    client.post("/account/logout/")
    assert client.get("/account/keys/").status_code == 302
    assert events("account.sign_out")[0].actor == str(alice.pk)


def test_changing_the_password_is_audited(alice: User, signed_in: SignIn) -> None:
    new = "Another-Horse-8-Battery"
    form = {"oldpassword": PASSWORD, "password1": new, "password2": new}
    signed_in(alice).post("/account/password/change/", form)
    alice.refresh_from_db()
    assert alice.check_password(new)
    assert events("account.change_password")[0].actor == str(alice.pk)


def test_nobody_can_make_an_account_for_themselves(db: None) -> None:
    form = {"email": "new@example.org", "password1": PASSWORD, "password2": PASSWORD}
    assert "new@example.org" not in Client().post("/account/signup/", form).text
    assert not User.objects.filter(email="new@example.org").exists()


def test_nobody_can_add_an_address(alice: User, signed_in: SignIn) -> None:
    assert signed_in(alice).post("/account/email/", {"action_add": "", "email": "boss@example.org"}).status_code == 404


def test_the_admin_site_sends_to_the_same_page(ada: User, alice: User, signed_in: SignIn) -> None:
    answer = Client().get("/admin/login/")
    assert answer.status_code == 302
    assert answer.headers["Location"].startswith("/account/login/")
    assert signed_in(ada).get("/admin/accounts/user/").status_code == 200
    assert signed_in(alice).get("/admin/accounts/user/").status_code == 302


def test_too_many_failures_are_stopped(alice: User) -> None:
    for _ in range(12):
        Client().post("/account/login/", {"login": alice.email, "password": "wrong"})
    assert sign_in(Client(), alice.email) == 302
