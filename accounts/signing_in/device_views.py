"""Where one is signed in, and signing out there."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from accounts.callers import reader
from accounts.models.devices import Device
from accounts.signing_in.devices import describe, end_other_sessions, end_session, find_device_id


@login_required
@never_cache
@require_GET
def sessions(request: HttpRequest) -> HttpResponse:
    """One's live sessions, this one first."""
    own = find_device_id(request)
    found = [
        {"device": device, "name": describe(device.agent), "is_this": str(device.pk) == own}
        for device in Device.objects.visible_to(reader(request)).live().order_by("-seen_at", "pk")
    ]
    found.sort(key=lambda one: not one["is_this"])
    return render(request, "accounts/sessions.html", {"sessions": found})


@login_required
@require_POST
def end(request: HttpRequest, device_id: UUID) -> HttpResponse:
    user = reader(request)
    device = get_object_or_404(Device.objects.visible_to(user), pk=device_id)
    end_session(actor=user, device=device)
    if str(device_id) == find_device_id(request):
        request.session.flush()
        return redirect("account_login")
    messages.success(request, _("%(device)s is signed out.") % {"device": describe(device.agent)})
    return redirect("accounts:sessions")


@login_required
@require_POST
def end_others(request: HttpRequest) -> HttpResponse:
    ended = end_other_sessions(actor=reader(request), but=find_device_id(request))
    words = ngettext("One other device is signed out.", "%(count)s other devices are signed out.", ended)
    messages.success(request, words % {"count": ended} if ended else _("You are signed in nowhere else."))
    return redirect("accounts:sessions")
