"""One sign-out for both places: here and at a provider that speaks OpenID Connect."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt
import pytest
import requests
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount
from cryptography.hazmat.primitives.asymmetric import rsa
from django.conf import settings as django_settings
from django.contrib.sessions.models import Session
from django.core.cache import cache
from django.test import Client

from accounts.models import AuditEvent, User
from accounts.signals import access_ended
from tests.accounts.provider_of_openid import EVENT, Provider
from tests.accounts.test_sign_in_through_provider import LOGIN, is_in, sign_in

ENDED_THERE = "/account/provider/oidc/house/logout/"


@pytest.fixture(scope="module")
def house() -> Iterator[Provider]:
    provider = Provider()
    provider.returns_to = "http://testserver/account/provider/"
    yield provider
    provider.stop()


@pytest.fixture(autouse=True)
def described(house: Provider, settings: Any) -> Iterator[None]:
    cache.clear()
    settings.ALLOWED_HOSTS = ["testserver"]
    settings.SIGN_IN_PROVIDERS = [house.described()]
    house.person = {"sub": "u-1", "email": "alice@example.org", "email_verified": True, "name": "Alice"}
    house.in_id_token = {"sid": "s-1"}
    yield
    cache.clear()


def in_session(house: Provider, sid: str) -> Client:
    house.in_id_token = {"sid": sid}
    return sign_in()[0]


def tell(token: str) -> Any:
    """As the provider's server does: from elsewhere, without a cookie or a token of ours."""
    return Client(enforce_csrf_checks=True).post(ENDED_THERE, {"logout_token": token})


def events(outcome: str) -> list[AuditEvent]:
    own = AuditEvent.objects.filter(action="session.end_by_provider", actor="provider:house", outcome=outcome)
    return list(own.order_by("at"))


def test_who_signs_out_here_is_led_to_sign_out_there(alice: User, house: Provider) -> None:
    client, _ = sign_in()
    assert client.post("/account/logout/").headers["Location"] == "/account/signed-out/"
    assert not is_in(client)
    page = client.get("/account/signed-out/")
    assert "You are still signed in at Haldenrook" in page.text
    assert 'http-equiv="refresh"' not in page.text
    address = re.search(rf'href="({house.url}/end-session[^"]+)"', page.text)[1].replace("&amp;", "&")  # type: ignore[index]
    asked = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
    assert asked["client_id"] == "parley"
    assert asked["post_logout_redirect_uri"] == "http://testserver/account/login/"
    assert jwt.decode(asked["id_token_hint"], options={"verify_signature": False})["sid"] == "s-1"
    there = requests.get(address, allow_redirects=False, timeout=10)
    assert there.headers["Location"] == "http://testserver/account/login/"


def test_where_the_house_wants_it_the_browser_goes_on_by_itself(alice: User, house: Provider, settings: Any) -> None:
    settings.SIGN_IN_PROVIDERS = [house.described(signs_out_there=True)]
    client, _ = sign_in()
    page = client.post("/account/logout/", follow=True)
    assert f'<meta http-equiv="refresh" content="0; url={house.url}/end-session?' in page.text


def test_who_came_by_password_or_comes_back_is_led_nowhere(alice: User, house: Provider) -> None:
    client = Client()
    client.force_login(alice, backend="allauth.account.auth_backends.AuthenticationBackend")
    assert client.post("/account/logout/").headers["Location"] == "/"
    assert "still signed in" not in client.get("/account/signed-out/").text
    through, _ = sign_in()
    through.post("/account/logout/")
    sign_in(through)
    assert through.get("/account/signed-out/").headers["Location"] == "/"
    assert "left" not in through.session


def test_what_the_provider_told_is_sealed_and_in_no_table(alice: User, house: Provider) -> None:
    client, _ = sign_in()
    kept = Session.objects.get(session_key=client.cookies[django_settings.SESSION_COOKIE_NAME].value).get_decoded()
    assert kept["at_provider"]["sid"] == "s-1"
    assert "eyJ" not in kept["at_provider"]["hint"]
    assert SocialAccount.objects.get().extra_data == {}


