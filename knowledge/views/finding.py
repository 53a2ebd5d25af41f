"""Trying a search, for those who keep knowledge: what a question brings up, and what becomes of it."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_http_methods

from accounts.callers import reader
from accounts.models import User
from accounts.rights import require
from app.errors import UnavailableError
from knowledge import queries
from knowledge.retrieval.searching import LONGEST_QUERY
from knowledge.search_trial import Trial, try_search
from knowledge.viewing.access import find_people
from knowledge.views.timings import Plot, plot


@login_required
@require_http_methods(["GET", "POST"])
def try_search_page(request: HttpRequest) -> HttpResponse:
    """The form, and what came of it. Posted, since a question may be personal and looking as others is audited."""
    user = reader(request)
    require(user, "knowledge.test_search")
    asked = {name: request.POST.get(name, "").strip()[:LONGEST_QUERY] for name in ("question", "earlier", "person")}
    sources = list(queries.sources_of(user))
    chosen = _chosen(request, {source.pk for source in sources})
    context: dict[str, Any] = asked | {"sources": sources, "chosen": chosen, "longest": LONGEST_QUERY}
    if request.method == "POST":
        people = find_people(user, asked["person"])
        context["people"] = people
        if not asked["question"]:
            context["error"] = "Write the question that you want to try."
        elif asked["person"] and len(people) != 1:
            context["asks_who"] = True
        else:
            context |= _tried(user, asked, people[0] if people else None, chosen)
    return render(request, "knowledge/try_search.html", context)


def _tried(user: User, asked: dict[str, str], person: User | None, chosen: list[UUID]) -> dict[str, Any]:
    try:
        trial: Trial = try_search(
            actor=user, question=asked["question"], earlier=asked["earlier"], person=person, source_ids=chosen
        )
    except UnavailableError as error:
        return {"error": error.message}
    bars: Plot = plot(trial.steps)
    return {"trial": trial, "is_other": person is not None and person != user, "plot": bars}


def _chosen(request: HttpRequest, there: set[UUID]) -> list[UUID]:
    """The sources ticked, of those that this person has."""
    wanted = set(request.POST.getlist("source"))
    return [source_id for source_id in there if str(source_id) in wanted]
