"""The ways to an organisation's provider and back, for when it does not answer; and out again, here and there."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import wraps
from typing import Any

import requests
from allauth.account import views as account_views
from allauth.socialaccount.models import SocialApp, SocialLogin
from allauth.socialaccount.providers.oauth2.views import OAuth2CallbackView
from allauth.socialaccount.providers.openid_connect import views
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.signing_in import signing_out
from accounts.signing_in.logout_tokens import LogoutTokenError, read_logout_token
from accounts.signing_in.providers import OIDC, find_provider
from accounts.signing_in.sso_adapter import THERE

log = logging.getLogger(__name__)


def _told(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """allauth asks the provider for its addresses before it looks out for trouble."""

    @wraps(view)
    def guarded(request: HttpRequest, provider_id: str, **kwargs: Any) -> HttpResponseBase:
        try:
            return view(request, provider_id=provider_id, **kwargs)
        except requests.RequestException as error:
            log.warning("the provider %s did not answer: %s", provider_id, error)
            return render(request, "socialaccount/authentication_error.html", status=502)

    return guarded


class _House(views.OpenIDConnectOAuth2Adapter):  # type: ignore[misc]
    """Keeps what is needed to sign out there again."""

    def complete_login(self, request: HttpRequest, app: Any, token: Any, **kwargs: Any) -> SocialLogin:
        login = super().complete_login(request, app, token, **kwargs)
        leave = str(self.openid_config.get("end_session_endpoint", ""))
        login.account.extra_data[THERE] = {"hint": kwargs["response"].get("id_token", ""), "leave": leave}
        return login


login = _told(views.login)


@_told
def callback(request: HttpRequest, provider_id: str) -> HttpResponseBase:
    """Back from there, with a code."""
    try:
        response: HttpResponseBase = OAuth2CallbackView.adapter_view(_House(request, provider_id))(request)
    except SocialApp.DoesNotExist as error:
        raise Http404 from error
    return response


@csrf_exempt  # the provider's server asks; what it sends is signed by its key
@require_POST
def ended_there(request: HttpRequest, provider_id: str) -> JsonResponse:
    """OpenID Connect back-channel logout: somebody's session there is over, so what it opened here is as well."""
    provider = find_provider(provider_id)
    if provider is None or provider.kind != OIDC:
        raise Http404
    try:
        said = read_logout_token(provider, request.POST.get("logout_token", ""))
    except LogoutTokenError as error:
        signing_out.refuse(provider, str(error))
        body = {"error": "invalid_request", "error_description": str(error)}
        return JsonResponse(body, status=400, headers={"Cache-Control": "no-store"})
    except requests.RequestException as error:
        log.warning("the provider %s did not say its keys: %s", provider_id, error)
        return JsonResponse({"error": "temporarily_unavailable"}, status=503, headers={"Cache-Control": "no-store"})
    signing_out.end_sessions_of(provider=provider, uid=said.uid, sids=[said.sid] if said.sid else [])
    return JsonResponse({}, headers={"Cache-Control": "no-store"})


@require_http_methods(["GET", "HEAD", "POST"])
def sign_out(request: HttpRequest) -> HttpResponseBase:
    """Sign out here; where the session came from a provider, go on to the page that says what is still open there."""
    at = signing_out.find_session_there(request.session)
    response: HttpResponseBase = account_views.logout(request)
    if request.user.is_authenticated or at is None or not at["leave"]:
        return response
    signing_out.remember_left(request.session, at)
    return redirect("accounts:signed_out")


@require_GET
@never_cache
def signed_out(request: HttpRequest) -> HttpResponse:
    """What is still open at the provider, and the way to end it there.

    A page between, because a browser asks `form-action` about the redirects that follow a form, too.
    """
    if request.user.is_authenticated:
        return redirect("chat:home")
    context: dict[str, object] = {}
    if left := signing_out.find_left(request.session):
        provider, at = left
        context = {"provider": provider, "address": signing_out.address_of_leaving(request, provider, at)}
    return render(request, "account/signed_out.html", context)
