"""The ways to and from a provider that speaks SAML, imported only when somebody goes them.

What signs XML is native code; a machine where it does not load must still run Parley for those who sign in otherwise.
Single sign-out is not offered: it may come unsigned, and anybody could send it.
"""

from __future__ import annotations

import logging
from importlib import import_module
from typing import Any, NoReturn

from django.http import Http404, HttpRequest, HttpResponseBase
from django.shortcuts import render
from django.views.decorators.csrf import csrf_exempt
from lxml import etree

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
    except (etree.LxmlError, ValueError) as error:
        log.warning("what came back from %s is no SAML: %s", organization_slug, error)
        return render(request, "socialaccount/authentication_error.html", status=401)


def sls(request: HttpRequest, organization_slug: str) -> NoReturn:
    raise Http404
