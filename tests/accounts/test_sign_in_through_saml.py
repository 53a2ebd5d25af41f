"""Signing in through a provider that speaks SAML: only what it signed, for us, now, and because we asked."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from allauth.socialaccount.models import SocialAccount
from django.core.cache import cache
from django.test import Client
from onelogin.saml2.constants import OneLogin_Saml2_Constants as Names

from accounts.models import AuditEvent, Device, User
from tests.accounts.provider_of_saml import ISSUER, Pair, Provider, read_request

HOST = "parley.example"
BEGINNING = f"http://{HOST}/account/provider/saml/house/"
AUDIENCE = f"{BEGINNING}metadata/"


@pytest.fixture(scope="module")
def house() -> Provider:
    return Provider(AUDIENCE)


@pytest.fixture(autouse=True)
def described(house: Provider, settings: Any) -> Iterator[None]:
    cache.clear()
    settings.ALLOWED_HOSTS = [HOST]
    settings.SIGN_IN_PROVIDERS = [house.described(groups={"eng": "Engineering"}, roles={"reviewers": "moderator"})]
    yield
    cache.clear()


PERSON = {"uid": "p-1", "mail": "alice@example.org", "displayName": "Alice", "groups": ["eng", "reviewers", "admin"]}


def sign_in(house: Provider, person: dict[str, Any] = PERSON, **wrong: Any) -> tuple[Client, Any]:
    """To the provider and back; the browser, and Parley's last answer."""
    client = Client(headers={"host": HOST})
    leaves = client.get("/account/provider/saml/house/login/?next=/account/keys/")
    assert leaves.headers["Location"].startswith(f"{ISSUER}/sso?"), leaves.text
    return client, bring(client, house.answer(leaves.headers["Location"], person, **wrong))


def bring(client: Client, response: str) -> Any:
    """As the provider's page has the browser do it: a form from another site, so without a token of ours."""
    strict = Client(enforce_csrf_checks=True, headers={"host": HOST})
    strict.cookies = client.cookies
    posted = strict.post("/account/provider/saml/house/acs/", {"SAMLResponse": response, "RelayState": ""})
    assert posted.status_code == 302, posted.text
    client.cookies = strict.cookies
    return client.get(posted.headers["Location"])


def is_in(client: Client) -> bool:
    return client.get("/account/keys/").status_code == 200


def test_who_the_provider_vouches_for_comes_in_with_what_is_mapped(alice: User, house: Provider) -> None:
    client, answer = sign_in(house)
    assert answer.headers["Location"] == "/account/keys/"
    assert is_in(client)
    alice.refresh_from_db()
    assert alice.roles == ["employee", "moderator"]
    assert alice.groups_joined.filter(name="Engineering").exists()
    assert (SocialAccount.objects.get().uid, SocialAccount.objects.get().extra_data) == ("p-1", {})


ADA = PERSON | {"uid": "p-2", "mail": "ada@example.org", "groups": ["reviewers"]}
# Somebody of the organisation whose name begins as another's does, and who puts a comment where the other's ends.
LIKE_ALICE = PERSON | {"uid": "p-1.evil", "mail": "alice@example.org.evil"}
SIGNATURE = re.compile(r"<ds:Signature.*?</ds:Signature>", re.S)


def _id(assertion: str) -> str:
    return re.search(r'ID="([^"]+)"', assertion)[1]  # type: ignore[index]


def _inside(outer: str, inner: str) -> str:
    return outer.replace("</saml:Issuer>", f"</saml:Issuer>{inner}", 1)


def _with_object(signed: str, forged: str) -> str:
    """The forged one carries the signature, and the signature what it is of."""
    signature = SIGNATURE.search(signed)[0]  # type: ignore[index]
    bare = SIGNATURE.sub("", signed, count=1)
    return _inside(forged, signature.replace("</ds:Signature>", f"<ds:Object>{bare}</ds:Object></ds:Signature>"))


def _extensions(inside: str) -> str:
    return f'<samlp:Extensions xmlns:samlp="{Names.NS_SAMLP}">{inside}</samlp:Extensions><!--extensions-->'


def _same_id(forged: str, signed: str) -> str:
    return forged.replace(_id(forged), _id(signed), 1)


