"""A small provider that speaks SAML, as organisations have one: real requests in, signed assertions out.

``answer`` makes what the browser brings back, in whatever way a test wants it wrong. ``serve`` puts it on a port of its
own, with a form to sign in and single logout, for a browser to go there.
"""

from __future__ import annotations

import base64
import datetime as dt
import secrets
import threading
import zlib
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import xmlsec
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import NameOID
from lxml import etree
from onelogin.saml2.constants import OneLogin_Saml2_Constants as Names
from onelogin.saml2.utils import OneLogin_Saml2_Utils

ISSUER = "https://id.haldenrook.example/saml"
PASSWORD = "a word that the provider knows"
PAGE = '<!doctype html><html lang="en"><title>Haldenrook</title><main><h1>Haldenrook</h1>{}</main></html>'


class Pair:
    """A private key and its certificate, as PEM."""

    def __init__(self, host: str) -> None:
        self.private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
        now = dt.datetime.now(dt.UTC)
        made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(self.private.public_key())
        made = made.serial_number(x509.random_serial_number()).not_valid_before(now)
        signed = made.not_valid_after(now + dt.timedelta(days=1)).sign(self.private, hashes.SHA256())
        self.certificate = signed.public_bytes(serialization.Encoding.PEM).decode()
        no_password = serialization.NoEncryption()
        pem = self.private.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, no_password)
        self.key = pem.decode()


class Provider:
    """Answers a request of ours with an assertion signed by its key. ``audience`` is who we are."""

    def __init__(self, audience: str) -> None:
        self.audience = audience
        self.pair = Pair("id.haldenrook.example")
        self.url = ISSUER
        self.people: dict[str, dict[str, Any]] = {}
        self.ended: list[str] = []
        self._server: ThreadingHTTPServer | None = None

    def described(self, **more: Any) -> dict[str, Any]:
        sso = {"entity_id": ISSUER, "sso_url": f"{self.url}/sso", "x509cert": self.pair.certificate}
        sso["slo_url"] = f"{self.url}/slo"
        own = {"id": "house", "kind": "saml", "name": "Haldenrook", "idp": sso, "email_claim": "mail"}
        return own | {"name_claim": "displayName", "addresses_are_verified": True} | more

    def answer(self, leaves_to: str, person: dict[str, Any], **wrong: Any) -> str:
        """What the browser brings back: a response to the request in the address it was sent to."""
        asked = read_request(leaves_to)
        to = str(asked.get("AssertionConsumerServiceURL"))
        wrong = {"in_response_to": asked.get("ID")} | wrong
        assertion = self.assertion(person, to, wrong)
        if wrong.get("signed", True):
            assertion = self.sign(assertion, wrong.get("algorithm", Names.RSA_SHA256))
        if "swap" in wrong:
            assertion = assertion.replace(*wrong["swap"])
        if "wrapped" in wrong:
            forged = self.assertion(wrong["forged"], to, wrong)
            return encoded(self.response(to, wrong["wrapped"](assertion, forged), wrong))
        if "encrypt_for" in wrong:
            assertion = encrypted(assertion, wrong["encrypt_for"])
        response = self.response(to, assertion, wrong)
        return encoded(wrong.get("prolog", "") + response)

    def response(self, to: str, inside: str, wrong: dict[str, Any]) -> str:
        asked = wrong["in_response_to"]
        said = f'InResponseTo="{asked}"' if asked else ""
        to = wrong.get("destination", to)
        head = f'ID="_{secrets.token_hex(16)}" Version="2.0" IssueInstant="{_at(0)}" Destination="{to}" {said}'
        extensions, _, inside = inside.rpartition("<!--extensions-->")
        made = (
            f'<samlp:Response xmlns:samlp="{Names.NS_SAMLP}" xmlns:saml="{Names.NS_SAML}" {head}>'
            f"<saml:Issuer>{wrong.get('issuer', ISSUER)}</saml:Issuer>{extensions}<samlp:Status>"
            f'<samlp:StatusCode Value="{wrong.get("status", Names.STATUS_SUCCESS)}"/></samlp:Status>{inside}'
            "</samlp:Response>"
        )
        return self.sign(made) if wrong.get("response_signed") else made

    def assertion(self, person: dict[str, Any], to: str, wrong: dict[str, Any]) -> str:
        until, asked = _at(wrong.get("ends_in", 300)), wrong["in_response_to"]
        answers = f'InResponseTo="{asked}"' if asked else ""
        attributes = "".join(
            f'<saml:Attribute Name="{name}">'
            + "".join(f"<saml:AttributeValue>{value}</saml:AttributeValue>" for value in _many(values))
            + "</saml:Attribute>"
            for name, values in person.items()
        )
        return (
            f'<saml:Assertion xmlns:saml="{Names.NS_SAML}" ID="_{secrets.token_hex(16)}" Version="2.0" '
            f'IssueInstant="{_at(0)}"><saml:Issuer>{wrong.get("issuer", ISSUER)}</saml:Issuer><saml:Subject>'
            f'<saml:NameID Format="{Names.NAMEID_PERSISTENT}">{person["uid"]}</saml:NameID>'
            f'<saml:SubjectConfirmation Method="{Names.CM_BEARER}"><saml:SubjectConfirmationData '
            f'NotOnOrAfter="{until}" Recipient="{wrong.get("recipient", to)}" {answers}/>'
            f"</saml:SubjectConfirmation></saml:Subject>"
            f'<saml:Conditions NotBefore="{_at(wrong.get("begins_in", -600))}" NotOnOrAfter="{until}">'
            f"<saml:AudienceRestriction><saml:Audience>{wrong.get('audience', self.audience)}</saml:Audience>"
            f"</saml:AudienceRestriction></saml:Conditions>"
            f'<saml:AuthnStatement AuthnInstant="{_at(0)}" SessionIndex="{wrong.get("session", "_1")}">'
            "<saml:AuthnContext>"
            f"<saml:AuthnContextClassRef>{Names.AC_PASSWORD}</saml:AuthnContextClassRef></saml:AuthnContext>"
            f"</saml:AuthnStatement><saml:AttributeStatement>{attributes}</saml:AttributeStatement></saml:Assertion>"
        )

    def sign(self, xml: str, algorithm: str = Names.RSA_SHA256) -> str:
        signed = OneLogin_Saml2_Utils.add_sign(xml, self.pair.key, self.pair.certificate, sign_algorithm=algorithm)
        return signed.decode() if isinstance(signed, bytes) else str(signed)

    def asks_to_sign_out(self, to: str, uid: str, sessions: tuple[str, ...] = (), **wrong: Any) -> str:
        """The query of its own request that somebody's sessions end, signed as the redirect binding wants it."""
        until = _at(wrong.get("ends_in", 300))
        indexes = "".join(f"<samlp:SessionIndex>{one}</samlp:SessionIndex>" for one in sessions)
        request = (
            f'<samlp:LogoutRequest xmlns:samlp="{Names.NS_SAMLP}" xmlns:saml="{Names.NS_SAML}" '
            f'ID="_{secrets.token_hex(16)}" Version="2.0" IssueInstant="{_at(0)}" NotOnOrAfter="{until}" '
            f'Destination="{to}"><saml:Issuer>{wrong.get("issuer", ISSUER)}</saml:Issuer>'
            f'<saml:NameID Format="{Names.NAMEID_PERSISTENT}">{uid}</saml:NameID>{indexes}</samlp:LogoutRequest>'
        )
        said = {"SAMLRequest": OneLogin_Saml2_Utils.deflate_and_base64_encode(request), "RelayState": "there"}
        if wrong.get("signed", True):
            said["SigAlg"] = Names.RSA_SHA256
            pair = wrong.get("pair", self.pair)
            signature = pair.private.sign(urlencode(said).encode(), padding.PKCS1v15(), hashes.SHA256())
            said["Signature"] = base64.b64encode(signature).decode()
        return urlencode(said | wrong.get("then", {}))

    # ------------------------------------------------------------ for a browser

    def serve(self) -> None:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                parts = urlsplit(self.path)
                if parts.path == "/sso":
                    self._show(
                        f'<form method="post" action="/sso?{escape(parts.query)}">'
                        '<label>Name <input name="name"></label>'
                        '<label>Password <input name="password" type="password"></label>'
                        "<button>Sign in to Haldenrook</button></form>"
                    )
                elif parts.path == "/slo":
                    provider.ended.append(parts.query)
                    query = parse_qs(parts.query)
                    self._show(f"<p>You are signed out of Haldenrook.</p><a href={query['RelayState'][0]}>Back</a>")
                else:
                    self.send_error(404)

            def do_POST(self) -> None:
                length = int(self.headers["Content-Length"])
                form = {name: values[0] for name, values in parse_qs(self.rfile.read(length).decode()).items()}
                person = provider.people.get(form.get("name", ""))
                if person is None or form.get("password") != PASSWORD:
                    self._show("<p>This is not right.</p>")
                    return
                asked = read_request(f"{provider.url}{self.path}")
                response = provider.answer(f"{provider.url}{self.path}", person)
                self._show(
                    f'<form method="post" action="{escape(str(asked.get("AssertionConsumerServiceURL")))}">'
                    f'<input type="hidden" name="SAMLResponse" value="{response}">'
                    "<button>Go on to Parley</button></form>"
                )

            def _show(self, inside: str) -> None:
                body = PAGE.format(inside).encode()
                self.send_response(200)
                self.send_header("Content-Type", "text/html; charset=utf-8")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args: Any) -> None:
                pass

        return Handler


