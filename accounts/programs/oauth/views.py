"""OAuth's addresses: the page on which people allow a program, and what programs ask."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

from authlib.common.urls import add_params_to_uri
from authlib.oauth2.rfc6749.errors import InsecureTransportError, OAuth2Error
from django.contrib.auth.decorators import login_required
from django.db import transaction
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.authentication import find_bearer
from accounts.callers import reader
from accounts.models import Program
from accounts.programs import failures
from accounts.programs.assistants import names_of
from accounts.programs.oauth import consents, tokens
from accounts.programs.oauth.server import METHODS, claims_of, issuer, scopes_for, server
from accounts.programs.oauth.signing import ALGORITHM, public_keys
from accounts.right_words import in_words
from accounts.rights import CAPABILITIES
from app.errors import BadInputError, TooManyError

_SIMPLE = re.compile(r"[a-z0-9_:. -]{0,100}")
# Errors of the token endpoint that mean: somebody is guessing.
_GUESSES = ("invalid_client", "invalid_grant")


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def authorize(request: HttpRequest) -> HttpResponse:
    """Ask whether a program may act for one, unless that was answered before; then go back to the program."""
    user = reader(request)
    if not _is_sound(request):
        raise BadInputError(_("The program that sent you here asks in a way that cannot be understood."))
    try:
        grant = server.get_consent_grant(request=request, end_user=user)
    except OAuth2Error as error:
        if error.redirect_uri:
            return _back(server.handle_error_response(None, error))
        problem = error.description or error.error
        raise BadInputError(
            _("The program that sent you here is not registered so: %(problem)s") % {"problem": problem}
        ) from error
    program: Program = grant.client.row
    scopes = scopes_for(user, grant.request.scope)
    prompt = request.GET.get("prompt", "")
    is_known = _may_remember(program, grant.request.payload.redirect_uri) and consents.is_allowed(user, program, scopes)
    if request.method == "POST":
        is_allowed = request.POST.get("decision") == "allow"
    elif is_known and prompt != "consent":
        is_allowed = True
    elif prompt == "none":
        return _back(_refused(grant, "consent_required"))
    else:
        return _ask(request, program, scopes, grant.request.payload.redirect_uri)
    if is_allowed and not (is_known and request.method != "POST"):
        consents.allow(actor=user, program=program, scopes=scopes)
    with transaction.atomic():
        response = server.create_authorization_response(request, grant_user=user if is_allowed else None, grant=grant)
    return _back(response)


def _ask(request: HttpRequest, program: Program, scopes: list[str], redirect_uri: str) -> HttpResponse:
    target = urlsplit(redirect_uri)
    is_web = target.scheme in ("http", "https")
    context = {
        "program": program,
        "words": in_words(scopes),
        "assistants": names_of(program.assistants),
        "target": target.netloc if is_web else target.scheme,
        "address": request.get_full_path(),
    }
    response = render(request, "accounts/consent.html", context)
    # The browser asks form-action about the redirect that follows the form, too.
    origin = f"{target.scheme}://{target.netloc}" if is_web else f"{target.scheme}:"
    response._csp_update = {"form-action": [origin]}  # type: ignore[attr-defined]
    return response


def _may_remember(program: Program, redirect_uri: str) -> bool:
    """Not of a program without a secret on the person's own machine: any other one there could say it is that."""
    return program.is_confidential or urlsplit(redirect_uri).scheme == "https"


def _refused(grant: Any, error: str) -> HttpResponse:
    uri, state = grant.request.payload.redirect_uri, grant.request.payload.state
    response = HttpResponse(status=302)
    response["Location"] = add_params_to_uri(uri, [("error", error), *([("state", state)] if state else [])])
    return response


def _back(response: HttpResponse) -> HttpResponse:
    """Say who answers, so that a program that asks several is not told another's code (RFC 9207)."""
    if "Location" in response:
        response["Location"] = add_params_to_uri(response["Location"], [("iss", issuer())])
    return response


@csrf_exempt
@never_cache
@require_POST
def token(request: HttpRequest) -> HttpResponse:
    """Give out tokens: for a code, for a refresh token, or for a program's own secret."""
    return _answer(request, server.create_token_response)


