"""What stands around allauth's pages of second steps and codes."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from allauth.mfa.adapter import get_adapter
from allauth.mfa.models import Authenticator
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect

View = Callable[..., HttpResponseBase]


def unless_last(view: View) -> View:
    """Keep the last second step of somebody who may not do without, which allauth asks about for apps alone."""

    @wraps(view)
    @login_required
    def guarded(request: HttpRequest, pk: int) -> HttpResponseBase:
        kind = Authenticator.Type.WEBAUTHN
        authenticator = get_object_or_404(Authenticator, pk=pk, user=request.user, type=kind)
        adapter = get_adapter()
        if not adapter.can_delete_authenticator(authenticator):
            messages.error(request, adapter.error_messages["cannot_delete_authenticator"])
            return redirect("mfa_index")
        return view(request, pk=pk)

    return guarded


def only_with_codes_by_mail(view: View) -> View:
    """Nothing, where EMAIL_CODES takes this way of signing in away."""

    @wraps(view)
    def guarded(request: HttpRequest, **kwargs: Any) -> HttpResponseBase:
        if not settings.ACCOUNT_LOGIN_BY_CODE_ENABLED:
            raise Http404
        return view(request, **kwargs)

    return guarded
