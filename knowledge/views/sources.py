"""Sources: the list, and one with its documents."""

from __future__ import annotations

from typing import Any, cast
from uuid import UUID

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_GET

from accounts.callers import reader
from accounts.rights import can
from knowledge import listing, overview, queries
from knowledge.connectors.registry import connector_of
from knowledge.extraction.formats import READABLE, accepted
from knowledge.models import Source
from knowledge.publication import progress
from knowledge.syncs import scheduling
from knowledge.views.syncs import latest_of

SEARCHED_FROM = 10


@login_required
@require_GET
def sources(request: HttpRequest) -> HttpResponse:
    user = reader(request)
    found = list(queries.counted(queries.sources_of(user)))
    words = " ".join(request.GET.get("q", "").split())[:120]
    shown = [source for source in found if words.lower() in source.name.lower()]
    kept = [source for source in shown if can(user, "knowledge.edit_source", source)]
    context = {
        "kept": overview.lines_of(kept, keeps=True),
        "readable": overview.lines_of([source for source in shown if source not in kept], keeps=False),
        "deleted": Source.objects.restorable_by(user).order_by("-deleted_at")[:20],
        "may_create": can(user, "knowledge.create_source"),
        "words": words,
        "is_many": len(found) > SEARCHED_FROM,
    }
    return render(request, "knowledge/sources.html", context)


@login_required
@require_GET
def source(request: HttpRequest, source_id: UUID) -> HttpResponse:
    found = queries.get_source(reader(request), source_id)
    context = _documents(request, found)
    if context["keeps"]:
        context |= _for_its_keeper(found)
    return render(request, "knowledge/source.html", context)


@login_required
@require_GET
def documents(request: HttpRequest, source_id: UUID) -> HttpResponse:
    """The table of documents alone: what the page asks for while some are being read."""
    found = queries.get_source(reader(request), source_id)
    return render(request, "knowledge/_documents.html", _documents(request, found))


def _for_its_keeper(source: Source) -> dict[str, Any]:
    """Where a source comes from, how often it is looked through, and what can be brought here."""
    connector = connector_of(source.kind)
    return {
        "connector": connector,
        "settings": [
            (about.title or name, ", ".join(map(str, value)) if isinstance(value, list) else value)
            for name, about in connector.settings_schema.model_fields.items()
            if (value := source.config.get(name)) not in (None, "", [], about.default)
        ],
        "rhythm": scheduling.describe(source.schedule),
        "readable": READABLE,
        "accept": accepted(),
        "most_megabytes": settings.UPLOAD_MAX_BYTES // 1_000_000,
        "most_bytes": settings.UPLOAD_MAX_BYTES,
        **latest_of(source),
    }


def _documents(request: HttpRequest, source: Source) -> dict[str, Any]:
    user = reader(request)
    keeps = can(user, "knowledge.edit_source", source)
    wanted = listing.Wanted.of(request.GET)
    page = listing.page_of(source, user, wanted, keeps=keeps)
    filters = _filters(source, wanted) if keeps else []
    is_being_read = any(one["name"] == "waiting" and one["count"] for one in filters)
    told = progress.told(document.pk for document in page.items if not document.is_settled)
    return {
        "source": source,
        "keeps": keeps,
        "reads": Source.objects.visible_to(user).filter(pk=source.pk).exists(),
        "rows": [
            {"document": one, "version": next(iter(one.current), None), "progress": told.get(one.pk)}
            for one in cast("list[Any]", page.items)
        ],
        "states": {document.state for document in page.items},
        "is_unsettled": any(not document.is_settled for document in page.items),
        "wanted": wanted,
        "filters": filters,
        "is_growing": keeps and (is_being_read or _is_looked_through(source)),
        "orders": listing.ORDERS.items(),
        "here": reverse("knowledge:source", args=[source.pk]),
        "next": page.next and wanted.but(cursor=page.next).query,
        "start": wanted.but().query,
    }


def _is_looked_through(source: Source) -> bool:
    return source.syncs.filter(finished_at=None).exists()


def _filters(source: Source, wanted: listing.Wanted) -> list[dict[str, Any]]:
    """The chips above the table: those with documents, the one that is chosen, and all."""
    counts = listing.count_by_filter(source)
    return [
        {"name": name, "label": label, "count": counts[name], "query": wanted.but(state=name).query}
        for name, (label, _) in listing.FILTERS.items()
        if counts[name] or name in ("", wanted.state)
    ]
