"""Registered programs, for who administers accounts."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db.models import Count, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts import rights
from accounts.callers import reader
from accounts.models import Program, User
from accounts.programs.assistants import names_of
from accounts.programs.forms import ProgramForm
from accounts.programs.oauth import programs
from accounts.programs.oauth.server import issuer
from accounts.programs.pages.keys import standings_by_subject
from accounts.right_words import in_words
from app.errors import BadInputError, NotFoundError


@login_required
@require_GET
def overview(request: HttpRequest) -> HttpResponse:
    """All that have not ended."""
    actor = reader(request)
    rights.require(actor, "accounts.administer")
    allowed = Count("consents", filter=Q(consents__revoked_at=None))
    rows = (
        Program.objects.filter(revoked_at=None).select_related("owner").annotate(people=allowed).order_by("name", "pk")
    )
    standings = standings_by_subject([one.pk for one in rows])
    context = {
        "rows": [
            {
                "program": one,
                "rights": in_words(one.capabilities),
                "assistants": names_of(one.assistants),
                "standings": standings.get(one.pk, []),
                "is_over": one.expires_at <= timezone.now(),
            }
            for one in rows
        ],
        "issuer": issuer(),
    }
    return render(request, "accounts/programs.html", context)


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def new(request: HttpRequest) -> HttpResponse:
    """A form for a new one; its secret is shown this once."""
    actor = reader(request)
    rights.require(actor, "accounts.administer")
    form = ProgramForm(request.POST if request.method == "POST" else None, initial={"owner": actor.email})
    if form.is_bound and form.is_valid():
        try:
            program, secret = programs.register_program(
                actor=actor, registration=form.registration(), is_confidential=form.keeps_a_secret()
            )
        except BadInputError as error:
            form.add_error(None, error.message)
        else:
            form = ProgramForm(initial=ProgramForm.initial_of(program), program=program)
            return _shown(request, program, form, secret=secret, is_new=True)
    return render(request, "accounts/new_program.html", {"form": form}, status=422 if form.errors else 200)


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def change(request: HttpRequest, program_id: UUID) -> HttpResponse:
    """One program: its terms, and what it was given."""
    actor = reader(request)
    program = _find(actor, program_id)
    form = ProgramForm(
        request.POST if request.method == "POST" else None, initial=ProgramForm.initial_of(program), program=program
    )
    if form.is_bound and form.is_valid():
        try:
            programs.change_program(actor=actor, program=program, registration=form.registration())
        except BadInputError as error:
            form.add_error(None, error.message)
        else:
            messages.success(request, _("The terms of %(name)s hold from now on.") % {"name": program.name})
            return redirect("programs:program", program.pk)
    return _shown(request, program, form)


@login_required
@never_cache
@require_POST
def renew_secret(request: HttpRequest, program_id: UUID) -> HttpResponse:
    actor = reader(request)
    program = _find(actor, program_id)
    secret = programs.renew_secret(actor=actor, program=program)
    form = ProgramForm(initial=ProgramForm.initial_of(program), program=program)
    return _shown(request, program, form, secret=secret)


@login_required
@require_POST
def end(request: HttpRequest, program_id: UUID) -> HttpResponse:
    actor = reader(request)
    program = _find(actor, program_id)
    programs.end_program(actor=actor, program=program)
    messages.success(request, _("%(name)s has ended: nothing it was given works any more.") % {"name": program.name})
    return redirect("programs:overview")


def _find(actor: User, program_id: UUID) -> Program:
    """To others there is nothing here."""
    if not rights.can(actor, "accounts.administer"):
        raise NotFoundError
    return get_object_or_404(Program.objects.filter(revoked_at=None).select_related("account", "owner"), pk=program_id)


def _shown(
    request: HttpRequest, program: Program, form: ProgramForm, *, secret: str | None = None, is_new: bool = False
) -> HttpResponse:
    context: dict[str, Any] = {
        "program": program,
        "form": form,
        "secret": secret,
        "is_new": is_new,
        "issuer": issuer(),
        "people": program.consents.filter(revoked_at=None).count(),
        "standings": standings_by_subject([program.pk]).get(program.pk, []),
    }
    return render(request, "accounts/program.html", context, status=422 if form.errors else 200)
