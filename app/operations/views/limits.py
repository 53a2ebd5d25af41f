"""Limits: seeing how full they are, making, changing, removing and bringing them back."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts import rights
from accounts.callers import reader
from accounts.limits import limits
from accounts.limits.notices import near_holders, standings_of_limits
from accounts.limits.words import limit_in_words, whose
from accounts.models import Limit
from app.errors import BadInputError, ConflictError
from app.operations.limit_forms import AmountForm, LimitForm
from app.operations.names import with_subject_named

REMOVED_LATELY = timedelta(days=7)


@login_required
@require_GET
def overview(request: HttpRequest) -> HttpResponse:
    """All limits with how full they are, who is near one, and those removed lately."""
    actor = reader(request)
    rights.require(actor, "usage.read")
    live = Limit.objects.live().order_by("subject", "subject_name", "measure", "period")
    gone = Limit.objects.filter(removed_at__gt=timezone.now() - REMOVED_LATELY).order_by("-removed_at")
    context = {
        "standings": standings_of_limits(list(live)),
        "near": near_holders(),
        "removed": gone,
        "may_change": rights.can(actor, "accounts.administer"),
    }
    return render(request, "operations/limits.html", context)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def new(request: HttpRequest, subject: str) -> HttpResponse:
    """A form for a limit of this kind of subject."""
    actor = reader(request)
    rights.require(actor, "accounts.administer")
    if subject not in Limit.Subject.values:
        raise BadInputError("There is no such kind of limit.")
    form = LimitForm(subject, request.POST if request.method == "POST" else None)
    if form.is_bound and form.is_valid():
        try:
            terms = with_subject_named(form.terms(), who=form.cleaned_data.get("who", ""))
            limit = limits.create_limit(actor=actor, terms=terms)
        except (BadInputError, ConflictError) as error:
            form.add_error(None, error.message)
        else:
            messages.success(
                request,
                _("%(whose)s: %(limit_in_words)s.") % {"whose": whose(limit), "limit_in_words": limit_in_words(limit)},
            )
            return redirect("usage:limits")
    context = {"form": form, "subject": subject, "subjects": Limit.Subject.choices}
    return render(request, "operations/new_limit.html", context, status=422 if form.errors else 200)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def change(request: HttpRequest, limit_id: UUID) -> HttpResponse:
    actor = reader(request)
    rights.require(actor, "accounts.administer")
    limit = get_object_or_404(Limit.objects.live(), pk=limit_id)
    initial = {"amount": limit.amount.normalize(), "warn_percent": limit.warn_percent}
    form = AmountForm(request.POST if request.method == "POST" else None, initial=initial)
    if form.is_bound and form.is_valid():
        try:
            limits.change_limit(actor=actor, limit=limit, **form.cleaned_data)
        except BadInputError as error:
            form.add_error("amount", error.message)
        else:
            messages.success(
                request,
                _("%(whose)s: %(limit_in_words)s.") % {"whose": whose(limit), "limit_in_words": limit_in_words(limit)},
            )
            return redirect("usage:limits")
    context = {"form": form, "limit": limit, "whose": whose(limit), "words": limit_in_words(limit)}
    return render(request, "operations/change_limit.html", context, status=422 if form.errors else 200)


@login_required
@require_POST
def remove(request: HttpRequest, limit_id: UUID) -> HttpResponse:
    """It can be brought back from the same page."""
    actor = reader(request)
    rights.require(actor, "accounts.administer")
    limit = get_object_or_404(Limit.objects.live(), pk=limit_id)
    limits.remove_limit(actor=actor, limit=limit)
    messages.success(
        request,
        _("%(whose)s: the limit of %(limit_in_words)s no longer holds.")
        % {"whose": whose(limit), "limit_in_words": limit_in_words(limit)},
    )
    return redirect("usage:limits")


@login_required
@require_POST
def restore(request: HttpRequest, limit_id: UUID) -> HttpResponse:
    actor = reader(request)
    rights.require(actor, "accounts.administer")
    limit = get_object_or_404(Limit.objects.exclude(removed_at=None), pk=limit_id)
    try:
        limits.restore_limit(actor=actor, limit=limit)
    except ConflictError as error:
        messages.error(request, error.message)
    else:
        messages.success(
            request,
            _("%(whose)s: %(limit_in_words)s holds again.")
            % {"whose": whose(limit), "limit_in_words": limit_in_words(limit)},
        )
    return redirect("usage:limits")
