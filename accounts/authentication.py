"""Who calls the REST interfaces: a program by its key or token, or a page's own script by the session it has.

A session cookie travels with every request that a browser sends, wanted or not, so it counts only together with the
CSRF token; a key in the Authorization header has to be put there on purpose. This is the one door of all programs, so
what a limited key or token may do at all is asked here, and wrong ones are counted here.
"""

from __future__ import annotations

from django.http import HttpRequest
from ninja.errors import HttpError
from ninja.security.base import AuthBase
from ninja.utils import check_csrf

from accounts.models import ApiKey, User
from accounts.open_lines import note_caller
from accounts.programs import failures
from accounts.programs.keys import find_user_by_key
from accounts.programs.oauth.tokens import find_user_by_token
from accounts.programs.scoped_routes import check_route

_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


def find_bearer(header: str) -> str | None:
    """The credential of an ``Authorization: Bearer …`` header, or None."""
    scheme, _, credential = header.partition(" ")
    return credential.strip() if scheme.lower() == "bearer" and credential.strip() else None


def find_user_by_bearer(secret: str, *, method: str, path: str, address: str) -> User | None:
    """Whom the key or token acts for, at this address of ours.

    Raises OutOfScopeError where it may not be used, TooManyFailuresError when too many wrong ones came from there.
    """
    user = None
    if failures.has_shape(secret):
        find = find_user_by_key if secret.startswith(ApiKey.PREFIX) else find_user_by_token
        user = find(secret, address=address)
    if user is None:
        failures.count_failure(address)
        return None
    check_route(user, method, path)
    return user


def find_caller(request: HttpRequest) -> User | None:
    """The person whose key or token the request carries."""
    secret = find_bearer(request.headers.get("Authorization", ""))
    if secret is None:
        return None
    address = request.META.get("REMOTE_ADDR") or ""
    user = find_user_by_bearer(secret, method=request.method or "GET", path=request.path_info, address=address)
    if user is not None:
        note_caller(request, user)
    return user


class ApiAuth(AuthBase):
    """A key or token, or else the session. A request with a wrong key is refused even where the session would do."""

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
