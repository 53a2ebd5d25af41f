"""Where people may sign in through their organisation, as SIGN_IN_PROVIDERS lists it.

Read once at the start, which refuses what it does not understand: a misspelt word here would otherwise let somebody in,
or keep everybody out.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings

from accounts.models import Role
from app.errors import BadInputError

OIDC, SAML = "oidc", "saml"
_NEEDED = {OIDC: ("server_url", "client_id"), SAML: ("idp",)}


@dataclass(frozen=True)
class SignInProvider:
    """One of them.

    ``groups`` and ``roles`` say which of its words put somebody into which of Parley's groups and roles; what is not
    named there is Parley's own business. ``email`` and ``name`` name the claims they are read from.
    ``signs_out_there``: who signs out here goes on to sign out there without being asked.
    """

    id: str
    kind: str
    name: str
    server_url: str = ""
    client_id: str = ""
    client_secret: str = ""
    idp: dict[str, Any] = field(default_factory=dict)
    sp: dict[str, Any] = field(default_factory=dict)
    advanced: dict[str, Any] = field(default_factory=dict)
    email_claim: str = "email"
    name_claim: str = "name"
    groups_claim: str = "groups"
    groups: dict[str, str] = field(default_factory=dict)
    roles: dict[str, str] = field(default_factory=dict)
    addresses_are_verified: bool = False
    creates_accounts: bool = False
    signs_out_there: bool = False
    domains: list[str] = field(default_factory=list)


def providers() -> list[SignInProvider]:
    """All of them, in the order they are offered. Raises BadInputError for a description that cannot be used."""
    found = [_read(one) for one in settings.SIGN_IN_PROVIDERS]
    if len({one.id for one in found}) < len(found):
        raise BadInputError("SIGN_IN_PROVIDERS has two providers of the same id.")
    return found


def find_provider(provider_id: str) -> SignInProvider | None:
    return next((one for one in providers() if one.id == provider_id), None)


def _read(described: dict[str, Any]) -> SignInProvider:
    name = f"The provider {described.get('id', '?')} of SIGN_IN_PROVIDERS"
    known = SignInProvider.__dataclass_fields__
    if unknown := sorted(set(described) - set(known)):
        raise BadInputError(f"{name} has {', '.join(unknown)}, which is not known. Known are: {', '.join(known)}.")
    kind = described.get("kind")
    if kind not in _NEEDED:
        raise BadInputError(f'{name} needs a kind: "oidc" or "saml".')
    if missing := [word for word in ("id", "name", *_NEEDED[kind]) if not described.get(word)]:
        raise BadInputError(f"{name} lacks: {', '.join(missing)}.")
    if kind == OIDC and not _is_safe(described["server_url"]):
        raise BadInputError(f"{name} has a server_url without https, so that anybody between could answer in its name.")
    if bad := sorted(set(described.get("roles", {}).values()) - set(Role.values)):
        raise BadInputError(f"{name} gives the role {', '.join(bad)}; there are {', '.join(Role.values)}.")
    return SignInProvider(**described)


def _is_safe(address: str) -> bool:
    """Without TLS only on this machine itself."""
    parts = urlsplit(address)
    return parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in ("127.0.0.1", "localhost", "::1"))
