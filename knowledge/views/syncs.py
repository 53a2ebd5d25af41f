"""The runs over a source: starting one, following it, what each found, and what it took out."""

from __future__ import annotations

from typing import Any, Protocol
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_POST

from accounts.callers import reader
from accounts.models import User
from app.errors import ConflictError
from app.web.paging import newest_first
from knowledge import queries
from knowledge import sources as keeping
from knowledge.models import Source, Sync
from knowledge.syncs import removals

SHOWN = 5
ROWS = 50
FAILURES = 100


class Decide(Protocol):
    def __call__(self, *, actor: User, sync: Sync) -> int: ...


@login_required
@require_POST
def start(request: HttpRequest, source_id: UUID) -> HttpResponse:
    user = reader(request)
    keeping.start_sync(actor=user, source=queries.get_source_kept(user, source_id))
    return redirect("knowledge:source", source_id)


@login_required
@require_GET
def latest(request: HttpRequest, source_id: UUID) -> HttpResponse:
    """The last runs alone: what the source's page asks for while one is under way."""
    source = queries.get_source_kept(reader(request), source_id)
    context = {"source": source, "is_part": True, **latest_of(source)}
    response = render(request, "knowledge/_syncs.html", context)
    if context["live"] is None:
        response["HX-Trigger"] = "documents-changed"
    return response


@login_required
@require_GET
def all_syncs(request: HttpRequest, source_id: UUID) -> HttpResponse:
    source = queries.get_source_kept(reader(request), source_id)
    page = newest_first(source.syncs.all(), by="started_at", limit=ROWS, cursor=request.GET.get("cursor"))
    context = {"source": source, "syncs": page.items, "next": page.next}
    return render(request, "knowledge/syncs.html", context)


@login_required
@require_GET
def show(request: HttpRequest, sync_id: UUID) -> HttpResponse:
    sync = queries.get_sync(reader(request), sync_id)
    everything = "all" in request.GET
    context = {
        "sync": sync,
        "source": sync.source,
        "failures": sync.failures if everything else sync.failures[:FAILURES],
        "is_cut": not everything and len(sync.failures) > FAILURES,
        "out": sync.withdrawn.filter(state="withdrawn").order_by("title")[:FAILURES],
    }
    return render(request, "knowledge/sync.html", context)


@login_required
@require_POST
def undo(request: HttpRequest, sync_id: UUID) -> HttpResponse:
    """Bring back, or keep, what a run missed."""
    return _decided(request, sync_id, removals.undo_removals, _("Back again, to stay"))


@login_required
@require_POST
def confirm(request: HttpRequest, sync_id: UUID) -> HttpResponse:
    """Take out what is gone from the source."""
    return _decided(request, sync_id, removals.confirm_removals, _("Withdrawn"))


def latest_of(source: Source) -> dict[str, Any]:
    """The last runs, the one under way if there is one, and the one whose removals wait for a word."""
    syncs = list(source.syncs.order_by("-started_at")[:SHOWN])
    return {
        "syncs": syncs,
        "live": next((sync for sync in syncs if sync.finished_at is None), None),
        "waiting": next((sync for sync in syncs if sync.withheld), None),
    }


def _decided(request: HttpRequest, sync_id: UUID, deed: Decide, word: str) -> HttpResponse:
    user = reader(request)
    sync = queries.get_sync(user, sync_id)
    try:
        count = deed(actor=user, sync=sync)
    except ConflictError as error:
        messages.error(request, error.message)
    else:
        messages.success(
            request,
            ngettext("%(word)s: %(count)s document.", "%(word)s: %(count)s documents.", count)
            % {"word": word, "count": count},
        )
    return redirect("knowledge:source", sync.source_id)
