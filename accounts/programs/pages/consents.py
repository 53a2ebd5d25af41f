"""The programs that one allows to act for one."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from accounts.callers import reader
from accounts.models import Consent
from accounts.programs.assistants import names_of
from accounts.programs.oauth.consents import withdraw_consent
from accounts.right_words import in_words


@login_required
@never_cache
@require_GET
def allowed(request: HttpRequest) -> HttpResponse:
    """Those one allows now, the newest first."""
    user = reader(request)
    found = Consent.objects.visible_to(user).live().filter(program__revoked_at=None)
    rows = [
        {"consent": one, "rights": in_words(one.scopes), "assistants": names_of(one.program.assistants)}
        for one in found.select_related("program").order_by("-given_at")
    ]
    return render(request, "accounts/allowed_programs.html", {"rows": rows})


@login_required
@require_POST
def withdraw(request: HttpRequest, consent_id: UUID) -> HttpResponse:
    user = reader(request)
    consent = get_object_or_404(Consent.objects.visible_to(user).select_related("program"), pk=consent_id)
    withdraw_consent(actor=user, consent=consent)
    messages.success(request, _("%(name)s no longer acts for you.") % {"name": consent.program.name})
    return redirect("accounts:allowed_programs")
