"""Renaming, pinning, tagging, archiving, deleting a conversation: each a form, which htmx answers with what changed."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from accounts.callers import reader
from chat.models import Conversation, Tag
from chat.pages import queries
from chat.pages.sidebar import open_conversation_id, own_conversation, shelf_of, sidebar
from chat.verbs import keeping


@login_required
@require_GET
def keep(request: HttpRequest, conversation_id: UUID) -> HttpResponse:
    """What can be done with a conversation: a page, or the menu of its row."""
    found = own_conversation(request, conversation_id)
    context = {
        "conversation": found,
        "kept_under": list(found.tags.all()),
        "tags": queries.tags_of(reader(request)),
    }
    if request.headers.get("HX-Request"):
        return render(request, "chat/_conversation_menu.html", context)
    return render(request, "chat/keep.html", context | sidebar(request, found.id))


@login_required
@require_POST
def rename(request: HttpRequest, conversation_id: UUID) -> HttpResponse:
    found = own_conversation(request, conversation_id)
    keeping.rename_conversation(reader(request), conversation=found, title=request.POST.get("title", ""))
    if not request.headers.get("HX-Request"):
        return redirect("chat:conversation", found.id)
    found.refresh_from_db()
    context = {"conversation": found, "current_id": open_conversation_id(request), "shelf": shelf_of(request)}
    return render(request, "chat/_renamed.html", context)


@login_required
@require_POST
def pin(request: HttpRequest, conversation_id: UUID) -> HttpResponse:
    return _keep(request, conversation_id, keeping.pin_conversation)


@login_required
@require_POST
def unpin(request: HttpRequest, conversation_id: UUID) -> HttpResponse:
    return _keep(request, conversation_id, keeping.unpin_conversation)


@login_required
@require_POST
def archive(request: HttpRequest, conversation_id: UUID) -> HttpResponse:
    said = "Conversation archived."
    return _keep(request, conversation_id, keeping.archive_conversation, said, undo="chat:unarchive")


@login_required
@require_POST
def unarchive(request: HttpRequest, conversation_id: UUID) -> HttpResponse:
    said = "Back among your conversations."
    return _keep(request, conversation_id, keeping.unarchive_conversation, said, undo="chat:archive")


@login_required
@require_POST
def tag(request: HttpRequest, conversation_id: UUID) -> HttpResponse:
    found = own_conversation(request, conversation_id)
    keeping.tag_conversation(reader(request), conversation=found, name=request.POST.get("name", ""))
    return _kept(request, found)


@login_required
@require_POST
def untag(request: HttpRequest, conversation_id: UUID, tag_id: UUID) -> HttpResponse:
    found = own_conversation(request, conversation_id)
    mine = get_object_or_404(Tag.objects.visible_to(reader(request)), pk=tag_id)
    keeping.untag_conversation(reader(request), conversation=found, tag=mine)
    return _kept(request, found)


@login_required
@require_POST
def delete(request: HttpRequest, conversation_id: UUID) -> HttpResponse:
    """Gone from the list, with a way back."""
    found = own_conversation(request, conversation_id)
    keeping.delete_conversation(reader(request), conversation=found)
    if request.headers.get("HX-Request"):
        is_open = open_conversation_id(request) == found.id
        return render(request, "chat/_deleted.html", {"conversation": found, "is_open": is_open})
    return redirect("chat:home")


@login_required
@require_POST
def restore(request: HttpRequest, conversation_id: UUID) -> HttpResponse:
    gone = Conversation.objects.filter(owner=reader(request)).exclude(deleted_at=None)
    found = get_object_or_404(gone, pk=conversation_id)
    keeping.restore_conversation(reader(request), conversation=found)
    if request.headers.get("HX-Request"):
        return HttpResponse(status=204, headers={"HX-Refresh": "true"})
    return redirect("chat:conversation", found.id)


def _keep(
    request: HttpRequest, conversation_id: UUID, verb: Callable[..., None], said: str = "", undo: str = ""
) -> HttpResponse:
    found = own_conversation(request, conversation_id)
    verb(reader(request), conversation=found)
    return _kept(request, found, said, undo)


def _kept(request: HttpRequest, found: Conversation, said: str = "", undo: str = "") -> HttpResponse:
    """The conversation's page again; for htmx the list as it is now, and a word with the way back."""
    if not request.headers.get("HX-Request"):
        return redirect("chat:conversation", found.id)
    found.refresh_from_db()
    context = sidebar(request) | {
        "conversation": found,
        "kept_under": list(found.tags.all()),
        "is_open": open_conversation_id(request) == found.id,
        "said": said,
        "undo_url": reverse(undo, args=[found.id]) if undo else "",
    }
    return render(request, "chat/_kept.html", context)
