"""People: the list, inviting one, importing many."""

from __future__ import annotations

from urllib.parse import urlencode

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_http_methods

from accounts import rights
from accounts.callers import reader
from accounts.models import Group
from accounts.people.forms import InviteForm, TableForm
from accounts.people.importing import MOST_CHARACTERS, import_people, plan
from accounts.people.inviting import invite_person
from accounts.people.pages.deeds import administrator
from accounts.people.queries import STATES, Wanted, list_people
from accounts.roles import role_names
from app.errors import BadInputError, ConflictError, NotAllowedError
from app.web.saying import said


@login_required
@require_GET
def listed(request: HttpRequest) -> HttpResponse:
    """Everybody, for who looks after people; auditors may look."""
    actor = reader(request)
    if not rights.can(actor, "audit.read"):
        rights.require(actor, "accounts.administer")
    asked = {name: request.GET.get(name, "") for name in ("q", "role", "group", "state")}
    state = asked["state"] if asked["state"] in STATES else "all"
    wanted = Wanted(asked["q"], asked["role"], asked["group"], state)
    page = list_people(wanted, cursor=request.GET.get("cursor"))
    names = role_names()
    kept = {name: value for name, value in (asked | {"state": state}).items() if value and value != "all"}
    context = {
        "people": [(person, [names.get(role, role) for role in person.roles]) for person in page.items],
        "asked": asked | {"state": state},
        "states": [(name, label, _link(kept, state=name)) for name, label in STATES.items()],
        "roles": names.items(),
        "groups": Group.objects.all(),
        "next_url": _link(kept, cursor=page.next) if page.next else "",
        "first_url": _link(kept) if request.GET.get("cursor") else "",
        "may_change": rights.can(actor, "accounts.administer"),
    }
    return render(request, "people/list.html", context)


def _link(kept: dict[str, str], **more: str) -> str:
    asked = {name: value for name, value in (kept | more).items() if value and value != "all"}
    return f"?{urlencode(asked)}"


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def invite(request: HttpRequest) -> HttpResponse:
    actor = administrator(request)
    form = InviteForm(request.POST if request.method == "POST" else None)
    if form.is_bound and form.is_valid():
        wanted = form.cleaned_data
        try:
            invitation = invite_person(
                actor=actor,
                email=wanted["email"],
                name=wanted["name"],
                roles=wanted["roles"],
                groups=form.chosen(),
            )
        except (BadInputError, ConflictError, NotAllowedError) as error:
            form.add_error(None, error.message)
        else:
            messages.success(request, _("%(email)s is invited.") % {"email": invitation.user.email})
            return redirect("people:person", invitation.user_id)
    return render(request, "people/invite.html", {"form": form}, status=422 if form.errors else 200)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def many(request: HttpRequest) -> HttpResponse:
    """A table of people: first what would happen, then, with the same table sent back, that."""
    actor = administrator(request)
    form = TableForm(request.POST or None, request.FILES or None)
    lines = None
    table = ""
    if request.method == "POST" and form.is_valid():
        try:
            table = _table_of(form)
            if request.POST.get("do") == "import":
                done = import_people(actor=actor, table=table)
                count = sum(line.does != "nothing" for line in done)
                said_ = ngettext("%(count)s person invited or changed.", "%(count)s people invited or changed.", count)
                messages.success(request, said_ % {"count": count})
                return redirect("people:list")
            lines = plan(actor=actor, table=table)
        except (BadInputError, ConflictError) as error:
            form.add_error(None, said(error.message))
    context = {
        "form": form,
        "lines": lines,
        "table": table,
        "is_wrong": any(line.does == "wrong" for line in lines or []),
        "has_work": any(line.does in ("invite", "change") for line in lines or []),
    }
    return render(request, "people/import.html", context, status=422 if form.errors else 200)


def _table_of(form: TableForm) -> str:
    file = form.cleaned_data["file"]
    if file is None:
        return str(form.cleaned_data["table"])
    data = file.read(MOST_CHARACTERS + 1)
    try:
        return str(data.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise BadInputError("This file is no text in UTF-8. Save the table as CSV in UTF-8.") from error
