"""The review page: the queue on the left, one case on the right. All of it works as plain forms; htmx keeps it live."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST
from django.views.decorators.vary import vary_on_headers

from accounts.callers import reader
from accounts.rights import require
from app.errors import BadInputError, ConflictError, NotFoundError, ParleyError
from moderation.models import Case
from moderation.review import cases, queries

CHANGED = "cases-changed"


@login_required
@require_GET
@vary_on_headers("HX-Request")
def queue(request: HttpRequest) -> HttpResponse:
    """The queue; as a fragment its rows and counts, or 204 while they are what the page shows already."""
    require(reader(request), "moderation.review")
    if not _wants_fragment(request):
        return render(request, "moderation/page.html", _page_of(request))
    part = _queue_of(request)
    if part["queue_mark"] == request.GET.get("seen"):
        return HttpResponse(status=204)
    return render(request, "moderation/_queue_news.html", part)


@login_required
@require_GET
@vary_on_headers("HX-Request")
def case(request: HttpRequest, case_id: UUID) -> HttpResponse:
    """One case beside the queue; as a fragment the case alone, or 204 while nothing happened to it."""
    found = _find(request, case_id)
    if not _wants_fragment(request):
        cases.note_case_read(reader(request), case=found)
        return render(request, "moderation/page.html", _page_of(request) | _case_of(request, found))
    context = _case_of(request, found)
    if context["pane"].mark == request.GET.get("seen"):
        return HttpResponse(status=204)
    cases.note_case_read(reader(request), case=found)
    return render(request, "moderation/_case.html", context)


@login_required
@require_POST
def claim(request: HttpRequest, case_id: UUID) -> HttpResponse:
    return _do(request, case_id, lambda: cases.claim_case(reader(request), case_id=case_id))


@login_required
@require_POST
def release(request: HttpRequest, case_id: UUID) -> HttpResponse:
    return _do(request, case_id, lambda: cases.release_claim(reader(request), case_id=case_id, fence=_fence(request)))


@login_required
@require_POST
def renew(request: HttpRequest, case_id: UUID) -> HttpResponse:
    """The page's heartbeat: nothing to draw while the claim is one's own."""
    try:
        cases.renew_claim(reader(request), case_id=case_id, fence=_fence(request))
    except ConflictError as error:
        return _show(request, case_id, error)
    return HttpResponse(status=204)


@login_required
@require_POST
def decide(request: HttpRequest, case_id: UUID) -> HttpResponse:
    sent = request.POST
    return _do(
        request,
        case_id,
        lambda: cases.decide_case(
            reader(request),
            case_id=case_id,
            action=sent.get("action", ""),
            reason=sent.get("reason", ""),
            fence=_fence(request),
            text=sent.get("text", ""),
        ),
    )


def _do(request: HttpRequest, case_id: UUID, deed: Callable[[], object]) -> HttpResponse:
    """Do it and show the case as it is then; what stands against it is said in place, with nothing lost."""
    try:
        deed()
    except (BadInputError, ConflictError) as error:
        return _show(request, case_id, error)
    if not _wants_fragment(request):
        return redirect(_address(request, case_id))
    response = render(request, "moderation/_case.html", _case_of(request, _find(request, case_id)))
    response["HX-Trigger"] = CHANGED
    return response


def _show(request: HttpRequest, case_id: UUID, error: ParleyError) -> HttpResponse:
    """The case with what went wrong. A fragment goes out with 200, because htmx draws no other."""
    context = _case_of(request, _find(request, case_id)) | {"error": error, "sent": request.POST}
    if not _wants_fragment(request):
        return render(request, "moderation/page.html", _page_of(request) | context, status=error.status)
    response = render(request, "moderation/_case.html", context)
    response["HX-Trigger"] = CHANGED
    return response


def _page_of(request: HttpRequest) -> dict[str, Any]:
    return {"pane": None, **_queue_of(request)}


def _queue_of(request: HttpRequest) -> dict[str, Any]:
    """The queue's rows and counts as HTML, with a mark that changes when they do."""
    user, name = reader(request), _filter(request)
    cursor = request.GET.get("cursor")
    page = queries.queue_of(user, name, cursor)
    counts = queries.counts_of(user)
    chips = [
        {"name": key, "label": label, "href": _queue_address(key), "count": counts.get(key), "is_current": key == name}
        for key, label in queries.FILTERS.items()
    ]
    context = {
        "filter": name,
        "cases": page.items,
        "chips": chips,
        "current_id": request.GET.get("case")
        or (request.resolver_match and request.resolver_match.kwargs.get("case_id")),
        "next_url": _queue_address(name, cursor=page.next) if page.next else "",
        "news_url": _queue_address(name, **({"cursor": cursor} if cursor else {})),
        "first_url": _queue_address(name) if cursor else "",
    }
    rows = render_to_string("moderation/_rows.html", context)
    filters = render_to_string("moderation/_filters.html", context)
    mark = hashlib.sha256((rows + filters).encode()).hexdigest()[:16]
    return context | {"queue_rows": rows, "queue_filters": filters, "queue_mark": mark}


def _case_of(request: HttpRequest, found: Case) -> dict[str, Any]:
    return {"pane": queries.pane_of(reader(request), found), "filter": _filter(request)}


def _find(request: HttpRequest, case_id: UUID) -> Case:
    found = queries.find_case(reader(request), case_id)
    if found is None:
        raise NotFoundError()
    return found


def _current_case(request: HttpRequest) -> str:
    """The case that is open beside the queue: of this address, or told by the page's own refresh."""
    at = request.resolver_match.kwargs.get("case_id") if request.resolver_match else None
    return str(at or request.GET.get("case", ""))


def _filter(request: HttpRequest) -> str:
    name = request.GET.get("filter", "open")
    return name if name in queries.FILTERS else "open"


def _fence(request: HttpRequest) -> int:
    value = request.POST.get("fence", "")
    if not (value.isascii() and value.isdecimal()) or len(value) > 9:
        raise BadInputError("Reload the page: it has lost track of your claim.")
    return int(value)


def _queue_address(name: str, **more: str) -> str:
    return reverse("moderation:queue") + "?" + urlencode({"filter": name} | more)


def _address(request: HttpRequest, case_id: UUID) -> str:
    return reverse("moderation:case", args=[case_id]) + "?" + urlencode({"filter": _filter(request)})


def _wants_fragment(request: HttpRequest) -> bool:
    """htmx asks for a part of the page, except when it restores a whole one for the Back button."""
    return "HX-Request" in request.headers and "HX-History-Restore-Request" not in request.headers
