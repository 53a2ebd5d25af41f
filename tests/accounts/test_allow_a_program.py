"""OAuth over HTTP, with a client of the library's own: codes, refreshing, a program's own account, and every end."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from authlib.integrations.httpx_client import OAuth2Client
from django.test import Client
from django.utils import timezone
from joserfc import jwt
from joserfc.jwk import KeySet

from accounts.models import AuditEvent, Consent, Group, IssuedCode, IssuedToken, Program, User
from accounts.people.people import assign_roles, suspend_person
from accounts.programs.oauth import tokens
from accounts.programs.oauth.consents import withdraw_consent
from accounts.programs.oauth.programs import Registration, change_program, end_program, register_program, renew_secret
from app.errors import BadInputError, NotAllowedError, NotFoundError
from tests import factories
from tests.conftest import SignIn
from tests.recorded import recorded
from tests.serving import server

__all__ = ["server"]

BACK = "https://reports.example.org/back"
VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
SECRET = "parley-cs-" + "s" * 43
GROUPS = "/api/v1/groups"


@pytest.fixture
def program(ada: User) -> Program:
    return factories.make_program(owner=ada, secret=SECRET)


def ask(client: Client, program: Program, **more: str) -> Any:
    """Open the page on which a person is asked."""
    query = {
        "response_type": "code",
        "client_id": str(program.pk),
        "redirect_uri": BACK,
        "scope": "openid profile chat.ask",
        "state": "xyz",
        "code_challenge": CHALLENGE,
        "code_challenge_method": "S256",
    }
    return client.get("/oauth/authorize", query | more, secure=True)


def allow(client: Client, program: Program, **more: str) -> dict[str, str]:
    """What comes back to the program when the person allows it."""
    page = ask(client, program, **more)
    if page.status_code == 200:
        page = client.post(page.context["address"], {"decision": "allow"}, secure=True)
    assert page.status_code == 302, page.content
    assert page.headers["Location"].startswith(more.get("redirect_uri", BACK))
    return {name: values[0] for name, values in parse_qs(urlsplit(page.headers["Location"]).query).items()}


def post(path: str, program: Program, secret: str = SECRET, **data: str) -> Any:
    basic = base64.b64encode(f"{program.pk}:{secret}".encode()).decode()
    return Client().post(f"/oauth/{path}", data, secure=True, headers={"Authorization": f"Basic {basic}"})


def redeem(program: Program, code: str, **more: str) -> Any:
    data = {"grant_type": "authorization_code", "code": code, "redirect_uri": BACK, "code_verifier": VERIFIER}
    return post("token", program, **(data | more))


def refresh(program: Program, token: str, **more: str) -> Any:
    return post("token", program, grant_type="refresh_token", refresh_token=token, **more)


def opens(token: str, path: str = GROUPS) -> int:
    return Client(headers={"Authorization": f"Bearer {token}"}).get(path).status_code


@pytest.fixture
def given(alice: User, program: Program, signed_in: SignIn) -> dict[str, Any]:
    """What the program was given after alice allowed it."""
    answer = redeem(program, allow(signed_in(alice), program)["code"])
    assert answer.status_code == 200, answer.content
    told: dict[str, Any] = answer.json()
    return told


def test_a_person_allows_it_and_it_acts_for_them(
    alice: User, program: Program, given: dict[str, Any], signed_in: SignIn
) -> None:
    assert given["token_type"] == "Bearer"
    assert 0 < given["expires_in"] <= 900
    assert given["scope"].split() == ["openid", "profile", "chat.ask"]
    caller = Client(headers={"Authorization": f"Bearer {given['access_token']}"})
    assert [one["name"] for one in caller.get(GROUPS).json()["items"]] == ["Crew"]
    refused = caller.post("/api/v1/search", {"query": "leave"}, content_type="application/json")
    assert refused.status_code == 403
    assert "knowledge.search" in refused.json()["error"]["message"]
    assert caller.get("/api/v1/keys/current").json()["capabilities"] == ["chat.ask"]
    assert caller.get("/oauth/userinfo").json() == {"sub": str(alice.pk), "name": "Alice"}
    kept = IssuedToken.objects.values_list("digest", "refresh_digest").get()
    assert given["access_token"] not in kept
    assert tokens.digest_of(given["refresh_token"]) == kept[1]
    done = set(AuditEvent.objects.filter(object=f"program:{program.pk}").values_list("action", flat=True))
    assert done == {"program.allow", "program.token"}
    assert "Reports" in signed_in(alice).get("/account/programs/").text


def test_who_they_are_is_signed_with_the_published_key(alice: User, program: Program, signed_in: SignIn) -> None:
    back = allow(signed_in(alice), program, nonce="n-1")
    assert back["state"] == "xyz"
    config = Client().get("/.well-known/openid-configuration").json()
    assert back["iss"] == config["issuer"]
    keys = KeySet.import_key_set(Client().get(urlsplit(config["jwks_uri"]).path).json())
    assert "d" not in Client().get("/oauth/jwks").json()["keys"][0]  # that would be the private half
    token = jwt.decode(redeem(program, back["code"]).json()["id_token"], keys, algorithms=["ES256"])
    assert token.claims["sub"] == str(alice.pk)
    assert token.claims["aud"] == [str(program.pk)]
    assert (token.claims["iss"], token.claims["nonce"]) == (config["issuer"], "n-1")


def test_it_is_remembered_until_more_is_asked_or_it_is_withdrawn(
    alice: User, program: Program, given: dict[str, Any], signed_in: SignIn
) -> None:
    client = signed_in(alice)
    assert ask(client, program).status_code == 302
    assert ask(client, program, prompt="consent").status_code == 200
    assert ask(client, program, scope="chat.ask knowledge.search").status_code == 200
    consent = Consent.objects.get(user=alice)
    assert client.post(f"/account/programs/{consent.pk}/revoke").status_code == 302
    assert opens(given["access_token"]) == 401
    assert refresh(program, given["refresh_token"]).status_code == 400
    silent = ask(client, program, prompt="none")
    assert "error=consent_required" in silent.headers["Location"]


def test_another_cannot_withdraw_it(alice: User, bob: User, program: Program) -> None:
    with pytest.raises(NotFoundError):
        withdraw_consent(actor=bob, consent=factories.make_consent(user=alice, program=program))


def test_whoever_refuses_gives_nothing(alice: User, program: Program, signed_in: SignIn) -> None:
    client = signed_in(alice)
    page = ask(client, program)
    assert "form-action 'self' https://reports.example.org" in page.headers["Content-Security-Policy"]
    back = client.post(page.context["address"], {"decision": "deny"}, secure=True)
    assert "error=access_denied" in back.headers["Location"]
    assert not Consent.objects.exists()
    assert not IssuedCode.objects.exists()


def test_only_what_the_person_has_can_be_allowed(alice: User, ada: User, signed_in: SignIn) -> None:
    program = factories.make_program(owner=ada, secret=SECRET, capabilities=["chat.ask", "accounts.administer"])
    code = allow(signed_in(alice), program, scope="chat.ask accounts.administer")["code"]
    assert redeem(program, code).json()["scope"] == "chat.ask"


@pytest.mark.parametrize(
    ("more", "goes_back"),
    [
        ({"redirect_uri": "https://evil.example.org/back"}, False),
        ({"redirect_uri": BACK + "?x=1"}, False),
        ({"redirect_uri": ""}, False),
        ({"client_id": "nobody"}, False),
        ({"client_id": "01900000-0000-7000-8000-00000000ffff"}, False),
        ({"response_type": "token"}, True),
        ({"response_type": 'é"\\'}, False),
        ({"code_challenge": ""}, True),
        ({"code_challenge_method": "plain"}, True),
        ({"code_challenge_method": ""}, True),
        ({"scope": "audit.read"}, True),
        ({"scope": "nonsense"}, True),
        ({"nonce": "n" * 300}, True),
        ({"nonce": "a\0b"}, False),
    ],
)
def test_a_wrong_request_goes_back_only_to_a_registered_address(
    more: dict[str, str], goes_back: bool, alice: User, program: Program, signed_in: SignIn
) -> None:
    answer = ask(signed_in(alice), program, **more)
    if goes_back:
        assert answer.status_code == 302
        assert answer.headers["Location"].startswith(BACK)
        assert "error=" in answer.headers["Location"]
    else:
        assert answer.status_code == 422


def test_a_code_works_once_and_only_for_whom_it_is(alice: User, ada: User, program: Program, signed_in: SignIn) -> None:
    client = signed_in(alice)
    wrong: list[dict[str, str]] = [{"code_verifier": "x" * 43}, {"code_verifier": ""}, {"redirect_uri": BACK + "/"}]
    code = allow(client, program)["code"]
    for more in wrong:
        assert redeem(program, code, **more).status_code == 400
    other = factories.make_program(owner=ada, secret=SECRET, name="Other")
    assert redeem(other, code).status_code == 400
    first = redeem(program, code)
    assert first.status_code == 200
    assert opens(first.json()["access_token"]) == 200
    assert redeem(program, code).status_code == 400
    # Two had the code: what it was used for ends.
    assert opens(first.json()["access_token"]) == 401
    assert refresh(program, first.json()["refresh_token"]).status_code == 400
    late = allow(client, program)["code"]
    IssuedCode.objects.update(expires_at=timezone.now())
    assert redeem(program, late).status_code == 400


def test_a_refresh_token_changes_with_every_use(program: Program, given: dict[str, Any]) -> None:
    second = refresh(program, given["refresh_token"]).json()
    assert second["refresh_token"] != given["refresh_token"]
    assert opens(second["access_token"]) == 200
    fewer = refresh(program, second["refresh_token"], scope="openid").json()
    assert fewer["scope"] == "openid"
    assert refresh(program, fewer["refresh_token"], scope="chat.ask").status_code == 400
    # An old one again: somebody else has it.
    assert refresh(program, given["refresh_token"]).status_code == 400
    assert opens(second["access_token"]) == 401
    assert refresh(program, fewer["refresh_token"]).status_code == 400
    assert AuditEvent.objects.filter(action="program.used_twice", outcome="denied").exists()


def test_other_roles_a_password_or_suspension_end_it(
    alice: User, ada: User, program: Program, given: dict[str, Any], signed_in: SignIn
) -> None:
    assign_roles(actor=ada, user=alice, roles=["employee", "owner"])
    assert opens(given["access_token"]) == 401
    assert refresh(program, given["refresh_token"]).status_code == 400
    again = redeem(program, allow(signed_in(alice), program)["code"]).json()
    alice.set_password("Another-Horse-8-Battery")
    alice.save()
    assert opens(again["access_token"]) == 401
    third = redeem(program, allow(signed_in(alice), program)["code"]).json()
    code = allow(signed_in(alice), program)["code"]
    suspend_person(actor=ada, user=alice)
    assert opens(third["access_token"]) == 401
    assert refresh(program, third["refresh_token"]).status_code == 400
    assert redeem(program, code).status_code == 400


def test_it_gives_tokens_back_and_asks_about_its_own(ada: User, program: Program, given: dict[str, Any]) -> None:
    about = post("introspect", program, token=given["access_token"]).json()
    assert (about["active"], about["client_id"]) == (True, str(program.pk))
    other = factories.make_program(owner=ada, secret=SECRET, name="Other")
    assert post("introspect", other, token=given["access_token"]).json() == {"active": False}
    assert post("introspect", program, token="parley-at-nothing").json() == {"active": False}
    assert post("revoke", other, token=given["access_token"]).status_code == 400
    assert opens(given["access_token"]) == 200
    assert post("revoke", program, token=given["refresh_token"]).status_code == 200
    assert post("revoke", program, token="parley-rt-nothing").status_code == 200
    assert opens(given["access_token"]) == 401
    assert post("introspect", program, token=given["access_token"]).json() == {"active": False}
    assert refresh(program, given["refresh_token"]).status_code == 400


def test_a_program_on_ones_own_device_has_no_secret_and_is_asked_every_time(
    alice: User, ada: User, signed_in: SignIn
) -> None:
    program = factories.make_program(owner=ada, redirect_uris=["http://127.0.0.1/back"])
    Program.objects.update(secret_digest="")
    client, at = signed_in(alice), "http://127.0.0.1:49152/back"
    for _ in range(2):
        assert ask(client, program, redirect_uri=at).status_code == 200
        code = allow(client, program, redirect_uri=at)["code"]
    assert ask(client, program, redirect_uri="http://127.0.0.1:49152/other").status_code == 422
    data = {"grant_type": "authorization_code", "code": code, "redirect_uri": at, "client_id": str(program.pk)}
    assert Client().post("/oauth/token", data, secure=True).status_code == 400  # without the verifier
    answer = Client().post("/oauth/token", data | {"code_verifier": VERIFIER}, secure=True)
    assert answer.status_code == 200
    assert Client().post("/oauth/introspect", data | {"token": "x"}, secure=True).status_code == 401


@pytest.fixture
def robot(ada: User, crew: Group) -> tuple[Program, str]:
    """A program that acts for itself."""
    wanted = Registration("Robot", ada, ["client_credentials"], ["chat.ask", "audit.read"], 30, groups=[crew])
    program, secret = register_program(actor=ada, registration=wanted)
    assert secret
    return program, secret


def test_a_program_acts_for_itself(robot: tuple[Program, str], ada: User) -> None:
    program, secret = robot
    assert post("token", program, grant_type="client_credentials").status_code == 401
    told = post("token", program, secret, grant_type="client_credentials", scope="audit.read").json()
    assert "refresh_token" not in told
    assert opens(told["access_token"], "/api/v1/audit/events") == 200
    assert opens(told["access_token"], "/api/v1/assistants") == 403
    full = post("token", program, secret, grant_type="client_credentials").json()
    caller = Client(headers={"Authorization": f"Bearer {full['access_token']}"})
    assert [one["name"] for one in caller.get(GROUPS).json()["items"]] == ["Crew"]
    assert post("token", program, secret, grant_type="client_credentials", scope="pool.administer").status_code == 400
    assert post("token", program, secret, grant_type="authorization_code", code="x").status_code == 400
    suspend_person(actor=ada, user=User.objects.get(program=program))
    assert opens(full["access_token"]) == 401
    assert post("token", program, secret, grant_type="client_credentials").status_code == 400


def test_its_account_signs_in_by_no_way(robot: tuple[Program, str], client: Client) -> None:
    account = robot[0].account
    assert account is not None
    assert not account.has_usable_password()
    account.set_password(factories.PASSWORD)
    account.save()
    answer = client.post("/account/login/", {"login": account.email, "password": factories.PASSWORD})
    assert answer.headers["Location"] == "/account/inactive/"
    assert "_auth_user_id" not in client.session


def test_changing_renewing_and_ending_hold_at_once(robot: tuple[Program, str], ada: User, bob: User) -> None:
    program, secret = robot
    token = post("token", program, secret, grant_type="client_credentials").json()["access_token"]
    wanted = Registration("Robot", ada, ["client_credentials"], ["chat.ask"], 30)
    change_program(actor=ada, program=program, registration=wanted)
    assert opens(token, "/api/v1/audit/events") in (401, 403)
    renewed = renew_secret(actor=ada, program=program)
    assert post("token", program, secret, grant_type="client_credentials").status_code == 401
    token = post("token", program, renewed, grant_type="client_credentials").json()["access_token"]
    for verb in (lambda: end_program(actor=bob, program=program), lambda: renew_secret(actor=bob, program=program)):
        with pytest.raises(NotAllowedError):
            verb()
    end_program(actor=ada, program=program)
    end_program(actor=ada, program=program)
    assert opens(token) == 401
    assert post("token", program, renewed, grant_type="client_credentials").status_code == 401
    assert recorded(action="program.end").count() == 1


def test_what_cannot_be_is_refused_with_words(ada: User) -> None:
    good = {"name": "P", "owner": ada, "grants": ["authorization_code"], "capabilities": ["chat.ask"], "days": 30}
    good |= {"redirect_uris": [BACK]}
    bad: list[dict[str, Any]] = [
        {"name": " "},
        {"name": "x" * 121},
        {"grants": []},
        {"grants": ["password"]},
        {"capabilities": []},
        {"capabilities": ["everything"]},
        {"days": 0},
        {"days": 100_000},
        {"redirect_uris": []},
        {"redirect_uris": [f"{BACK}/{n}" for n in range(21)]},
        *({"redirect_uris": [one]} for one in BAD_REDIRECTS),
    ]
    for more in bad:
        with pytest.raises(BadInputError):
            register_program(actor=ada, registration=Registration(**(good | more)))
    with pytest.raises(BadInputError, match="keep a secret"):
        wanted = Registration(**(good | {"grants": ["client_credentials"]}))
        register_program(actor=ada, registration=wanted, is_confidential=False)
    for one in (BACK, "http://127.0.0.1:1234/x", "http://[::1]/x", "com.example.app:/back"):
        register_program(actor=ada, registration=Registration(**(good | {"redirect_uris": [one]})))


BAD_REDIRECTS = [
    "http://reports.example.org/back",
    "javascript:alert(1)",
    "data:text/html,x",
    "https://reports.example.org/#a",
    "https://*.example.org/back",
    "https://user@example.org/",
    "https:///back",
    "https://[broken/",
    "https://example.org/a b",
    "//example.org/back",
    "https://example.org/;x",
]


@pytest.fixture
def real(transactional_db: None, server: str) -> Iterator[str]:
    yield server


def test_the_librarys_client_gets_and_uses_a_token_over_the_network(real: str, ada: User) -> None:
    wanted = Registration("Robot", ada, ["client_credentials"], ["chat.ask"], 30)
    program, secret = register_program(actor=ada, registration=wanted)
    with OAuth2Client(str(program.pk), secret, scope="chat.ask") as client:
        token = client.fetch_token(f"{real}/oauth/token", grant_type="client_credentials")
        assert client.get(f"{real}/api/v1/assistants").status_code == 200
        assert client.post(f"{real}/api/v1/search", json={"query": "leave"}).status_code == 403
        assert client.get(f"{real}/v1/models").status_code == 200
        client.revoke_token(f"{real}/oauth/revoke", token["access_token"])
        assert client.get(f"{real}/api/v1/assistants").status_code == 401


def test_old_codes_and_tokens_are_forgotten(alice: User, program: Program) -> None:
    long_ago = timezone.now() - timedelta(days=8)
    factories.make_token(user=alice, program=program, expires_at=long_ago)
    factories.make_token(user=alice, program=program, expires_at=long_ago, refresh_expires_at=timezone.now())
    factories.make_token(user=alice, program=program)
    assert tokens.forget_old() == 1
