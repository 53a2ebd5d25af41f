"""The ways to an organisation's provider and back, for when it does not answer."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import wraps
from typing import Any

import requests
from allauth.socialaccount.providers.openid_connect import views
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import render

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


login = _told(views.login)
callback = _told(views.callback)
