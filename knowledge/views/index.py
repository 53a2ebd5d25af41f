"""The search index: which embedding model serves, building another beside it, swapping, and comparing the two."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from accounts.callers import reader
from accounts.models import User
from accounts.rights import require
from app.errors import BadInputError, ConflictError, ParleyError, UnavailableError
from app.inference.embedding.local import embedding_name
from knowledge.index import rebuilding
from knowledge.index.state import (
    GenerationState,
    State,
    choices,
    chosen_model,
    generation_states,
    get_generation,
    nearest,
    states_of,
)

LONGEST_QUESTION = 1000


@login_required
@require_GET
def index(request: HttpRequest) -> HttpResponse:
    user = reader(request)
    require(user, "knowledge.rebuild_index")
    states = generation_states()
    serving = next((one.generation for one in states if one.generation.is_serving), None)
    context = {
        "states": states,
        "serving": serving,
        "own_name": embedding_name(),
        "is_changed": serving and not serving.model_id and serving.embedding_name != embedding_name(),
        "is_own_there": any(one.generation.embedding_name == embedding_name() for one in states),
        "choices": choices(),
        "is_building": any(one.generation.state == State.BUILDING for one in states),
        **_comparison(user, states, request.GET.get("q", "")),
    }
    return render(request, "knowledge/index.html", context)


@login_required
@require_GET
def progress(request: HttpRequest, generation_id: str) -> HttpResponse:
    """How far building is, for the page to ask every second; when it is over the page is drawn anew."""
    generation = get_generation(reader(request), generation_id)
    response = render(request, "knowledge/_index_progress.html", {"state": states_of([generation])[0]})
    if generation.state != State.BUILDING:
        response["HX-Refresh"] = "true"
    return response


@login_required
@require_POST
def start(request: HttpRequest) -> HttpResponse:
    user = reader(request)

    def deed() -> str:
        model = chosen_model(request.POST.get("model", ""))
        generation = rebuilding.start_generation(actor=user, model=model)
        return _("Building the index of %(model)s. Searches go on as before.") % {"model": generation.embedding_name}

    return _done(request, deed)


@login_required
@require_POST
def serve(request: HttpRequest, generation_id: str) -> HttpResponse:
    user = reader(request)
    generation = get_generation(user, generation_id)

    def deed() -> str:
        rebuilding.serve_generation(actor=user, generation=generation)
        return _("Searches use %(model)s now. The index before it is kept, to swap back to.") % {
            "model": generation.embedding_name
        }

    return _done(request, deed)


@login_required
@require_POST
def retry(request: HttpRequest, generation_id: str) -> HttpResponse:
    user = reader(request)
    generation = get_generation(user, generation_id)

    def deed() -> str:
        rebuilding.retry_generation(actor=user, generation=generation)
        return _("Building the index of %(model)s goes on where it stopped.") % {"model": generation.embedding_name}

    return _done(request, deed)


@login_required
@require_POST
def remove(request: HttpRequest, generation_id: str) -> HttpResponse:
    user = reader(request)
    generation = get_generation(user, generation_id)

    def deed() -> str:
        rebuilding.remove_generation(actor=user, generation=generation)
        return _("The index of %(model)s is being removed.") % {"model": generation.embedding_name}

    return _done(request, deed)


def _done(request: HttpRequest, deed: Callable[[], str]) -> HttpResponse:
    """Back to the page, with what was done, or with what stood against it and what to do."""
    try:
        messages.success(request, deed())
    except (BadInputError, ConflictError, UnavailableError) as error:
        messages.error(request, error.message)
    return redirect("knowledge:index")


def _comparison(user: User, states: list[GenerationState], question: str) -> dict[str, Any]:
    """The question's nearest passages in the serving index and in each that could take its place."""
    usable = [one.generation for one in states if one.generation.state in (State.SERVING, State.READY)]
    question = " ".join(question.replace("\x00", " ").split())[:LONGEST_QUESTION]
    columns = []
    for generation in usable if question else ():
        try:
            columns.append({"generation": generation, "found": nearest(user, generation, question), "error": ""})
        except ParleyError as error:
            columns.append({"generation": generation, "found": [], "error": error.message})
    return {"question": question, "columns": columns, "is_comparable": len(usable) > 1}
