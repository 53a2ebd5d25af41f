"""A provider's word that somebody's session there is over: OpenID Connect's logout token, sent from server to server.

Anybody can send one, so it counts only when the provider's present key signed it, for us, lately, once, and as nothing
else than a logout token. The provider's addresses and keys are asked for at most once in some minutes, whoever sends
what.
"""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass
from typing import Any

import jwt
import requests
from django.core.cache import cache

from accounts.signing_in.providers import SignInProvider

EVENT = "http://schemas.openid.net/event/backchannel-logout"
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
MOST_CHARACTERS = 16_000
KEPT_SECONDS = 600  # addresses and keys
ASK_AGAIN_SECONDS = 30  # when a key is not among those that are known
LATE_SECONDS = 300
TIMEOUT = 10


class LogoutTokenError(Exception):
    """It proves nothing, and ``why``, in English: the provider is told, and the audit log. No person reads it."""

    def __init__(self, *, why: str) -> None:
        super().__init__(why)


@dataclass(frozen=True)
class Ended:
    """Whose session there is over, or which; at least one of the two is said."""

    uid: str
    sid: str


def read_logout_token(provider: SignInProvider, token: str) -> Ended:
    """Raises LogoutTokenError, and requests' errors when the provider does not answer."""
    if not token or len(token) > MOST_CHARACTERS:
        raise LogoutTokenError(why="There is no logout_token that can be read.")
    try:
        header = jwt.get_unverified_header(token)
        if header.get("alg") not in ALGORITHMS:
            raise LogoutTokenError(why="It is not signed in a way that is taken.")
        claims = jwt.decode(
            token,
            _key(provider, str(header.get("kid", "")), header["alg"]),
            algorithms=[header["alg"]],
            audience=provider.client_id,
            issuer=_configuration(provider)["issuer"],
            leeway=30,
            options={"require": ["iss", "aud", "iat", "jti", "events"]},
        )
    except jwt.PyJWTError as error:
        raise LogoutTokenError(why=f"It is not to be trusted: {error}.") from error
    return _checked(provider, claims)


def _checked(provider: SignInProvider, claims: dict[str, Any]) -> Ended:
    events = claims["events"]
    if not isinstance(events, dict) or not isinstance(events.get(EVENT), dict) or "nonce" in claims:
        raise LogoutTokenError(why="It is no logout token.")
    if time.time() - claims["iat"] > LATE_SECONDS:
        raise LogoutTokenError(why="It is too old.")
    uid, sid = claims.get("sub") or "", claims.get("sid") or ""
    if not isinstance(uid, str) or not isinstance(sid, str) or not (uid or sid):
        raise LogoutTokenError(why="It names neither a person nor a session.")
    if not cache.add(_place("used", provider.id, str(claims["jti"])), 1, 2 * LATE_SECONDS):
        raise LogoutTokenError(why="It was used before.")
    return Ended(uid, sid)


def _key(provider: SignInProvider, kid: str, algorithm: str) -> Any:
    address = _configuration(provider)["jwks_uri"]
    place = _place("keys", address)
    for known in (cache.get(place), None):
        if known is None:
            if not cache.add(_place("asked", address), 1, ASK_AGAIN_SECONDS):
                break
            known = _fetch(address)
            cache.set(place, known, KEPT_SECONDS)
        for one in known.get("keys", []):
            if one.get("kid", "") == kid and one.get("use", "sig") == "sig":
                return jwt.PyJWK(one, algorithm=algorithm).key
    raise LogoutTokenError(why="No key of the provider fits it.")


def _configuration(provider: SignInProvider) -> dict[str, Any]:
    address = provider.server_url
    if "/.well-known/" not in address:
        address += "/.well-known/openid-configuration"
    place = _place("configuration", address)
    known: dict[str, Any] | None = cache.get(place)
    if known is None:
        known = _fetch(address)
        cache.set(place, known, KEPT_SECONDS)
    return known


def _fetch(address: str) -> dict[str, Any]:
    answer = requests.get(address, timeout=TIMEOUT)
    answer.raise_for_status()
    said: dict[str, Any] = answer.json()
    return said


def _place(what: str, *of: str) -> str:
    """Where the cache keeps it, whatever characters strangers put into names."""
    return f"openid-{what}-{hashlib.sha256(chr(0).join(of).encode()).hexdigest()}"
