"""Sources: the list, a new one, one with its documents, and bringing files in."""

from __future__ import annotations

from typing import Any, cast
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.files.uploadedfile import UploadedFile
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from accounts.callers import reader
from accounts.rights import can
from app.errors import BadInputError
from app.web.paging import newest_first
from knowledge import ingestion, progress, queries
from knowledge import sources as keeping
from knowledge.models import Document, Source

ROWS = 50


@login_required
@require_GET
def sources(request: HttpRequest) -> HttpResponse:
    user = reader(request)
    found = list(queries.counted(queries.sources_of(user)))
    context = {
        "kept": [source for source in found if can(user, "knowledge.edit_source", source)],
        "readable": [source for source in found if not can(user, "knowledge.edit_source", source)],
        "may_create": can(user, "knowledge.create_source"),
    }
    return render(request, "knowledge/sources.html", context)


@login_required
@require_GET
def source(request: HttpRequest, source_id: UUID) -> HttpResponse:
    found = queries.get_source(reader(request), source_id)
    return render(request, "knowledge/source.html", _documents(request, found))


@login_required
@require_GET
def documents(request: HttpRequest, source_id: UUID) -> HttpResponse:
    """The table of documents alone: what the page asks for while some are being read."""
    found = queries.get_source(reader(request), source_id)
    return render(request, "knowledge/_documents.html", _documents(request, found))


@login_required
@require_POST
def upload(request: HttpRequest, source_id: UUID) -> HttpResponse:
    """Files from the form, all at once; or one by one from the script, which wants JSON."""
    user = reader(request)
    found = queries.get_source_kept(user, source_id)
    files = cast("list[UploadedFile[Any]]", request.FILES.getlist("file"))
    if not files:
        raise BadInputError("Choose at least one file.")
    wants_json = request.headers.get("Accept", "").startswith("application/json")
    taken: list[Document] = []
    for file in files:
        try:
            taken.append(ingestion.upload_document(actor=user, source=found, file=file, name=file.name or ""))
        except BadInputError as error:
            if wants_json:
                raise
            messages.error(request, f"{file.name}: {error.message}")
    if wants_json:
        return JsonResponse({"id": str(taken[0].pk), "state": taken[0].state}, status=202)
    return redirect("knowledge:source", source_id)


@login_required
@require_POST
def sync(request: HttpRequest, source_id: UUID) -> HttpResponse:
    user = reader(request)
    keeping.start_sync(actor=user, source=queries.get_source_kept(user, source_id))
    messages.success(request, "Looking through the folder. New and changed files appear below.")
    return redirect("knowledge:source", source_id)


def _documents(request: HttpRequest, source: Source) -> dict[str, Any]:
    user = reader(request)
    cursor = request.GET.get("cursor")
    page = newest_first(queries.documents_of(source, user), by="created_at", limit=ROWS, cursor=cursor)
    told = progress.told(document.pk for document in page.items if not document.is_settled)
    return {
        "source": source,
        "keeps": can(user, "knowledge.edit_source", source),
        "reads": Source.objects.visible_to(user).filter(pk=source.pk).exists(),
        "rows": [
            {"document": one, "version": next(iter(one.current), None), "progress": told.get(one.pk)}
            for one in cast("list[Any]", page.items)
        ],
        "is_unsettled": any(not document.is_settled for document in page.items),
        "next": page.next,
        "cursor": cursor,
    }