WRAPPED = {
    "a forged one before": lambda signed, forged: forged + signed,
    "a forged one after": lambda signed, forged: signed + forged,
    "the signed one inside": lambda signed, forged: _inside(forged, signed),
    "the signed one in the signature": _with_object,
    "the same, of one id": lambda signed, forged: _with_object(signed, _same_id(forged, signed)),
    "the signed one in extensions": lambda signed, forged: _extensions(signed) + forged,
    "the same, of one id too": lambda signed, forged: _extensions(signed) + _same_id(forged, signed),
    "the signature on the forged one": lambda signed, forged: _inside(
        forged,
        SIGNATURE.search(signed)[0],  # type: ignore[index]
    ),
}
DTD = '<!DOCTYPE x [<!ENTITY who "alice@example.org">]>'
ATTACKS: dict[str, dict[str, Any]] = {
    "not signed": {"signed": False},
    "only the envelope signed": {"signed": False, "response_signed": True},
    "another address": {"swap": ("alice@example.org", "ada@example.org")},
    "another id": {"swap": (">p-1<", ">p-2<")},
    "another group": {"swap": ("reviewers", "boss")},
    "a comment in the id": {"person": LIKE_ALICE, "swap": ("p-1.evil", "p-1<!---->.evil")},
    "a comment in the address": {"person": LIKE_ALICE, "swap": ("example.org.evil", "example.org<!---->.evil")},
    "for another": {"audience": "https://another.example/metadata/"},
    "over": {"ends_in": -600},
    "not yet": {"begins_in": 900, "ends_in": 1200},
    "an answer to nobody's question": {"in_response_to": "_made-up"},
    "nobody asked": {"in_response_to": ""},
    "for another address of ours": {"destination": f"http://{HOST}/account/login/"},
    "handed to another": {"recipient": "https://another.example/acs/"},
    "of another issuer": {"issuer": "https://id.another.example/saml"},
    "it says no": {"status": "urn:oasis:names:tc:SAML:2.0:status:AuthnFailed"},
    "an old algorithm": {"algorithm": Names.RSA_SHA1},
    "entities": {"prolog": DTD},
} | {name: {"wrapped": wrap, "forged": ADA} for name, wrap in WRAPPED.items()}


def test_no_altered_wrapped_late_or_misdirected_answer_lets_anybody_in(alice: User, ada: User, house: Provider) -> None:
    was = {}
    for name, wrong in ATTACKS.items():
        wrong = dict(wrong)
        client, answer = sign_in(house, wrong.pop("person", PERSON), **wrong)
        if is_in(client) or answer.status_code not in (401, 403) or SocialAccount.objects.exists():
            was[name] = answer.status_code
            SocialAccount.objects.all().delete()
    assert was == {}
    alice.refresh_from_db()
    assert alice.roles == ["employee"]
    assert len(ATTACKS) >= 20


def test_a_comment_in_a_signed_answer_changes_nothing_of_who_it_is(alice: User, house: Provider, settings: Any) -> None:
    settings.SIGN_IN_PROVIDERS = [house.described(creates_accounts=True)]
    wrong = {"swap": ("p-1.evil</saml:NameID>", "p-1<!---->.evil</saml:NameID>")}
    sign_in(house, LIKE_ALICE, **wrong)
    assert not SocialAccount.objects.filter(uid="p-1").exists()
    assert not SocialAccount.objects.filter(user=alice).exists()


def test_another_key_signs_for_nobody(alice: User, house: Provider) -> None:
    client = Client(headers={"host": HOST})
    leaves = client.get("/account/provider/saml/house/login/")
    assert bring(client, Provider(AUDIENCE).answer(leaves.headers["Location"], PERSON)).status_code == 401
    assert not is_in(client)


def test_an_encrypted_answer_is_read_with_our_key_and_no_other(alice: User, house: Provider, settings: Any) -> None:
    ours = Pair(HOST)
    advanced = {"private_key": ours.key, "x509cert": ours.certificate, "want_assertion_encrypted": True}
    settings.SIGN_IN_PROVIDERS = [house.described(advanced=advanced)]
    assert not is_in(sign_in(house)[0]), "not encrypted"
    assert not is_in(sign_in(house, encrypt_for=Pair("another").certificate)[0])
    assert is_in(sign_in(house, encrypt_for=ours.certificate)[0])


def test_an_answer_counts_once_and_in_the_browser_that_asked(alice: User, house: Provider) -> None:
    client = Client(headers={"host": HOST})
    leaves = client.get("/account/provider/saml/house/login/")
    response = house.answer(leaves.headers["Location"], PERSON)
    stranger = Client(headers={"host": HOST})
    assert bring(stranger, response).status_code in (401, 403)
    assert not is_in(stranger)
    bring(client, response)
    assert is_in(client)
    client.post("/account/logout/")
    bring(client, response)
    assert not is_in(client)


def test_an_address_counts_only_where_the_provider_is_trusted_with_addresses(
    alice: User, house: Provider, settings: Any
) -> None:
    settings.SIGN_IN_PROVIDERS = [house.described(addresses_are_verified=False)]
    client, answer = sign_in(house)
    assert (answer.status_code, is_in(client)) == (403, False)
    assert "has not verified" in answer.text


