"""Who opens a websocket: decided before it is accepted.

A browser sends its cookies to a socket from any page on the web and asks nobody, so a session counts only with an
Origin that is this very host. A program shows its key in the Authorization header, which no page can set, and needs
no Origin. Without either the socket has no user, and its consumer closes it.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from channels.security.websocket import WebsocketDenier
from django.conf import settings
from django.contrib.auth import get_user
from django.http import HttpRequest
from django.http.cookie import parse_cookie
from django.http.request import split_domain_port, validate_host
from django.utils.module_loading import import_string

from accounts.audit import request_id
from accounts.authentication import find_bearer, find_user_by_bearer
from accounts.errors import OutOfScopeError, TooManyFailuresError
from accounts.middleware import HEADER, name_request
from accounts.models import User
from accounts.signing_in.devices import find_device_id
from accounts.signing_in.second_step import lacks_second_step
from app.web.threads import in_thread


class SignedIn:
    """Put the person into ``scope["user"]``, or None; refuse what a foreign page opened with 403.

    ``scope["key"]`` is what the key or token that opened the socket is known by, where one did, and ``scope["until"]``
    when that ends. ``scope["is_out_of_scope"]``: it may not open sockets. ``scope["session"]``: the id of the
    device whose session opened it, where one did.
    """

    def __init__(self, inner: Any) -> None:
        self.inner = inner

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> Any:
        headers = _headers(scope)
        request_id.set(name_request(headers.get(HEADER.lower())))
        secret = find_bearer(headers.get("authorization", ""))
        if secret is not None:
            return await self.inner({**scope, **await in_thread(_opened_with, secret, scope)}, receive, send)
        session_key = parse_cookie(headers.get("cookie", "")).get(settings.SESSION_COOKIE_NAME)
        origin = headers.get("origin")
        if (origin is not None or session_key) and not is_same_origin(origin, headers.get("host", "")):
            return await WebsocketDenier()(scope, receive, send)
        user, device = await in_thread(find_user_by_session, session_key) if session_key else (None, None)
        return await self.inner({**scope, "user": user, "session": device}, receive, send)


def _opened_with(secret: str, scope: dict[str, Any]) -> dict[str, Any]:
    """What the socket's scope says of whoever comes with this key or token."""
    address = (scope.get("client") or [""])[0] or ""
    try:
        user = find_user_by_bearer(secret, method="GET", path=scope["path"], address=address)
    except OutOfScopeError:
        return {"user": None, "is_out_of_scope": True}
    except TooManyFailuresError:
        return {"user": None}
    if user is None or user.scope is None:
        return {"user": None}
    return {"user": user, "key": user.scope.line, "until": user.scope.until}


def is_same_origin(origin: str | None, host: str) -> bool:
    """Whether a page of this Parley opened the socket. ``host`` is the Host header, which must be one of ours too."""
    if origin is None:
        return False
    if origin in settings.CSRF_TRUSTED_ORIGINS:
        return True
    domain, _ = split_domain_port(host)
    if not validate_host(domain, settings.ALLOWED_HOSTS):
        return False
    parts = urlsplit(origin)
    return parts.scheme in ("http", "https") and parts.netloc.lower() == host.lower()


def find_user_by_session(session_key: str) -> tuple[User | None, str | None]:
    """Whose session it is, and the id of its device. Nobody's when it has ended, when the person is suspended or has
    changed their password since, or still has to set up a second step.
    """
    request = HttpRequest()
    request.session = import_string(f"{settings.SESSION_ENGINE}.SessionStore")(session_key)
    user = get_user(request)
    if not isinstance(user, User) or lacks_second_step(user, request.session):
        return None, None
    return user, find_device_id(request)


def _headers(scope: dict[str, Any]) -> dict[str, str]:
    return {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
