"""Files brought in by hand: all at once from the form, or one by one from the script, which follows each to its end."""

from __future__ import annotations

from typing import Any, cast
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.files.uploadedfile import UploadedFile
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop
from django.views.decorators.http import require_GET, require_POST

from accounts.callers import reader
from app.errors import BadInputError
from app.web.saying import said
from knowledge import ingestion, queries
from knowledge.models import Document
from knowledge.publication import progress

FOLLOWED = 50
WORDS = {
    Document.State.QUEUED: gettext_noop("Waiting to be read"),
    Document.State.PROCESSING: gettext_noop("Being read"),
    Document.State.PUBLISHED: gettext_noop("Published"),
    Document.State.HELD: gettext_noop("Held"),
    Document.State.REJECTED: gettext_noop("Not taken"),
    Document.State.WITHDRAWN: gettext_noop("Withdrawn"),
}


@login_required
@require_POST
def upload(request: HttpRequest, source_id: UUID) -> HttpResponse:
    """``folder`` is where a file lay in a folder that was dropped or chosen as a whole."""
    user = reader(request)
    found = queries.get_source_kept(user, source_id)
    files = cast("list[UploadedFile[Any]]", request.FILES.getlist("file"))
    if not files:
        raise BadInputError("Choose at least one file.")
    wants_json = request.headers.get("Accept", "").startswith("application/json")
    taken: list[Document] = []
    for file in files:
        try:
            folder = request.POST.get("folder", "")
            name = file.name or ""
            taken.append(ingestion.upload_document(actor=user, source=found, file=file, name=name, folder=folder))
        except BadInputError as error:
            if wants_json:
                raise
            messages.error(request, _("%(name)s: %(message)s") % {"name": file.name, "message": said(error.message)})
    if wants_json:
        return JsonResponse(_told(taken[0], None) | {"was_here": taken[0].is_settled}, status=202)
    return redirect("knowledge:source", source_id)


@login_required
@require_GET
def follow(request: HttpRequest, source_id: UUID) -> HttpResponse:
    """How documents stand that were brought in just now: ``id`` as often as there are some."""
    found = queries.get_source_kept(reader(request), source_id)
    try:
        wanted = [UUID(one) for one in request.GET.getlist("id")[:FOLLOWED]]
    except ValueError as error:
        raise BadInputError("This is not a document's id.") from error
    documents = list(found.documents.filter(pk__in=wanted))
    told = progress.told(document.pk for document in documents if not document.is_settled)
    return JsonResponse({"documents": [_told(document, told.get(document.pk)) for document in documents]})


def _told(document: Document, at: progress.Progress | None) -> dict[str, Any]:
    """A document as the script shows it: its state or the stage it is at in words, and the reason."""
    return {
        "id": str(document.pk),
        "name": document.key,
        "state": document.state,
        "is_settled": document.is_settled,
        "words": _capitalised(_(at.stage)) if at else _(WORDS[Document.State(document.state)]),
        "detail": said(document.reason) if document.is_settled else "",
        "percent": at.percent if at else 0,
        "url": reverse("knowledge:document_about", args=[document.pk]),
    }


def _capitalised(words: str) -> str:
    return words[:1].upper() + words[1:]