@csrf_exempt
@never_cache
@require_POST
def revoke(request: HttpRequest) -> HttpResponse:
    """A program gives a token back."""
    return _answer(request, lambda asked: server.create_endpoint_response("revocation", asked))


@csrf_exempt
@never_cache
@require_POST
def introspect(request: HttpRequest) -> HttpResponse:
    """A program asks whether a token of its own still works."""
    return _answer(request, lambda asked: server.create_endpoint_response("introspection", asked))


def _answer(request: HttpRequest, respond: Any) -> HttpResponse:
    """In one transaction, which an error does not roll back: what it ended stays ended."""
    if not _is_sound(request):
        return _error("invalid_request", "A parameter cannot be read.")
    address = request.META.get("REMOTE_ADDR") or ""
    try:
        with transaction.atomic():
            response: HttpResponse = respond(request)
    except InsecureTransportError:
        return _error("insecure_transport", "Use https, or this machine's own address.")
    if b'"invalid_client"' in response.content:
        response.status_code = 401
        response["WWW-Authenticate"] = 'Basic realm="Parley"'
    if response.status_code in (400, 401) and any(one.encode() in response.content for one in _GUESSES):
        try:
            failures.count_failure(address)
        except TooManyError as error:
            response = _error("temporarily_unavailable", error.message, 429)
            response["Retry-After"] = error.headers()["Retry-After"]
    return response


def _error(error: str, description: str, status: int = 400) -> HttpResponse:
    return JsonResponse({"error": error, "error_description": description}, status=status)


def _is_sound(request: HttpRequest) -> bool:
    """The library puts some parameters into its errors, where not every character may stand; and the database keeps no
    NUL.
    """
    values = [(name, value) for part in (request.GET, request.POST) for name, each in part.lists() for value in each]
    if any("\0" in value for _name, value in values):
        return False
    simple = ("response_type", "grant_type", "prompt", "response_mode", "token_type_hint")
    return all(_SIMPLE.fullmatch(value) for name, value in values if name in simple)


@csrf_exempt
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def userinfo(request: HttpRequest) -> HttpResponse:
    """Who the person is that a token with ``openid`` acts for."""
    secret = find_bearer(request.headers.get("Authorization", "")) or ""
    found = tokens.find_token(secret)
    if found is None:
        response = _error("invalid_token", "The token is not valid.", 401)
        response["WWW-Authenticate"] = 'Bearer error="invalid_token"'
        return response
    if "openid" not in found.scopes:
        return _error("insufficient_scope", "The token has not been given openid.", 403)
    return JsonResponse(claims_of(found.user, found.scopes))


@require_GET
def jwks(request: HttpRequest) -> HttpResponse:
    """The key that id_tokens are signed with."""
    return JsonResponse(public_keys())


@require_GET
def discovery(request: HttpRequest) -> HttpResponse:
    """What this server can do and where (OpenID Connect Discovery, RFC 8414)."""
    base = issuer()

    def at(name: str) -> str:
        return base + reverse(f"oauth:{name}")

    return JsonResponse(
        {
            "issuer": base,
            "authorization_endpoint": at("authorize"),
            "token_endpoint": at("token"),
            "revocation_endpoint": at("revoke"),
            "introspection_endpoint": at("introspect"),
            "userinfo_endpoint": at("userinfo"),
            "jwks_uri": at("jwks"),
            "scopes_supported": [*tokens.SIGN_IN_SCOPES, *CAPABILITIES],
            "response_types_supported": ["code"],
            "response_modes_supported": ["query"],
            "grant_types_supported": ["authorization_code", "refresh_token", "client_credentials"],
            "code_challenge_methods_supported": ["S256"],
            "token_endpoint_auth_methods_supported": [*METHODS, "none"],
            "revocation_endpoint_auth_methods_supported": [*METHODS, "none"],
            "introspection_endpoint_auth_methods_supported": METHODS,
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": [ALGORITHM],
            "claims_supported": ["sub", "name", "email", "iss", "aud", "exp", "iat", "nonce"],
            "authorization_response_iss_parameter_supported": True,
            "service_documentation": f"{base}/api/v1/docs",
        }
    )
