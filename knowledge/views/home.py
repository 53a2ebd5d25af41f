"""An owner's home page: what waits, what is asked in vain, how documents are used; and the two deeds done from it."""

from __future__ import annotations

from datetime import date
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from accounts.callers import reader
from accounts.people.people import choose_reminders
from accounts.rights import require
from app.errors import BadInputError, NotFoundError
from knowledge import queries
from knowledge.keeping.home import home_of
from knowledge.sources import mark_reviewed

MONTHS = {"6": 6, "12": 12}


@login_required
@require_GET
def home(request: HttpRequest) -> HttpResponse:
    user = reader(request)
    require(user, "knowledge.edit_source")
    return render(request, "knowledge/home.html", {"home": home_of(user, chosen_source(request))})


@login_required
@require_POST
def reviewed(request: HttpRequest, source_id: UUID) -> HttpResponse:
    """Its content has been looked at; the next time is in so many months."""
    user = reader(request)
    source = queries.get_source_kept(user, source_id)
    months = MONTHS.get(request.POST.get("months", ""))
    if months is None:
        raise BadInputError("Choose in how many months it should be looked at again: 6 or 12.")
    review_by = _in_months(timezone.localdate(), months)
    source = mark_reviewed(actor=user, source=source, next_review_by=review_by)
    messages.success(
        request,
        _("Reviewed: %(name)s. Next by %(review_by)s.")
        % {"name": source.name, "review_by": date_format(review_by, "j F Y")},
    )
    return redirect("knowledge:home")


@login_required
@require_POST
def reminders(request: HttpRequest) -> HttpResponse:
    user = reader(request)
    require(user, "knowledge.edit_source")
    wanted = request.POST.get("wanted") == "yes"
    choose_reminders(actor=user, wanted=wanted)
    messages.success(request, _("You are reminded by e-mail.") if wanted else _("You get no more reminders by e-mail."))
    return redirect("knowledge:home")


def chosen_source(request: HttpRequest) -> UUID | None:
    """The source that a filter in the address names. Raises NotFoundError for what is no id."""
    value = request.GET.get("source", "")
    try:
        return UUID(value) if value else None
    except ValueError as error:
        raise NotFoundError from error


def _in_months(day: date, months: int) -> date:
    """The same day so many months later, or the last one of a shorter month."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    for last in (day.day, 30, 29, 28):
        try:
            return date(year, month + 1, min(day.day, last))
        except ValueError:
            continue
    raise AssertionError("every month has 28 days")
