"""What stands in the sidebar beside every page of the chat, and its parts as fragments.

Which conversations are listed stands in the page's address (``?tag=…``, ``?shelf=archive``), so that it is there again
after a reload; what htmx asks for is drawn for the page that asked.
"""

from __future__ import annotations

from urllib.parse import parse_qsl, urlsplit
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import Resolver404, resolve, reverse
from django.views.decorators.http import require_GET

from accounts.callers import reader
from chat.models import Conversation
from chat.pages import queries
from chat.pages.queries import Shelf


def sidebar(request: HttpRequest, current: UUID | None = None, *, is_paged: bool = True) -> dict[str, object]:
    """The context of ``chat/_sidebar.html``. ``current`` is the conversation on the page; a page with a list of its own
    is not paged by the cursor in its address.
    """
    user = reader(request)
    listed = shelf_of(request)
    cursor = request.GET.get("cursor") if is_paged else None
    page = queries.sidebar_of(user, cursor, listed)
    current = current or open_conversation_id(request)
    here = reverse("chat:conversation", args=[current]) if current else reverse("chat:home")
    return {
        "here": here,
        "is_here": _page_of(request) == here,
        "shelf": listed,
        "tags": queries.tags_of(user),
        "pinned": [] if cursor else queries.pins_of(user, listed),
        "conversations": queries.by_day(page.items),
        "conversations_next": page.next,
        "current_id": current,
    }


@login_required
@require_GET
def older(request: HttpRequest) -> HttpResponse:
    """More of the list."""
    return render(request, "chat/_conversations.html", sidebar(request))


@login_required
@require_GET
def shelf(request: HttpRequest) -> HttpResponse:
    """The list of another tag, or of the archive."""
    return render(request, "chat/_shelf.html", sidebar(request))


def own_conversation(request: HttpRequest, conversation_id: UUID) -> Conversation:
    """Raises Http404 for what is not there, or not there for this reader."""
    return get_object_or_404(Conversation.objects.visible_to(reader(request)), pk=conversation_id)


def open_conversation_id(request: HttpRequest) -> UUID | None:
    """The conversation on the page, where htmx asks from one."""
    try:
        match = resolve(_page_of(request))
    except Resolver404:
        return None
    return match.kwargs["conversation_id"] if match.view_name == "chat:conversation" else None


def _page_of(request: HttpRequest) -> str:
    """The path of the page that is drawn, or from which htmx asks."""
    try:
        return urlsplit(request.headers.get("HX-Current-URL", "")).path or request.path
    except ValueError:
        return request.path


def shelf_of(request: HttpRequest) -> Shelf:
    """What the address asks for: after a deed by htmx that of the page, which stays where it is."""
    if request.method == "POST" and (page := request.headers.get("HX-Current-URL")):
        try:
            return Shelf.of(dict(parse_qsl(urlsplit(page).query)))
        except ValueError:
            return Shelf()
    return Shelf.of(request.GET)