def test_a_form_of_another_language_is_an_error_in_words(db: None) -> None:
    for rubbish in ("", "%%%", base64.b64encode(b"<a/>").decode(), base64.b64encode(b"\x00\xff").decode()):
        client = Client(headers={"host": HOST})
        client.get("/account/provider/saml/house/login/")
        assert bring(client, rubbish).status_code == 401, rubbish


def test_the_provider_is_told_who_we_are(db: None) -> None:
    page = Client(headers={"host": HOST}).get("/account/provider/saml/house/metadata/")
    assert f"{BEGINNING}acs/" in page.text
    assert f"{BEGINNING}sls/" in page.text


# ---------------------------------------------------------------- signing out, here and there

SLS = "/account/provider/saml/house/sls/"


def test_who_signs_out_here_is_led_to_sign_out_there(alice: User, house: Provider, settings: Any) -> None:
    ours = Pair(HOST)
    advanced = {"private_key": ours.key, "x509cert": ours.certificate}
    settings.SIGN_IN_PROVIDERS = [house.described(advanced=advanced)]
    client, _ = sign_in(house, session="_s-7")
    assert client.post("/account/logout/").headers["Location"] == "/account/signed-out/"
    assert not is_in(client)
    page = client.get("/account/signed-out/").text
    address = re.search(r'href="(https://id[^"]+)"', page)[1].replace("&amp;", "&")  # type: ignore[index]
    asked = read_request(address)
    assert (asked.findtext(f"{{{Names.NS_SAML}}}NameID"), asked.findtext(f"{{{Names.NS_SAMLP}}}SessionIndex")) == (
        "p-1",
        "_s-7",
    )
    assert {"Signature", "SigAlg"} <= set(parse_qs(urlsplit(address).query)), "signed by our key"
    back = Client(headers={"host": HOST}).get(f"{SLS}?SAMLResponse=whatever")
    assert back.headers["Location"] == "/account/login/"


def test_what_ends_there_ends_here_in_whichever_browser(alice: User, house: Provider) -> None:
    here, _ = sign_in(house, session="_a")
    other, _ = sign_in(house, session="_b")
    alice.refresh_from_db()  # with the roles of now
    by_password = Client(headers={"host": HOST})
    by_password.force_login(alice, backend="allauth.account.auth_backends.AuthenticationBackend")
    query = house.asks_to_sign_out(BEGINNING + "sls/", "p-1", ("_a",))
    answer = Client(headers={"host": HOST}).get(f"{SLS}?{query}")
    assert answer.headers["Location"].startswith(f"{ISSUER}/slo?SAMLResponse="), answer.text
    assert [is_in(one) for one in (here, other, by_password)] == [False, True, True]
    everywhere = house.asks_to_sign_out(BEGINNING + "sls/", "p-1")
    Client(headers={"host": HOST}).get(f"{SLS}?{everywhere}")
    assert [is_in(one) for one in (here, other, by_password)] == [False, False, True]
    ended = AuditEvent.objects.filter(action="session.end_by_provider", object=f"user:{alice.pk}").order_by("at")
    assert [(one.actor, one.object, one.payload) for one in ended] == [
        ("provider:house", f"user:{alice.pk}", {"ended": 1}),
        ("provider:house", f"user:{alice.pk}", {"ended": 1}),
    ]


def test_nobody_is_signed_out_by_what_the_provider_did_not_sign(alice: User, house: Provider, settings: Any) -> None:
    client, _ = sign_in(house)
    to = BEGINNING + "sls/"
    forged = {
        "not signed": house.asks_to_sign_out(to, "p-1", signed=False),
        "another key": house.asks_to_sign_out(to, "p-1", pair=Pair("another")),
        "over": house.asks_to_sign_out(to, "p-1", ends_in=-600),
        "of another issuer": house.asks_to_sign_out(to, "p-1", issuer="https://id.another.example"),
        "for another": house.asks_to_sign_out("https://another.example/sls/", "p-1"),
        "changed afterwards": house.asks_to_sign_out(to, "p-1", then={"RelayState": "elsewhere"}),
        "rubbish": "SAMLRequest=%25%25&Signature=x&SigAlg=y",
        "nothing": "Signature=x",
    }
    was = {name: Client(headers={"host": HOST}).get(f"{SLS}?{query}").status_code for name, query in forged.items()}
    assert set(was.values()) == {400}, was
    assert is_in(client)
    assert AuditEvent.objects.filter(
        actor="provider:house", outcome="denied", payload__has_key="reason"
    ).count() == len(forged)
    described = house.described()
    del described["idp"]["slo_url"]
    settings.SIGN_IN_PROVIDERS = [described]
    query = house.asks_to_sign_out(to, "p-1")
    assert Client(headers={"host": HOST}).get(f"{SLS}?{query}").status_code == 404
    assert Device.objects.filter(user=alice).exists()
