"""The chat pages. Everything works as plain forms; the socket and htmx make it live."""

from __future__ import annotations

from urllib.parse import urlsplit
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from accounts.callers import reader
from accounts.errors import LimitReachedError
from accounts.limits.counting import within_limits
from accounts.limits.notices import Standing, notices_for
from accounts.models import User
from accounts.people.insights import open_into
from app.errors import BadInputError, NotFoundError
from chat.models import Assistant, Conversation, Message
from chat.pages import prompts, queries
from chat.pages.assistants import choices_of, model_in, models_of
from chat.pages.files import attached_with
from chat.pages.sidebar import own_conversation, sidebar
from chat.verbs import asking, choosing, continuing, stopping
from chat.verbs.attaching import accepted_kinds
from chat.verbs.choosing_models import choose_model


@login_required
@require_GET
def home(request: HttpRequest) -> HttpResponse:
    """The empty page one starts from, with a saved prompt in it where the address names one."""
    page = _new_page(request, request.GET.get("assistant")) | prompts.used(request)
    return render(request, "chat/page.html", page)


def _new_page(request: HttpRequest, slug: str | None) -> dict[str, object]:
    user = reader(request)
    assistants = list(Assistant.objects.visible_to(user).select_related("model"))
    assistant = next((one for one in assistants if one.slug == slug), assistants[0] if assistants else None)
    context = {"conversation": None, "assistant": assistant, "assistants": assistants}
    choice = choices_of(user, [assistant])[0] if assistant else None
    more: dict[str, object] = {"choice": choice, "notices": _notices(user, assistant), "insights": open_into(user)}
    more |= _composing(user, None)
    return context | models_of(assistant) | sidebar(request) | more


@login_required
@require_GET
def conversation(request: HttpRequest, conversation_id: UUID) -> HttpResponse:
    return render(request, "chat/page.html", _page_of(request, conversation_id))


def _page_of(request: HttpRequest, conversation_id: UUID) -> dict[str, object]:
    user = reader(request)
    mine = Conversation.objects.visible_to(user).select_related("assistant__model", "model")
    found = get_object_or_404(mine, pk=conversation_id)
    context = {
        "conversation": found,
        "assistant": found.assistant,
        "assistants": [],
        "kept_under": list(found.tags.all()),
    }
    context |= _turns(request, found, showing=_id_in(request, "at")) | models_of(found.assistant, found)
    context |= _composing(user, found)
    notices = {"notices": _notices(user, found.assistant), "insights": open_into(user)}
    return context | sidebar(request, found.id) | notices


def _composing(user: User, found: Conversation | None) -> dict[str, object]:
    """What stands where one writes: files that wait for a question, and which can be brought in."""
    return {"waiting_files": queries.waiting_files(user, found), "file_kinds": ",".join(accepted_kinds())}


def _notices(user: User, assistant: Assistant | None) -> list[Standing]:
    """The limits that a reader should know to be near."""
    return notices_for(user, assistant_id=assistant.pk if assistant else None)


def _turns(request: HttpRequest, found: Conversation, showing: UUID | None = None) -> dict[str, object]:
    """The messages that a page shows, and the question in them that is being edited without scripts."""
    until = _id_in(request, "until")
    turns = queries.turns_of(found, until=until, showing=showing)
    if until and not turns.items:
        raise NotFoundError()
    return {"turns": turns.items, "earlier": turns.earlier, "until": until, "editing": _id_in(request, "edit")}


def _id_in(request: HttpRequest, name: str) -> UUID | None:
    """The id that a part of the address names. Raises BadInputError when it is none."""
    text = request.GET.get(name)
    try:
        return UUID(text) if text else None
    except ValueError as error:
        raise BadInputError(f'"{name}" in this address must be the id of a message.') from error


@login_required
@require_GET
def turns(request: HttpRequest, conversation_id: UUID) -> HttpResponse:
    """The messages of a conversation alone, as a fragment: the newest, or those before what is there."""
    mine = Conversation.objects.visible_to(reader(request)).select_related("assistant__model")
    found = get_object_or_404(mine, pk=conversation_id)
    return render(request, "chat/_turns.html", {"conversation": found} | _turns(request, found))


