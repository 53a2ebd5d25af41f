"""Signing in through the organisation's provider: who is let in, as whom, and with which groups and roles."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount
from django.core.cache import cache
from django.test import Client

from accounts.models import AuditEvent, Group, Role, User
from accounts.signing_in.providers import providers
from app.errors import BadInputError
from tests.accounts.provider_of_openid import Provider
from tests.conftest import SignIn
from tests.recorded import recorded

LOGIN = "/account/provider/oidc/house/login/"
GROUPS = {"eng": "Engineering", "hr": "People team"}
ROLES = {"parley-admins": "admin", "parley-reviewers": "moderator"}


@pytest.fixture(scope="module")
def house() -> Iterator[Provider]:
    provider = Provider()
    provider.returns_to = "http://testserver/account/provider/"
    yield provider
    provider.stop()


@pytest.fixture(autouse=True)
def without_counted_tries() -> Iterator[None]:
    cache.clear()
    yield
    cache.clear()


Describe = Callable[..., None]


@pytest.fixture
def described(house: Provider, settings: Any) -> Describe:
    """``described(creates_accounts=True)``: the provider with these settings."""
    settings.ALLOWED_HOSTS = ["testserver"]

    def describe(**more: Any) -> None:
        settings.SIGN_IN_PROVIDERS = [house.described(**more)]

    describe()
    house.person = {"sub": "u-1", "email": "alice@example.org", "email_verified": True, "name": "Alice"}
    house.in_id_token = {}
    return describe


def sign_in(client: Client | None = None, start: str = LOGIN) -> tuple[Client, Any]:
    """Through the provider and back; the browser, and Parley's last answer."""
    client = client or Client()
    leaves = client.get(start)
    assert leaves.status_code == 302, leaves.text
    comes_back = requests.get(leaves.headers["Location"], allow_redirects=False, timeout=10)
    parts = urlsplit(comes_back.headers["Location"])
    return client, client.get(f"{parts.path}?{parts.query}")


def is_in(client: Client) -> bool:
    return client.get("/account/keys/").status_code == 200


def events(action: str, outcome: str = "ok") -> list[AuditEvent]:
    return list(recorded(action=action, outcome=outcome))


def test_the_sign_in_page_offers_it_and_leads_back_to_where_one_was_going(alice: User, described: Describe) -> None:
    page = Client().get("/account/login/?next=/account/keys/").text
    assert "Go on with Haldenrook" in page
    assert f"{LOGIN}?next=%2Faccount%2Fkeys%2F" in page
    client, answer = sign_in(start=f"{LOGIN}?next=/account/keys/")
    assert answer.headers["Location"] == "/account/keys/"
    assert is_in(client)
    assert events("account.sign_in")[-1].payload["methods"] == ["socialaccount"]


def test_a_verified_address_is_linked_once_and_then_its_id_counts(
    alice: User, bob: User, described: Describe, house: Provider
) -> None:
    sign_in()
    assert SocialAccount.objects.get().user == alice
    assert SocialAccount.objects.get().extra_data == {}, "what it told is not kept"
    assert (events("account.link")[0].actor, events("account.link")[0].object) == (
        "provider:house",
        f"user:{alice.pk}",
    )
    house.person = {"sub": "u-1", "email": "bob@example.org", "email_verified": True}
    client, _ = sign_in()
    assert str(alice) in client.get("/account/keys/").text
    assert len(events("account.link")) == 1


@pytest.mark.parametrize("verified", [None, False, "false", "no", 0, 1, [False], {}])
def test_an_address_that_is_not_verified_links_nothing_and_is_audited(
    verified: object, alice: User, described: Describe, house: Provider
) -> None:
    house.person = {"sub": "u-2", "email": alice.email, "email_verified": verified}
    client, answer = sign_in()
    assert answer.status_code == 403
    assert "has not verified your e-mail address" in answer.text
    assert not is_in(client)
    assert not SocialAccount.objects.exists()
    assert events("account.link", "denied")[0].actor == "provider:house"
    assert alice.email not in str(events("account.link", "denied")[0].payload)


def test_a_second_person_there_does_not_get_into_the_same_account(
    alice: User, described: Describe, house: Provider
) -> None:
    sign_in()
    house.person = {"sub": "u-9", "email": alice.email, "email_verified": True}
    client, answer = sign_in()
    assert (answer.status_code, is_in(client)) == (403, False)
    assert "Somebody else" in answer.text


def test_without_an_account_nobody_comes_in_unless_the_provider_may_make_one(
    db: None, described: Describe, house: Provider
) -> None:
    house.person = {"sub": "u-3", "email": "new@example.org", "email_verified": True, "name": "New One"}
    assert sign_in()[1].status_code == 403
    assert not User.objects.exists()
    described(creates_accounts=True, domains=["haldenrook.example"])
    assert sign_in()[1].status_code == 403
    described(creates_accounts=True, domains=["example.org"])
    client, _ = sign_in()
    assert is_in(client)
    new = User.objects.get()
    assert (new.email, new.name, new.roles) == ("new@example.org", "New One", ["employee"])
    assert not new.has_usable_password()
    assert events("account.create")[0].actor == "provider:house"


