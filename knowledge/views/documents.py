"""Documents: opening one, and taking it out, bringing it back, reading it again."""

from __future__ import annotations

from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from accounts.callers import reader
from app.errors import NotFoundError
from knowledge import ingestion, queries
from knowledge.views.fragments import changed


@login_required
@require_POST
def withdraw(request: HttpRequest, document_id: UUID) -> HttpResponse:
    user = reader(request)
    found = ingestion.withdraw_document(actor=user, document=queries.get_document_kept(user, document_id))
    undo = reverse("knowledge:restore", args=[found.pk])
    return changed(request, found, f"Withdrawn: {found.title}. No search finds it any more.", undo)


@login_required
@require_POST
def restore(request: HttpRequest, document_id: UUID) -> HttpResponse:
    user = reader(request)
    found = ingestion.restore_document(actor=user, document=queries.get_document_kept(user, document_id))
    return changed(request, found, f"Back again: {found.title}.")


@login_required
@require_POST
def retry(request: HttpRequest, document_id: UUID) -> HttpResponse:
    user = reader(request)
    found = ingestion.retry_document(actor=user, document=queries.get_document_kept(user, document_id))
    return changed(request, found, f"Reading {found.title} once more.")


@login_required
@require_GET
def document(request: HttpRequest, document_id: UUID) -> HttpResponse:
    """A document, opened at its beginning."""
    found = queries.get_document(reader(request), document_id)
    version = found.published_version()
    first = version.passages.order_by("ordinal").first() if version else None
    if first is None:
        raise NotFoundError
    return redirect(f"{reverse('knowledge:passage', args=[first.pk])}?{request.GET.urlencode()}".rstrip("?"))
