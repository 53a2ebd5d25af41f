"""What every request with a session passes: its device is noted, and whoever must have a second step sets it up first.

Before any view, so that no page, form or interface that is added later can be forgotten. A program's key has no second
step, and is let through here: it is looked at where it is used. Sockets ask the same question in ``accounts.sockets``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.urls import reverse

from accounts.languages import FOR_PROGRAMS
from accounts.models import User
from accounts.open_lines import note_caller
from accounts.signing_in.devices import find_device_id, note_use
from accounts.signing_in.second_step import lacks_second_step

# What setting one up needs, and what anybody may do at any time.
_OPEN = frozenset(
    {
        "account_logout",
        "account_login",
        "account_reauthenticate",
        "account_change_password",
        "accounts:language",
        "manifest",
        "service_worker",
        "offline",
        "healthz",
        "readyz",
        "metrics",
    }
)
_SETTING_UP = "mfa_"
MESSAGE = "Set up a second step of signing in first: your role needs one. Open the page “Signing in”."


class Gate:
    async_capable = False
    sync_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, view: Any, args: Any, kwargs: Any) -> HttpResponse | None:
        is_program = request.path_info.startswith(FOR_PROGRAMS)
        if settings.SESSION_COOKIE_NAME not in request.COOKIES:
            return None
        if is_program and request.headers.get("Authorization"):
            return None
        user = request.user
        if not isinstance(user, User):
            return None
        note_use(request, user)
        note_caller(request, user, session=find_device_id(request))
        name = request.resolver_match.view_name if request.resolver_match else ""
        if name in _OPEN or name.startswith(_SETTING_UP) or not lacks_second_step(user, request.session):
            return None
        return _refuse(request, is_program)


def _refuse(request: HttpRequest, is_program: bool) -> HttpResponse:
    """To the page where one sets it up, or with an error that says so where no page is shown."""
    if is_program or request.headers.get("Accept", "").startswith("application/json"):
        error = {"code": "second_step_needed", "message": MESSAGE, "retry": False}
        return JsonResponse({"error": error}, status=403)
    address = reverse("mfa_index")
    if request.headers.get("HX-Request"):
        return HttpResponse(status=204, headers={"HX-Redirect": address})
    if request.method == "GET":
        address += f"?{urlencode({'next': request.get_full_path()})}"
    return HttpResponseRedirect(address)
