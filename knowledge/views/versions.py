"""Versions of documents: what changed between two, and the file of one."""

from __future__ import annotations

from pathlib import PurePath
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import FileResponse, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from accounts.callers import reader
from app.errors import NotFoundError
from knowledge.files import path_of
from knowledge.viewing import histories
from knowledge.viewing.comparing import LONGEST, compare

ROWS = 1500
SHAPES = ("side", "inline")


@login_required
@require_GET
def difference(request: HttpRequest, first_id: UUID, second_id: UUID) -> HttpResponse:
    """Two versions paragraph by paragraph, with the words that changed marked."""
    before, after = histories.get_two_to_compare(reader(request), first_id, second_id)
    shape = request.GET.get("shape", "")
    is_whole = request.GET.get("show") == "all"
    is_too_long = len(before.text) + len(after.text) > LONGEST
    comparison = None if is_too_long else compare(before.text, after.text, fold=not is_whole)
    context = {
        "before": before,
        "after": after,
        "is_one_document": before.document_id == after.document_id,
        "shape": shape if shape in SHAPES else SHAPES[0],
        "is_whole": is_whole,
        "comparison": comparison,
        "rows": comparison.rows[:ROWS] if comparison else [],
        "left_out": max(len(comparison.rows) - ROWS, 0) if comparison else 0,
    }
    return render(request, "knowledge/difference.html", context)


@login_required
@require_GET
def version_file(request: HttpRequest, version_id: UUID) -> FileResponse:
    """The file of a version as it came, to be saved, never to be run or shown by the browser."""
    version = histories.get_version_kept(reader(request), version_id)
    try:
        file = path_of(version.file).open("rb")
    except FileNotFoundError as error:
        raise NotFoundError("The original file is not kept any more.") from error
    name = PurePath(version.name or version.document.key)
    name = name.with_name(f"{name.stem} (version {version.number}){name.suffix}")
    response = FileResponse(file, as_attachment=True, filename=name.name, content_type="application/octet-stream")
    response["X-Content-Type-Options"] = "nosniff"
    response["Content-Security-Policy"] = "sandbox"
    return response
