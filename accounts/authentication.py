"""Who calls the REST interfaces: a program by its key, or a page's own script by the session it has.

A session cookie travels with every request that a browser sends, wanted or not, so it counts only together with the
CSRF token; a key in the Authorization header has to be put there on purpose.
"""

from __future__ import annotations

from django.http import HttpRequest
from ninja.errors import HttpError
from ninja.security.base import AuthBase
from ninja.utils import check_csrf

from accounts.keys import find_user_by_key
from accounts.models import User

_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


def find_bearer(header: str) -> str | None:
    """The credential of an ``Authorization: Bearer …`` header, or None."""
    scheme, _, credential = header.partition(" ")
    return credential.strip() if scheme.lower() == "bearer" and credential.strip() else None


def find_caller(request: HttpRequest) -> User | None:
    """The person whose key the request carries."""
    secret = find_bearer(request.headers.get("Authorization", ""))
    return find_user_by_key(secret) if secret else None


class ApiAuth(AuthBase):
    """A key, or else the session. A request that carries a wrong key is refused even where the session would do."""

    openapi_type = "http"
    openapi_scheme = "bearer"

    def __call__(self, request: HttpRequest) -> User | None:
        if request.headers.get("Authorization"):
            return find_caller(request)
        user = request.user
        if not isinstance(user, User):
            return None
        if request.method not in _SAFE and check_csrf(request) is not None:
            raise HttpError(
                403, "The CSRF token is missing or wrong. Programs send a key as Authorization: Bearer KEY."
            )
        return user
