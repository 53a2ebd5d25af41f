"""Gaps: the list, one with its questions, and what its keepers do with it."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from accounts.callers import reader
from accounts.rights import require
from app.errors import BadInputError
from app.web.paging import newest_first
from knowledge.keeping import asking_again
from knowledge.keeping import gaps as verbs
from knowledge.keeping.questions import FILTERS, gaps_of, get_gap, get_question, pane_of
from knowledge.models import Gap
from knowledge.views.home import chosen_source

ROWS = 50


@login_required
@require_GET
def gaps(request: HttpRequest) -> HttpResponse:
    user = reader(request)
    require(user, "knowledge.edit_source")
    name = request.GET.get("show", "waiting")
    name = name if name in FILTERS else "waiting"
    rows = gaps_of(user, name, chosen_source(request))
    page = newest_first(rows, by="last_asked_at", limit=ROWS, cursor=request.GET.get("cursor"))
    context = {"page": page, "filters": FILTERS, "show": name, "source": request.GET.get("source", "")}
    return render(request, "knowledge/gaps.html", context)


@login_required
@require_GET
def gap(request: HttpRequest, gap_id: UUID) -> HttpResponse:
    user = reader(request)
    return render(request, "knowledge/gap.html", {"pane": pane_of(user, get_gap(user, gap_id))})


@login_required
@require_POST
def assign(request: HttpRequest, gap_id: UUID) -> HttpResponse:
    user = reader(request)
    found = get_gap(user, gap_id)
    person = verbs.find_keeper(request.POST.get("person", ""))
    verbs.assign_gap(actor=user, gap=found, person=person)
    messages.success(request, _("Given to %(person)s.") % {"person": person} if person else _("Given to nobody."))
    return _back(request, found)


@login_required
@require_POST
def close(request: HttpRequest, gap_id: UUID) -> HttpResponse:
    user = reader(request)
    found = verbs.close_gap(actor=user, gap=get_gap(user, gap_id), reason=request.POST.get("reason", ""))
    messages.success(request, _("Closed."))
    return _back(request, found)


@login_required
@require_POST
def dismiss(request: HttpRequest, gap_id: UUID) -> HttpResponse:
    user = reader(request)
    found = verbs.dismiss_gap(actor=user, gap=get_gap(user, gap_id))
    messages.success(request, _("Not for us. Questions like it will not come up again."))
    return _back(request, found)


@login_required
@require_POST
def reopen(request: HttpRequest, gap_id: UUID) -> HttpResponse:
    user = reader(request)
    found = verbs.reopen_gap(actor=user, gap=get_gap(user, gap_id))
    messages.success(request, _("Open again."))
    return _back(request, found)


@login_required
@require_POST
def merge(request: HttpRequest, gap_id: UUID) -> HttpResponse:
    """Join another one into this one."""
    user = reader(request)
    found = get_gap(user, gap_id)
    other = get_gap(user, id_in(request.POST.get("other", "")))
    verbs.merge_gaps(actor=user, gap=found, other=other)
    messages.success(request, _("Joined."))
    return _back(request, found)


@login_required
@require_POST
def ask_again(request: HttpRequest, gap_id: UUID) -> HttpResponse:
    user = reader(request)
    found = get_gap(user, gap_id)
    answered = asking_again.ask_again(actor=user, gap=found)
    messages.add_message(request, messages.SUCCESS if answered.is_all else messages.INFO, answered.in_words)
    return _back(request, found)


@login_required
@require_POST
def take_out(request: HttpRequest, question_id: UUID) -> HttpResponse:
    user = reader(request)
    question = get_question(user, question_id)
    verbs.take_out(actor=user, question=question)
    messages.success(request, _("Taken out. It is a topic of its own now."))
    return redirect("knowledge:gap", question.gap_id)


def id_in(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError as error:
        raise BadInputError("Choose the topic to join with.") from error


def _back(request: HttpRequest, gap: Gap) -> HttpResponse:
    """To the page that the form stands on; to the list when the gap is no longer this person's to see."""
    if request.POST.get("after") == "home":
        return redirect("knowledge:home")
    is_there = Gap.objects.visible_to(reader(request)).filter(pk=gap.pk).exists()
    return redirect("knowledge:gap", gap.pk) if is_there else redirect("knowledge:gaps")
