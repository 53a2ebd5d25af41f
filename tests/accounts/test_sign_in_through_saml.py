"""Signing in through a provider that speaks SAML: only what it signed, for us, now, and because we asked."""

from __future__ import annotations

import base64
import datetime as dt
import secrets
import zlib
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from allauth.socialaccount.models import SocialAccount
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID
from django.core.cache import cache
from django.test import Client
from lxml import etree
from onelogin.saml2.constants import OneLogin_Saml2_Constants as Names
from onelogin.saml2.utils import OneLogin_Saml2_Utils

from accounts.models import User

HOST = "parley.example"
BEGINNING = f"http://{HOST}/account/provider/saml/house/"
ISSUER = "https://id.haldenrook.example/saml"


class Provider:
    """Answers a request of ours as an organisation's SAML server does: with an assertion signed by its key."""

    def __init__(self) -> None:
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "id.haldenrook.example")])
        now = dt.datetime.now(dt.UTC)
        made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(self._key.public_key())
        made = made.serial_number(x509.random_serial_number()).not_valid_before(now)
        certificate = made.not_valid_after(now + dt.timedelta(days=1)).sign(self._key, hashes.SHA256())
        self.certificate = certificate.public_bytes(serialization.Encoding.PEM).decode()

    def described(self, **more: Any) -> dict[str, Any]:
        sso = {"entity_id": ISSUER, "sso_url": f"{ISSUER}/sso", "x509cert": self.certificate}
        own = {"id": "house", "kind": "saml", "name": "Haldenrook", "idp": sso, "email_claim": "mail"}
        return own | {"name_claim": "displayName", "addresses_are_verified": True} | more

    def answer(self, leaves_to: str, person: dict[str, Any], **wrong: Any) -> str:
        """What the browser brings back: a response to the request in the address it was sent to."""
        query = parse_qs(urlsplit(leaves_to).query)
        asked = etree.fromstring(zlib.decompress(base64.b64decode(query["SAMLRequest"][0]), -15))
        to = asked.get("AssertionConsumerServiceURL")
        assertion = self._assertion(person, to, wrong.get("in_response_to", asked.get("ID")), wrong)
        if wrong.get("signed", True):
            assertion = self._sign(assertion)
        if "swap" in wrong:
            assertion = assertion.replace(*wrong["swap"])
        said = f'InResponseTo="{wrong.get("in_response_to", asked.get("ID"))}"'
        head = f'ID="_{secrets.token_hex(16)}" Version="2.0" IssueInstant="{_at(0)}" Destination="{to}" {said}'
        response = (
            f'<samlp:Response xmlns:samlp="{Names.NS_SAMLP}" xmlns:saml="{Names.NS_SAML}" {head}>'
            f"<saml:Issuer>{ISSUER}</saml:Issuer><samlp:Status>"
            f'<samlp:StatusCode Value="{Names.STATUS_SUCCESS}"/></samlp:Status>{assertion}</samlp:Response>'
        )
        return base64.b64encode(response.encode()).decode()

    def _assertion(self, person: dict[str, Any], to: str, asked: str, wrong: dict[str, Any]) -> str:
        until = _at(wrong.get("ends_in", 300))
        attributes = "".join(
            f'<saml:Attribute Name="{name}">'
            + "".join(f"<saml:AttributeValue>{value}</saml:AttributeValue>" for value in _many(values))
            + "</saml:Attribute>"
            for name, values in person.items()
        )
        return (
            f'<saml:Assertion xmlns:saml="{Names.NS_SAML}" ID="_{secrets.token_hex(16)}" Version="2.0" '
            f'IssueInstant="{_at(0)}"><saml:Issuer>{ISSUER}</saml:Issuer><saml:Subject>'
            f'<saml:NameID Format="{Names.NAMEID_PERSISTENT}">{person["uid"]}</saml:NameID>'
            f'<saml:SubjectConfirmation Method="{Names.CM_BEARER}"><saml:SubjectConfirmationData '
            f'NotOnOrAfter="{until}" Recipient="{to}" InResponseTo="{asked}"/>'
            f"</saml:SubjectConfirmation></saml:Subject>"
            f'<saml:Conditions NotBefore="{_at(-600)}" NotOnOrAfter="{until}"><saml:AudienceRestriction>'
            f"<saml:Audience>{wrong.get('audience', BEGINNING + 'metadata/')}</saml:Audience>"
            f"</saml:AudienceRestriction></saml:Conditions>"
            f'<saml:AuthnStatement AuthnInstant="{_at(0)}" SessionIndex="_1"><saml:AuthnContext>'
            f"<saml:AuthnContextClassRef>{Names.AC_PASSWORD}</saml:AuthnContextClassRef></saml:AuthnContext>"
            f"</saml:AuthnStatement><saml:AttributeStatement>{attributes}</saml:AttributeStatement></saml:Assertion>"
        )

    def _sign(self, assertion: str) -> str:
        private = self._key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ).decode()
        signed = OneLogin_Saml2_Utils.add_sign(assertion, private, self.certificate, sign_algorithm=Names.RSA_SHA256)
        return signed.decode() if isinstance(signed, bytes) else str(signed)


def _at(seconds: int) -> str:
    return (dt.datetime.now(dt.UTC) + dt.timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


def _many(values: Any) -> list[str]:
    return values if isinstance(values, list) else [values]


@pytest.fixture(scope="module")
def house() -> Provider:
    return Provider()


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


@pytest.mark.parametrize(
    "wrong",
    [
        {"signed": False},
        {"swap": ("alice@example.org", "ada@example.org")},
        {"swap": ("p-1", "p-2")},
        {"audience": "https://another.example/metadata/"},
        {"ends_in": -300},
        {"in_response_to": "_made-up"},
    ],
    ids=lambda wrong: next(iter(wrong)),
)
def test_what_is_not_signed_for_us_now_and_as_an_answer_lets_nobody_in(
    wrong: dict[str, Any], alice: User, ada: User, house: Provider
) -> None:
    client, answer = sign_in(house, **wrong)
    assert answer.status_code in (401, 403)
    assert not is_in(client)
    assert not SocialAccount.objects.exists()


def test_another_key_signs_for_nobody(alice: User, house: Provider) -> None:
    client = Client(headers={"host": HOST})
    leaves = client.get("/account/provider/saml/house/login/")
    assert bring(client, Provider().answer(leaves.headers["Location"], PERSON)).status_code == 401
    assert not is_in(client)


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


def test_the_provider_is_told_who_we_are_and_nobody_is_signed_out_from_outside(db: None) -> None:
    page = Client(headers={"host": HOST}).get("/account/provider/saml/house/metadata/")
    assert f"{BEGINNING}acs/" in page.text
    assert Client(headers={"host": HOST}).get("/account/provider/saml/house/sls/").status_code == 404
