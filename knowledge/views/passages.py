"""Passages: what an answer rests on, opened at the cited words."""

from __future__ import annotations

from pathlib import PurePath
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import FileResponse, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from accounts.callers import reader
from app.errors import NotFoundError
from knowledge import queries, viewing
from knowledge.files import path_of
from knowledge.views.fragments import is_fragment, number


@login_required
@require_GET
def passage(request: HttpRequest, passage_id: UUID) -> HttpResponse:
    """What an answer rests on: the words cited, marked, in the version they were cited from."""
    found = queries.get_passage(reader(request), passage_id)
    span = viewing.span_within(found, number(request, "start"), number(request, "end"))
    context = {
        "passage": found,
        "path": [name for name in found.heading_path if name != found.version.document.title],
        "version": found.version,
        "document": found.version.document,
        "source": found.version.document.source,
        "excerpt": viewing.excerpt(found, *span),
        "newer": found.version.withdrawn_at and found.version.document.published_version(),
    }
    template = "knowledge/_passage.html" if is_fragment(request) else "knowledge/passage.html"
    response = render(request, template, context)
    response["Vary"] = "HX-Request"
    return response


@login_required
@require_GET
def original(request: HttpRequest, passage_id: UUID) -> FileResponse:
    """The file a passage was read from, to be saved, never to be run or shown by the browser."""
    version = queries.get_passage(reader(request), passage_id).version
    try:
        file = path_of(version.file).open("rb")
    except FileNotFoundError as error:
        raise NotFoundError("The original file is not kept any more.") from error
    name = PurePath(version.document.key).name
    response = FileResponse(file, as_attachment=True, filename=name, content_type="application/octet-stream")
    response["X-Content-Type-Options"] = "nosniff"
    response["Content-Security-Policy"] = "sandbox"
    return response
