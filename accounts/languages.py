"""Which language somebody is spoken to in.

What they chose, on whatever device; else what this browser was told, by cookie; else what the browser asks for; else
the installation's own. What programs read (``/api/``, ``/v1/``, ``/scim/``, JSON sockets) and the audit log are
English always, so that nothing that is parsed or searched depends on who asked.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.http.cookie import parse_cookie
from django.utils import translation
from django.utils.translation.trans_real import parse_accept_lang_header

from accounts.models import User

ENGLISH = "en"
FOR_PROGRAMS = ("/api/", "/v1/", "/scim/", "/healthz", "/readyz", "/metrics")


def language_for(user: object, cookies: Mapping[str, str], accepted: str) -> str:
    """``accepted`` is the header Accept-Language."""
    if code := _chosen(user, cookies):
        return code
    for code, _quality in parse_accept_lang_header(accepted):
        try:
            return translation.get_supported_language_variant(code)
        except LookupError:
            continue
    return settings.LANGUAGE_CODE


def choice(request: HttpRequest) -> dict[str, str]:
    """Context processor: ``chosen_language``, "" where the browser is asked."""
    return {"chosen_language": _chosen(getattr(request, "user", None), request.COOKIES)}


def language_of_socket(scope: Mapping[str, Any]) -> str:
    """For whoever opened a websocket."""
    headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
    return language_for(scope["user"], parse_cookie(headers.get("cookie", "")), headers.get("accept-language", ""))


def language_of(user: User) -> str:
    """For what reaches somebody without a browser: e-mail."""
    return language_for(user, {}, "")


def _chosen(user: object, cookies: Mapping[str, str]) -> str:
    wanted = user.language if isinstance(user, User) else ""
    codes = (wanted, cookies.get(settings.LANGUAGE_COOKIE_NAME, ""))
    return next((code for code in codes if code in dict(settings.LANGUAGES)), "")
