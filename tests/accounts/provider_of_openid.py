"""A small provider of OpenID Connect, as organisations have one: it signs in whoever ``person`` is at the moment.

It speaks the real protocol over real HTTP, with signed tokens, and refuses what a careful one refuses: another client's
secret, a code used twice, an unknown address to return to, a missing proof of PKCE. With ``people`` it asks a browser
for name, password and consent instead, and keeps a session until it is told to end it.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
import secrets
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

CLIENT, SECRET = "parley", "a-secret-that-both-know"
PASSWORD = "a word that the provider knows"
EVENT = "http://schemas.openid.net/event/backchannel-logout"
PAGE = '<!doctype html><html lang="en"><title>Haldenrook</title><main><h1>Haldenrook</h1>{}</main></html>'


class Provider:
    """``person`` holds the claims of whoever has a session there; None: they press Cancel."""

    def __init__(self) -> None:
        self.person: dict[str, Any] | None = None
        self.returns_to = ""
        self.in_id_token: dict[str, Any] = {}
        self.people: dict[str, dict[str, Any]] = {}
        self.sessions: dict[str, str] = {}
        self.ended: list[dict[str, str]] = []
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self._codes: dict[str, dict[str, Any]] = {}
        self._tokens: dict[str, dict[str, Any]] = {}
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def described(self, **more: Any) -> dict[str, Any]:
        """As SIGN_IN_PROVIDERS describes it."""
        own = {"id": "house", "kind": "oidc", "name": "Haldenrook", "server_url": self.url}
        return own | {"client_id": CLIENT, "client_secret": SECRET} | more

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def configuration(self) -> dict[str, Any]:
        return {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "userinfo_endpoint": f"{self.url}/userinfo",
            "jwks_uri": f"{self.url}/jwks",
            "end_session_endpoint": f"{self.url}/end-session",
            "backchannel_logout_supported": True,
            "backchannel_logout_session_supported": True,
            "token_endpoint_auth_methods_supported": ["client_secret_post"],
        }

    def jwks(self) -> dict[str, Any]:
        public = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(self._key.public_key()))
        return {"keys": [public | {"kid": "one", "use": "sig", "alg": "RS256"}]}

    def authorize(self, query: dict[str, str]) -> str:
        """Where the browser is sent back to."""
        assert query["client_id"] == CLIENT
        assert query["code_challenge_method"] == "S256"
        assert query["redirect_uri"].startswith(self.returns_to)
        back = {"state": query["state"]}
        if self.person is None:
            return f"{query['redirect_uri']}?{urlencode(back | {'error': 'access_denied'})}"
        code = secrets.token_urlsafe()
        self._codes[code] = {"person": self.person, **query}
        return f"{query['redirect_uri']}?{urlencode(back | {'code': code})}"

    def exchange(self, form: dict[str, str]) -> dict[str, Any] | None:
        asked = self._codes.pop(form.get("code", ""), None)
        if asked is None or (form.get("client_id"), form.get("client_secret")) != (CLIENT, SECRET):
            return None
        proof = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        if base64.urlsafe_b64encode(proof).rstrip(b"=").decode() != asked["code_challenge"]:
            return None
        if form.get("redirect_uri") != asked["redirect_uri"]:
            return None
        token, now = secrets.token_urlsafe(), int(time.time())
        self._tokens[token] = asked["person"]
        claims = {"iss": self.url, "aud": CLIENT, "iat": now, "exp": now + 300, "sub": asked["person"]["sub"]}
        claims |= self.in_id_token
        signed = jwt.encode(claims, self._key, algorithm="RS256", headers={"kid": "one"})
        return {"access_token": token, "token_type": "Bearer", "expires_in": 300, "id_token": signed}

    def userinfo(self, header: str) -> dict[str, Any] | None:
        return self._tokens.get(header.removeprefix("Bearer "))

    def logout_token(self, *, key: Any = None, algorithm: str = "RS256", headers: Any = None, **claims: Any) -> str:
        """Its word that a session is over; ``claims`` change it, and None takes one out."""
        now = int(time.time())
        said = {"iss": self.url, "aud": CLIENT, "iat": now, "exp": now + 120, "jti": secrets.token_urlsafe()}
        said |= {"events": {EVENT: {}}, **claims}
        said = {name: value for name, value in said.items() if value is not None}
        return jwt.encode(said, key or self._key, algorithm=algorithm, headers=headers or {"kid": "one"})

    def form(self, query: str, cookie: str) -> str:
        """What a browser is shown: a form to sign in, or, of whoever has a session here, the question of consent."""
        name = self.sessions.get(session_in(cookie))
        if name is None:
            fields = '<label>Name <input name="name"></label><label>Password <input name="password" type="password">'
            fields += "</label><button>Sign in to Haldenrook</button>"
        else:
            fields = (
                f"<p>Let Parley know who you are, {html.escape(name)}?</p><button name=allow value=1>Allow</button>"
            )
        return f'<form method="post" action="/authorize?{html.escape(query)}">{fields}</form>'

    def take_form(self, form: dict[str, str], query: dict[str, str], cookie: str) -> tuple[str, str]:
        """The cookie to set and the address to go on to; one of the two may be empty."""
        name = self.sessions.get(session_in(cookie))
        if name is not None and "allow" in form:
            self.person = self.people[name]
            return "", self.authorize(query)
        if form.get("password") != PASSWORD or form.get("name") not in self.people:
            return "", ""
        session = secrets.token_urlsafe()
        self.sessions[session] = form["name"]
        return f"there={session}", ""

    def end_session(self, query: dict[str, str], cookie: str) -> str:
        """Where the browser goes on to, when it is known who it was."""
        self.ended.append(query)
        self.sessions.pop(session_in(cookie), None)
        jwt.decode(query["id_token_hint"], self._key.public_key(), algorithms=["RS256"], audience=CLIENT)
        return query["post_logout_redirect_uri"]

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                parts = urlsplit(self.path)
                query = {name: values[0] for name, values in parse_qs(parts.query).items()}
                if parts.path == "/.well-known/openid-configuration":
                    self._say(provider.configuration())
                elif parts.path == "/jwks":
                    self._say(provider.jwks())
                elif parts.path == "/userinfo":
                    self._say(provider.userinfo(self.headers.get("Authorization", "")))
                elif parts.path == "/authorize" and provider.people:
                    self._show(provider.form(parts.query, self.headers.get("Cookie", "")))
                elif parts.path == "/authorize":
                    self._go_on(provider.authorize(query))
                elif parts.path == "/end-session":
                    self._go_on(provider.end_session(query, self.headers.get("Cookie", "")))
                else:
                    self._say(None)

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                form = {name: values[0] for name, values in parse_qs(body).items()}
                parts = urlsplit(self.path)
                if parts.path == "/token":
                    self._say(provider.exchange(form))
                    return
                query = {name: values[0] for name, values in parse_qs(parts.query).items()}
                cookie, address = provider.take_form(form, query, self.headers.get("Cookie", ""))
                self._go_on(address or self.path, cookie)

            def _go_on(self, address: str, cookie: str = "") -> None:
                self.send_response(303)
                self.send_header("Location", address)
                self.send_header("Content-Length", "0")
                if cookie:
                    self.send_header("Set-Cookie", f"{cookie}; Path=/; HttpOnly")
                self.end_headers()

            def _show(self, inside: str) -> None:
                body = PAGE.format(inside).encode()
                self.send_response(200)
                self.send_header("Content-Type", "text/html; charset=utf-8")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def _say(self, found: dict[str, Any] | None) -> None:
                body = json.dumps(found or {"error": "invalid_request"}).encode()
                self.send_response(200 if found else 400)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args: Any) -> None:
                pass

        return Handler


def session_in(cookie: str) -> str:
    """Ours among the cookies of all that answers on this host, whatever its port."""
    return next((one[6:] for one in cookie.split("; ") if one.startswith("there=")), "")
