"""What readers do about an answer: rate it and take that back, appeal, see how it stands, read what was replied."""

from __future__ import annotations

import json
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_POST

from accounts.callers import reader
from chat.models import Message, Reply
from chat.pages.presenting import view_of
from chat.pages.waiting import WaitView
from chat.streaming import telling
from chat.verbs import appealing, rating, replying
from chat.writing.finishing import CONTENT_KIND
from moderation.review.standing import standings_of


@login_required
@require_POST
def rate(request: HttpRequest, message_id: UUID) -> HttpResponse:
    """A thumb, with or without words; "0" takes it back."""
    answer = _own_answer(request, message_id)
    if request.POST.get("value") == "0":
        rating.withdraw_rating(reader(request), answer=answer)
    else:
        value = {"1": 1, "-1": -1}.get(request.POST.get("value", ""), 0)
        words = {name: request.POST.get(name, "") for name in ("reason", "text")}
        rating.rate_answer(reader(request), answer=answer, value=value, **words)
    return _drawn(request, answer, "chat/_rated.html")


@login_required
@require_POST
def read_replies(request: HttpRequest, message_id: UUID) -> HttpResponse:
    answer = _own_answer(request, message_id)
    replying.read_replies(reader(request), answer=answer)
    response = _drawn(request, answer, "chat/_replies.html")
    if not Reply.objects.filter(conversation=answer.conversation_id, read_at=None).exists():
        response["HX-Trigger"] = json.dumps({"parley:read": f"conversation-{answer.conversation_id}"})
    return response


@login_required
@require_POST
def appeal(request: HttpRequest, message_id: UUID) -> HttpResponse:
    """The socket tells what follows; a plain form comes back to the answer."""
    answer = _own_answer(request, message_id)
    appealing.appeal_answer(reader(request), answer=answer, text=request.POST.get("text", ""))
    return HttpResponse(status=204) if request.headers.get("HX-Request") else _back_to(answer)


@login_required
@require_GET
def standing(request: HttpRequest, message_id: UUID) -> HttpResponse:
    """How a held answer stands in the queue; 204 while that is what the page shows already, or it is held no more."""
    answer = _own_answer(request, message_id)
    held = [answer.id] if answer.state == Message.State.HELD else []
    stands = standings_of(CONTENT_KIND, held).get(answer.id)
    view = WaitView.of(stands) if stands else None
    if view is None or view.mark == request.GET.get("seen"):
        return HttpResponse(status=204)
    return render(request, "chat/_standing.html", {"id": answer.id, "standing": view})


def _own_answer(request: HttpRequest, message_id: UUID) -> Message:
    answers = Message.objects.visible_to(reader(request)).filter(role=Message.Role.ASSISTANT)
    return get_object_or_404(answers, pk=message_id)


def _drawn(request: HttpRequest, answer: Message, template: str) -> HttpResponse:
    if not request.headers.get("HX-Request"):
        return _back_to(answer)
    message = telling.load(answer.pk)
    view = view_of(message, message.conversation.assistant)
    return render(request, template, {"m": view, "oob": True})


def _back_to(answer: Message) -> HttpResponse:
    response = redirect("chat:conversation", answer.conversation_id)
    response["Location"] += f"?at={answer.pk}#m-{answer.pk}"
    return response