@login_required
@require_POST
def ask_first(request: HttpRequest) -> HttpResponse:
    """A question that begins a conversation."""
    user = reader(request)
    slug = request.POST.get("assistant")
    assistant = get_object_or_404(Assistant.objects.visible_to(user), slug=slug) if slug else None
    if not request.POST.get("text", "").strip():
        raise BadInputError("Write a question first.")
    try:
        with within_limits():
            return _ask(request, asking.start_conversation(user, assistant=assistant, model=model_in(request)))
    except LimitReachedError as error:
        return _refused(request, _new_page(request, slug), error)


@login_required
@require_POST
def ask_here(request: HttpRequest, conversation_id: UUID) -> HttpResponse:
    found = own_conversation(request, conversation_id)
    try:
        if "model" in request.POST:
            choose_model(reader(request), conversation=found, model=model_in(request))
        return _ask(request, found)
    except LimitReachedError as error:
        return _refused(request, _page_of(request, conversation_id), error)


def _ask(request: HttpRequest, found: Conversation) -> HttpResponse:
    text, client_id = _asked(request)
    asked_with = attached_with(request, found)
    asking.ask(reader(request), conversation=found, text=text, client_id=client_id, files=asked_with)
    return redirect("chat:conversation", found.id)


def _asked(request: HttpRequest) -> tuple[str, str | None]:
    """What the form of a question says, and its client id."""
    return request.POST.get("text", ""), request.POST.get("client_id", "")[:64] or None


def _refused(request: HttpRequest, page: dict[str, object], error: LimitReachedError) -> HttpResponse:
    """The page it was asked on, with the question where it was written and the reason above where one writes."""
    page |= {"refused": error, "edited" if page.get("editing") else "text": request.POST.get("text", "")}
    response = render(request, "chat/page.html", page, status=error.status)
    for name, value in error.headers().items():
        response[name] = value
    return response


@login_required
@require_POST
def stop(request: HttpRequest, message_id: UUID) -> HttpResponse:
    answer = _answer(request, message_id)
    stopping.stop_answer(reader(request), answer=answer)
    return _done(request, answer)


@login_required
@require_POST
def again(request: HttpRequest, message_id: UUID) -> HttpResponse:
    answer = _answer(request, message_id)
    asking.regenerate(reader(request), answer=answer)
    return _done(request, answer)


@login_required
@require_POST
def edit(request: HttpRequest, message_id: UUID) -> HttpResponse:
    """Another question in the place of one that was asked."""
    question = get_object_or_404(Message.objects.visible_to(reader(request)), pk=message_id, role=Message.Role.USER)
    text, client_id = _asked(request)
    try:
        turn = asking.edit_question(reader(request), question=question, text=text, client_id=client_id)
    except LimitReachedError as error:
        page = _page_of(request, question.conversation_id) | {"editing": question.id}
        return _refused(request, page, error)
    return _done(request, turn.answer)


@login_required
@require_POST
def choose(request: HttpRequest, message_id: UUID) -> HttpResponse:
    """Another version of a question or an answer, with everything that follows it."""
    messages = Message.objects.visible_to(reader(request)).select_related("conversation__assistant__model")
    message = get_object_or_404(messages, pk=message_id)
    choosing.choose_version(reader(request), message=message)
    found = message.conversation
    if request.headers.get("HX-Request"):
        context = {"conversation": found} | _turns(request, found, showing=message.id)
        return render(request, "chat/_turns.html", context)
    return redirect(reverse("chat:conversation", args=[found.id]) + f"#m-{message.id}")


@login_required
@require_POST
def go_on(request: HttpRequest, message_id: UUID) -> HttpResponse:
    answer = _answer(request, message_id)
    continuing.continue_answer(reader(request), answer=answer)
    return _done(request, answer)


@login_required
@require_GET
def leaving(request: HttpRequest) -> HttpResponse:
    """Shows where a link in an answer leads before it is followed."""
    target = request.GET.get("to", "")
    parts = urlsplit(target)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise BadInputError("This link does not lead to a web page.")
    return render(request, "chat/leaving.html", {"target": target, "host": parts.hostname})


def _answer(request: HttpRequest, message_id: UUID) -> Message:
    answers = Message.objects.visible_to(reader(request)).filter(role=Message.Role.ASSISTANT)
    return get_object_or_404(answers, pk=message_id)


def _done(request: HttpRequest, answer: Message) -> HttpResponse:
    """Nothing to draw for htmx, since the socket tells the news; a redirect for a plain form."""
    if request.headers.get("HX-Request"):
        return HttpResponse(status=204)
    return redirect("chat:conversation", answer.conversation_id)
