"""One's own account: the language. Keys and programs have pages of their own; signing in is allauth's."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from accounts.models import User
from accounts.people.people import choose_language
from app.errors import BadInputError


@never_cache
@require_POST
def language(request: HttpRequest) -> HttpResponse:
    """Speak another language from now on: kept by the browser, and with the person who is signed in.

    "" takes the choice back from both.
    """
    code = request.POST.get("language")
    if code not in ("", *dict(settings.LANGUAGES)):
        raise BadInputError(_("Parley does not speak this language. Choose one of the list."))
    if isinstance(person := request.user, User):
        choose_language(actor=person, language=code)
    response = redirect(_back_to(request))
    if not code:
        response.delete_cookie(settings.LANGUAGE_COOKIE_NAME, samesite="Lax")
        return response
    response.set_cookie(
        settings.LANGUAGE_COOKIE_NAME,
        code,
        max_age=settings.LANGUAGE_COOKIE_AGE,
        secure=settings.LANGUAGE_COOKIE_SECURE,
        httponly=settings.LANGUAGE_COOKIE_HTTPONLY,
        samesite="Lax",
    )
    return response


def _back_to(request: HttpRequest) -> str:
    """The page the choice was made on, when it is one of ours."""
    wanted = request.POST.get("next", "")
    own = {request.get_host()}
    return wanted if url_has_allowed_host_and_scheme(wanted, own, require_https=request.is_secure()) else "/"