def test_it_goes_along_through_a_second_step(alice: User, house: Provider) -> None:
    Authenticator.objects.create(user=alice, type="recovery_codes", data={"seed": "x", "used_mask": 0})
    Authenticator.objects.create(user=alice, type="totp", data={"secret": "x"})
    client, answer = sign_in()
    assert answer.headers["Location"] == "/account/second-step/"
    assert not is_in(client)


def test_a_session_that_ended_there_ends_here_at_once(alice: User, bob: User, house: Provider) -> None:
    first, second = in_session(house, "s-1"), in_session(house, "s-2")
    heard: list[Any] = []
    access_ended.connect(lambda **news: heard.append(news["session"]), weak=False, dispatch_uid="heard")
    try:
        answer = tell(house.logout_token(sub="u-1", sid="s-1"))
    finally:
        access_ended.disconnect(dispatch_uid="heard")
    assert (answer.status_code, answer.headers["Cache-Control"]) == (200, "no-store")
    assert (is_in(first), is_in(second)) == (False, True)
    [event] = events("ok")
    assert (event.actor, event.object, event.payload) == ("provider:house", f"user:{alice.pk}", {"ended": 1})
    assert tell(house.logout_token(sid="s-2")).status_code == 200, "the session alone is enough"
    assert not is_in(second)


def test_without_a_session_all_that_came_from_there_end_and_nothing_else(alice: User, house: Provider) -> None:
    first, second = in_session(house, "s-1"), in_session(house, "s-2")
    by_password = Client()
    by_password.force_login(alice, backend="allauth.account.auth_backends.AuthenticationBackend")
    tell(house.logout_token(sub="u-1"))
    assert [is_in(one) for one in (first, second, by_password)] == [False, False, True]
    assert tell(house.logout_token(sub="nobody")).status_code == 200


def test_what_proves_nothing_ends_nothing_and_is_audited(alice: User, house: Provider) -> None:
    client, _ = sign_in()
    stranger = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    now = int(time.time())
    named = {"sub": "u-1", "sid": "s-1"}
    used = house.logout_token(**{**named, "sid": "s-9"})
    assert tell(used).status_code == 200
    wrong = {
        "nothing": "",
        "no token": "x.y.z",
        "another key": house.logout_token(key=stranger, **named),
        "an unknown key": house.logout_token(headers={"kid": "two"}, **named),
        "not signed": jwt.encode({**named, "iss": house.url}, "", algorithm="none"),
        "signed with what is public": house.logout_token(key="parley" * 8, algorithm="HS256", **named),
        "for another": house.logout_token(aud="another", **named),
        "of another": house.logout_token(iss="http://evil.example", **named),
        "over": house.logout_token(exp=now - 60, **named),
        "old": house.logout_token(iat=now - 3600, exp=None, **named),
        "no logout": house.logout_token(events=None, **named),
        "another event": house.logout_token(events={"http://example.org/event": {}}, **named),
        "an event that is no object": house.logout_token(events={EVENT: True}, **named),
        "an id token": house.logout_token(nonce="n", **named),
        "of nobody": house.logout_token(),
        "of no text": house.logout_token(sub=7),
        "without a number of its own": house.logout_token(jti=None, **named),
        "used before": used,
        "very long": "x" * 20_000,
    }
    was = {name: tell(token).status_code for name, token in wrong.items()}
    assert set(was.values()) == {400}, was
    assert is_in(client)
    assert len(events("denied")) == len(wrong)
    assert events("denied")[0].actor == "provider:house"


def test_the_address_is_there_only_for_a_provider_that_is(db: None, house: Provider, settings: Any) -> None:
    assert Client().get(ENDED_THERE).status_code == 405
    assert Client().post("/account/provider/oidc/other/logout/").status_code == 404
    settings.SIGN_IN_PROVIDERS = [house.described(server_url="http://127.0.0.1:9")]
    assert tell(house.logout_token(sub="u-1")).status_code == 503


def test_the_way_out_and_in_again(alice: User, house: Provider) -> None:
    client, _ = sign_in()
    client.post("/account/logout/")
    again, _ = sign_in(client, LOGIN)
    assert is_in(again)
