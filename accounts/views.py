"""One's own account: the keys that let programs act for one. Signing in and passwords are allauth's pages."""

from __future__ import annotations

from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from accounts.callers import reader
from accounts.forms import KeyForm
from accounts.keys import create_key, revoke_key
from accounts.models import ApiKey, User
from accounts.people import choose_language
from app.errors import BadInputError


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def keys(request: HttpRequest) -> HttpResponse:
    """One's live keys; POST makes one and shows its secret, this once."""
    user = reader(request)
    form = KeyForm(request.POST if request.method == "POST" else None)
    secret = None
    if form.is_bound and form.is_valid():
        try:
            _, secret = create_key(actor=user, user=user, name=form.cleaned_data["name"])
            form = KeyForm()
        except BadInputError as error:
            form.add_error("name", error.message)
    status = 422 if form.errors else 200
    context = {"form": form, "keys": _live_keys(user), "secret": secret}
    return render(request, "accounts/keys.html", context, status=status)


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


@login_required
@require_POST
def revoke(request: HttpRequest, key_id: UUID) -> HttpResponse:
    user = reader(request)
    key = get_object_or_404(ApiKey.objects.visible_to(user), pk=key_id)
    revoke_key(actor=user, key=key)
    messages.success(request, _("The key %(name)s no longer works.") % {"name": key.name})
    return redirect("accounts:keys")


def _live_keys(user: User) -> list[ApiKey]:
    return list(ApiKey.objects.live().filter(user=user).order_by("-created_at"))