def test_groups_follow_where_they_are_mapped_and_nowhere_else(
    alice: User, crew: Group, described: Describe, house: Provider
) -> None:
    described(groups=GROUPS)
    assert house.person
    house.person["groups"] = ["eng", "everybody", "Crew"]
    sign_in()
    assert {group.name for group in alice.groups_joined.all()} == {"Crew", "Engineering"}
    house.person["groups"] = ["hr"]
    sign_in()
    assert {group.name for group in alice.groups_joined.all()} == {"Crew", "People team"}
    before = len(events("group.follow_provider"))
    sign_in()
    assert len(events("group.follow_provider")) == before == 2
    del house.person["groups"]
    sign_in()
    assert {group.name for group in alice.groups_joined.all()} == {"Crew"}


def test_roles_come_from_the_provider_only_where_they_are_mapped(
    alice: User, olivia: User, ada: User, described: Describe, house: Provider
) -> None:
    assert house.person
    house.person |= {"groups": ["admin", "parley-admins"], "roles": ["admin"], "role": "admin", "is_superuser": True}
    sign_in()
    alice.refresh_from_db()
    assert alice.roles == ["employee"]
    described(roles=ROLES)
    client, _ = sign_in()
    alice.refresh_from_db()
    assert (alice.roles, alice.is_staff) == (["admin", "employee"], True)
    assert is_in(client)
    house.person["groups"] = []
    other, _ = sign_in()
    alice.refresh_from_db()
    assert (alice.roles, alice.is_staff) == (["employee"], False)
    assert (is_in(client), is_in(other)) == (False, True), "older sessions end with the roles they had"
    house.person = {"sub": "u-5", "email": olivia.email, "email_verified": True}
    sign_in()
    olivia.refresh_from_db()
    assert olivia.roles == [Role.EMPLOYEE, Role.OWNER], "what is not mapped stays as it was given here"


def test_the_last_administrator_stays_one_whatever_the_provider_says(
    alice: User, described: Describe, house: Provider
) -> None:
    described(roles=ROLES)
    assert house.person
    house.person["groups"] = ["parley-admins", "parley-reviewers"]
    sign_in()
    house.person["groups"] = []
    client, _ = sign_in()
    alice.refresh_from_db()
    assert alice.roles == ["admin", "employee"]
    assert is_in(client)


def test_a_suspended_person_stays_outside(sam: User, described: Describe, house: Provider) -> None:
    described(groups=GROUPS)
    house.person = {"sub": "u-6", "email": sam.email, "email_verified": True, "groups": ["eng"]}
    client, answer = sign_in()
    assert answer.headers["Location"] == "/account/inactive/"
    assert not is_in(client)
    assert not sam.groups_joined.filter(name="Engineering").exists()


def test_a_second_step_is_asked_for_here_too(alice: User, described: Describe) -> None:
    Authenticator.objects.create(user=alice, type="totp", data={"secret": "x"})
    client, answer = sign_in()
    assert answer.headers["Location"] == "/account/second-step/"
    assert not is_in(client)


def test_nobody_connects_another_account_to_the_one_they_have_open(
    bob: User, alice: User, described: Describe, signed_in: SignIn
) -> None:
    for process in ("connect", "redirect"):
        _, answer = sign_in(signed_in(bob), f"{LOGIN}?process={process}")
        assert answer.status_code == 403
    assert not SocialAccount.objects.exists()


def test_a_forged_or_repeated_return_lets_nobody_in(alice: User, described: Describe) -> None:
    client = Client()
    leaves = client.get(LOGIN)
    back = urlsplit(requests.get(leaves.headers["Location"], allow_redirects=False, timeout=10).headers["Location"])
    victim = Client()
    assert victim.get(f"{back.path}?{back.query}").status_code == 401
    assert client.get(f"{back.path}?code=made-up&state=made-up").status_code == 401
    assert not is_in(victim)
    client.get(f"{back.path}?{back.query}")
    assert is_in(client)
    again = Client()
    again.get(f"{back.path}?{back.query}")
    assert not is_in(again)
    assert events("account.sign_in", "denied")


@pytest.mark.parametrize("wrong", [{"aud": "another"}, {"iss": "http://evil.example"}, {"exp": 1}])
def test_a_token_for_somebody_else_or_of_somebody_else_is_refused(
    wrong: dict[str, Any], alice: User, described: Describe, house: Provider
) -> None:
    house.in_id_token = wrong
    client, answer = sign_in()
    assert answer.status_code == 401
    assert not is_in(client)


def test_cancelling_and_a_provider_that_is_down_are_said_in_words(
    alice: User, described: Describe, house: Provider, settings: Any
) -> None:
    house.person = None
    _, answer = sign_in()
    assert answer.headers["Location"] == "/account/provider/cancelled/"
    assert "stopped signing in" in Client().get("/account/provider/cancelled/").text
    settings.SIGN_IN_PROVIDERS = [house.described(server_url="http://127.0.0.1:9")]
    page = Client().get(LOGIN)
    assert page.status_code == 502
    assert "did not answer as it should" in page.text


def test_an_unknown_provider_is_not_there(db: None, described: Describe) -> None:
    for address in ("/account/provider/oidc/other/login/", "/account/provider/saml/house/login/"):
        assert Client().get(address).status_code == 404


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"kind": "oauth"}, "needs a kind"),
        ({"client_id": ""}, "lacks: client_id"),
        ({"server_url": "http://id.example"}, "without https"),
        ({"roles": {"boss": "boss"}}, "gives the role boss"),
        ({"trust": True}, "trust, which is not known"),
    ],
)
def test_a_description_that_cannot_be_used_is_refused_at_the_start(
    wrong: dict[str, Any], said: str, house: Provider, settings: Any
) -> None:
    settings.SIGN_IN_PROVIDERS = [house.described(**wrong)]
    with pytest.raises(BadInputError, match=said):
        providers()
