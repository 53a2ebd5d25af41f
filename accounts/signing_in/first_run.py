"""The first administrator of a Parley that has nobody yet, made through a link that only the machine's keeper sees.

There is no password that every installation begins with, and nobody who merely reaches the page can take the house: the
link carries a token signed with SECRET_KEY, holds for a day, and opens nothing as soon as anybody has an account.
"""

from __future__ import annotations

from django.conf import settings
from django.contrib import messages
from django.core import signing
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from accounts.models import User
from accounts.people.people import create_first_administrator
from accounts.signing_in.forms import FirstAdministratorForm
from app.errors import ParleyError

DAY = 24 * 3600
_SALT = "parley first administrator"


def first_link() -> str | None:
    """Where the first administrator's account is made; None once there is anybody."""
    if User.objects.exists():
        return None
    token = signing.dumps("first", salt=_SALT)
    return settings.PUBLIC_URL.rstrip("/") + reverse("accounts:first_administrator", args=[token])


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def first_administrator(request: HttpRequest, token: str) -> HttpResponse:
    if not _is_open(token):
        raise Http404
    form = FirstAdministratorForm(request.POST or None)
    if form.is_valid():
        try:
            create_first_administrator(**form.cleaned_data)
        except ParleyError as error:
            form.add_error(None, error.message)
        else:
            messages.success(request, _("Parley has its administrator. Sign in."))
            return redirect("account_login")
    return render(request, "accounts/first_administrator.html", {"form": form}, status=422 if form.errors else 200)


def _is_open(token: str) -> bool:
    try:
        signing.loads(token, salt=_SALT, max_age=DAY)
    except signing.BadSignature:
        return False
    return not User.objects.exists()
