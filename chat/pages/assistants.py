"""Choosing who answers: the assistants as their reader sees them, and a model where the assistant leaves that open."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.db.models import Exists, OuterRef, Prefetch, prefetch_related_objects
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_POST

from accounts.callers import reader
from accounts.models import User
from app.errors import BadInputError
from app.inference.models import Model
from chat.models import Assistant, Conversation
from chat.verbs import choosing_models
from knowledge.models import Source

SOURCES_NAMED = 4


@dataclass(frozen=True)
class Choice:
    """An assistant with the sources that it would search for this reader: the first names, and how many more."""

    assistant: Assistant
    sources: Sequence[str]
    more: int
    is_limited: bool

    @property
    def is_in_vain(self) -> bool:
        """Whether it searches for this reader at all and finds nothing open to them."""
        return self.assistant.searches and not self.sources


@login_required
@require_GET
def choose(request: HttpRequest) -> HttpResponse:
    """The assistants one may use; as a fragment where the start page asks for its list."""
    user = reader(request)
    assistants = list(Assistant.objects.visible_to(user).select_related("model"))
    context = {"choices": choices_of(user, assistants), "current": request.GET.get("assistant", "")}
    is_fragment = bool(request.headers.get("HX-Request"))
    return render(request, "chat/_assistants.html" if is_fragment else "chat/assistants.html", context)


def choices_of(user: User, assistants: Sequence[Assistant]) -> list[Choice]:
    """These assistants with what they know, as ``user`` sees it. At most four statements."""
    limits = Assistant.sources.through.objects.filter(assistant=OuterRef("pk"))
    of_own = Assistant.objects.filter(Exists(limits), pk__in=[one.pk for one in assistants])
    limited = set(of_own.values_list("pk", flat=True))
    readable = Source.objects.visible_to(user).order_by("name", "pk")
    few = Prefetch("sources", queryset=readable.only("pk", "name"), to_attr="readable_sources")
    prefetch_related_objects([one for one in assistants if one.pk in limited], few)
    names: list[str] = []
    count = 0
    if len(limited) < len(assistants):
        names, count = list(readable.values_list("name", flat=True)[:SOURCES_NAMED]), readable.count()
    return [
        _limited(one) if one.pk in limited else Choice(one, names, count - len(names), is_limited=False)
        for one in assistants
    ]


def _limited(assistant: Assistant) -> Choice:
    names = [source.name for source in assistant.readable_sources]  # type: ignore[attr-defined]
    return Choice(assistant, names[:SOURCES_NAMED], len(names[SOURCES_NAMED:]), is_limited=True)


@login_required
@require_POST
def choose_model(request: HttpRequest, conversation_id: UUID) -> HttpResponse:
    """Another model for a conversation, from its next answer on."""
    user = reader(request)
    found = get_object_or_404(Conversation.objects.visible_to(user), pk=conversation_id)
    choosing_models.choose_model(user, conversation=found, model=model_in(request))
    if request.headers.get("HX-Request"):
        return HttpResponse(status=204)
    return redirect("chat:conversation", found.id)


def model_in(request: HttpRequest) -> Model | None:
    """The model that a form names, or None for the assistant's own. Whether it is offered, the verbs ask."""
    named = request.POST.get("model", "")
    if not named:
        return None
    try:
        model = Model.objects.filter(pk=UUID(named)).first()
    except ValueError:
        model = None
    if model is None:
        raise BadInputError("This model is not there any more. Choose another one.")
    return model


def models_of(assistant: Assistant | None, conversation: Conversation | None = None) -> dict[str, object]:
    """What the composer shows of models: those to choose from, which one is chosen, and one that cannot be any more."""
    if assistant is None or assistant.mode != Assistant.Mode.GENERATE:
        return {"models": []}
    offered = [one for one in assistant.offers_models.order_by("name") if one.pk != assistant.model_id]
    chosen = conversation.model if conversation else None
    is_gone = chosen is not None and chosen not in offered and chosen.pk != assistant.model_id
    return {
        "models": offered,
        "chosen_model": chosen if chosen in offered else None,
        "gone_model": chosen if is_gone else None,
    }
