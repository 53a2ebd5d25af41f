"""The ways to and from a provider that speaks SAML, imported only when somebody goes them.

What signs XML is native code; a machine where it does not load must still run Parley for those who sign in otherwise.
A request to sign somebody out counts only when it is signed: SAML allows it otherwise, and then anybody could send it.
"""

from __future__ import annotations

import logging
from importlib import import_module
from typing import Any

from django.http import Http404, HttpRequest, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET
from lxml import etree

from accounts.signing_in import signing_out
from accounts.signing_in.providers import SAML, SignInProvider, find_provider

log = logging.getLogger(__name__)


def _pass_on(name: str, request: HttpRequest, organization_slug: str) -> HttpResponseBase:
    views: Any = import_module("allauth.socialaccount.providers.saml.views")
    response: HttpResponseBase = getattr(views, name)(request, organization_slug=organization_slug)
    return response


def login(request: HttpRequest, organization_slug: str) -> HttpResponseBase:
    return _pass_on("login", request, organization_slug)


def metadata(request: HttpRequest, organization_slug: str) -> HttpResponseBase:
    return _pass_on("metadata", request, organization_slug)


@csrf_exempt  # the provider's page sends the answer here; it is signed, and only taken where this browser asked for it
def acs(request: HttpRequest, organization_slug: str) -> HttpResponseBase:
    return _pass_on("acs", request, organization_slug)


def finish_acs(request: HttpRequest, organization_slug: str) -> HttpResponseBase:
    try:
        return _pass_on("finish_acs", request, organization_slug)
    except (etree.LxmlError, ValueError, _native_error()) as error:
        log.warning("what came back from %s is no SAML: %s", organization_slug, error)
        return render(request, "socialaccount/authentication_error.html", status=401)


def _native_error() -> type[Exception]:
    """What is raised for words that were encrypted for somebody else."""
    error: type[Exception] = import_module("xmlsec").Error
    return error


@require_GET
def sls(request: HttpRequest, organization_slug: str) -> HttpResponseBase:
    """Single logout: the provider says that a session there is over, or that it has done what we asked of it.

    Without the address of its own single logout nobody is signed out from outside.
    """
    provider = find_provider(organization_slug)
    if provider is None or provider.kind != SAML or not provider.idp.get("slo_url"):
        raise Http404
    if "SAMLResponse" in request.GET:  # this browser was signed out here before it was sent there
        return redirect("account_login")
    if not request.GET.get("Signature"):
        return _refused(request, provider, "It is not signed.")
    try:
        address, xml = _read_request(request, organization_slug)
    except (etree.LxmlError, ValueError, _native_error()) as error:
        return _refused(request, provider, str(error) or "It cannot be read.")
    names: Any = import_module("onelogin.saml2.logout_request").OneLogin_Saml2_Logout_Request
    uid = names.get_nameid(xml, provider.advanced.get("private_key"))
    signing_out.end_sessions_of(provider=provider, uid=uid, sids=names.get_session_indexes(xml))
    return HttpResponseRedirect(address)


def _read_request(request: HttpRequest, organization_slug: str) -> tuple[str, str]:
    """Where to send the browser with our answer, and what was asked. Raises ValueError where it proves nothing."""
    errors: Any = import_module("onelogin.saml2.errors")
    auth = _auth(request, organization_slug)
    try:
        address = auth.process_slo(keep_local_session=True)
    except errors.OneLogin_Saml2_Error as error:
        raise ValueError(str(error)) from error
    if auth.get_errors() or not address:
        raise ValueError(auth.get_last_error_reason() or ", ".join(auth.get_errors()))
    return str(address), str(auth.get_last_request_xml())


def _refused(request: HttpRequest, provider: SignInProvider, reason: str) -> HttpResponseBase:
    log.warning("a request to sign out in the name of %s was refused: %s", provider.id, reason)
    signing_out.refuse(provider, reason)
    return render(request, "socialaccount/authentication_error.html", status=400)


def address_of_leaving(request: HttpRequest, provider: SignInProvider, *, uid: str, sid: str, name_format: str) -> str:
    """Where a browser goes with our request to end its session at the provider."""
    address = _auth(request, provider.id).logout(
        return_to=signing_out.back_to(request),
        name_id=uid,
        session_index=sid or None,
        name_id_format=name_format or None,
    )
    return str(address)


def _auth(request: HttpRequest, organization_slug: str) -> Any:
    utils: Any = import_module("allauth.socialaccount.providers.saml.utils")
    app = utils.get_app_or_404(request, organization_slug)
    return utils.build_auth(request, app.get_provider(request))
