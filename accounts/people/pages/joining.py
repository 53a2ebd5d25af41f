"""Where the link of an invitation leads."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from accounts.people.forms import JoinForm
from accounts.people.inviting import accept_invitation, find_invitation
from app.errors import BadInputError, NotFoundError


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def join(request: HttpRequest, invitation_id: UUID, secret: str) -> HttpResponse:
    """Choose a name and a password, once. A link that does not work says so, and no more."""
    try:
        invitation = find_invitation(str(invitation_id), secret)
    except NotFoundError:
        return render(request, "people/join.html", {"form": None}, status=404)
    form = JoinForm(request.POST if request.method == "POST" else None, initial={"name": invitation.user.name})
    if form.is_bound and form.is_valid():
        try:
            accept_invitation(invitation=invitation, **form.cleaned_data)
        except BadInputError as error:
            form.add_error("password", error.message)
        else:
            messages.success(request, _("Your password is set. Sign in with it."))
            return redirect("account_login")
    context = {"form": form, "person": invitation.user}
    return render(request, "people/join.html", context, status=422 if form.errors else 200)