def read_request(address: str) -> Any:
    """The request in an address that we send people to."""
    query = parse_qs(urlsplit(address).query)
    return etree.fromstring(zlib.decompress(base64.b64decode(query["SAMLRequest"][0]), -15))


def encoded(response: str) -> str:
    return base64.b64encode(response.encode()).decode()


def encrypted(assertion: str, certificate: str) -> str:
    """For the holder of this certificate's key."""
    manager = xmlsec.KeysManager()
    manager.add_key(xmlsec.Key.from_memory(certificate.encode(), xmlsec.KeyFormat.CERT_PEM))
    root = etree.fromstring(
        f'<saml:EncryptedAssertion xmlns:saml="{Names.NS_SAML}">{assertion}</saml:EncryptedAssertion>'
    )
    data = xmlsec.template.encrypted_data_create(
        root, xmlsec.Transform.AES256, type=xmlsec.EncryptionType.ELEMENT, ns="xenc"
    )
    xmlsec.template.encrypted_data_ensure_cipher_value(data)
    info = xmlsec.template.encrypted_data_ensure_key_info(data, ns="dsig")
    wrapped = xmlsec.template.add_encrypted_key(info, xmlsec.Transform.RSA_OAEP)
    xmlsec.template.encrypted_data_ensure_cipher_value(wrapped)
    context = xmlsec.EncryptionContext(manager)
    context.key = xmlsec.Key.generate(xmlsec.KeyData.AES, 256, xmlsec.KeyDataType.SESSION)
    context.encrypt_xml(data, root[0])
    return etree.tostring(root).decode()


def _at(seconds: int) -> str:
    return (dt.datetime.now(dt.UTC) + dt.timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


def _many(values: Any) -> list[str]:
    return values if isinstance(values, list) else [values]
