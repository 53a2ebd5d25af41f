"""A second way in that forgets a check: each way to be somebody, for people and keys that are not any more."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.conf import settings
from django.test import Client
from django.utils import timezone

from accounts.authentication import find_caller
from accounts.models import ApiKey, User
from accounts.programs.keys import find_user_by_key
from accounts.sockets import find_user_by_session
from tests import factories
from tests.architecture.access_matrix import API, PAGES, SIGNED_OUT
from tests.conftest import SignIn

pytestmark = pytest.mark.django_db
PRIVATE = [row for row in PAGES if not SIGNED_OUT & row.allowed and row.method == "GET" and not row.args]
# What a program asks with its token, standing among the pages, says so in its own way.
TO_SIGN_IN = {302, 401}
READ = [row for row in API if row.method == "GET" and "{" not in row.name and not SIGNED_OUT & row.allowed]


def session_of(client: Client) -> str:
    return str(client.cookies[settings.SESSION_COOKIE_NAME].value)


def paths() -> list[str]:
    from django.urls import reverse

    return [reverse(row.name) for row in PRIVATE]


def is_out(client: Client) -> bool:
    """Whether no page and no operation takes this caller for anybody."""
    pages = {client.get(path).status_code for path in paths()}
    calls = {client.get(row.name).status_code for row in READ}
    return pages == TO_SIGN_IN and calls == {401}


def test_a_session_of_somebody_who_is_suspended_opens_nothing(alice: User, signed_in: SignIn) -> None:
    client = signed_in(alice)
    kept = session_of(client)
    assert not is_out(client)
    User.objects.filter(pk=alice.pk).update(is_active=False)
    assert is_out(client)
    assert find_user_by_session(kept)[0] is None


def test_a_session_from_before_a_new_password_opens_nothing(alice: User, signed_in: SignIn) -> None:
    client = signed_in(alice)
    kept = session_of(client)
    alice.set_password("an entirely new password")
    alice.save()
    assert is_out(client)
    assert find_user_by_session(kept)[0] is None


def test_a_session_that_was_signed_out_opens_nothing(alice: User, signed_in: SignIn) -> None:
    client = signed_in(alice)
    kept = session_of(client)
    client.post("/account/logout/")
    thief = Client()
    thief.cookies[settings.SESSION_COOKIE_NAME] = kept
    assert is_out(thief)
    assert find_user_by_session(kept)[0] is None


DEAD_KEYS = {
    "of somebody suspended": lambda key: User.objects.filter(api_keys=key).update(is_active=False),
    "revoked": lambda key: ApiKey.objects.filter(pk=key.pk).update(revoked_at=timezone.now()),
    "expired": lambda key: ApiKey.objects.filter(pk=key.pk).update(expires_at=timezone.now() - timedelta(seconds=1)),
    "deleted": lambda key: key.delete(),
}


@pytest.mark.parametrize("end", DEAD_KEYS.values(), ids=DEAD_KEYS)
def test_a_key_that_is_no_more_opens_nothing(end: object, alice: User) -> None:
    secret = factories.make_key(alice)
    client = Client(headers={"Authorization": f"Bearer {secret}"})
    assert {client.get(row.name).status_code for row in READ} & {200}
    end(ApiKey.objects.get(user=alice))  # type: ignore[operator]
    assert {client.get(row.name).status_code for row in READ} == {401}
    assert find_user_by_key(secret) is None


def test_a_key_is_no_session_and_a_session_no_key(alice: User, signed_in: SignIn) -> None:
    secret = factories.make_key(alice)
    with_key = Client(headers={"Authorization": f"Bearer {secret}"})
    assert {with_key.get(path).status_code for path in paths()} == TO_SIGN_IN, "pages are for sessions"
    session = session_of(signed_in(alice))
    for credential in (session, alice.email, str(alice.pk), ApiKey.digest_of(secret), secret[:-1], secret + "x"):
        client = Client(headers={"Authorization": f"Bearer {credential}"})
        assert {client.get(row.name).status_code for row in READ} == {401}, credential
    cookie = Client()
    cookie.cookies[settings.SESSION_COOKIE_NAME] = secret
    assert is_out(cookie)
    assert find_caller(cookie.get("/").wsgi_request) is None
