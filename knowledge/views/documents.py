"""Documents: opening one, what its keeper wants to know of it, and what its keeper decides."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from accounts.callers import reader
from accounts.models import User
from app.errors import BadInputError, ConflictError, NotFoundError
from knowledge import ingestion, queries, versions, viewing
from knowledge.models import Document, Source
from knowledge.publication import progress
from knowledge.viewing import histories
from knowledge.views.fragments import changed, is_fragment, number

VERSIONS, PASSAGES = 20, 25


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


@login_required
@require_GET
def about(request: HttpRequest, document_id: UUID) -> HttpResponse:
    """State, report, versions and passages, for its keeper. Its words only for one who may read them."""
    user = reader(request)
    found = queries.get_document_kept(user, document_id)
    context = {
        "document": found,
        "source": found.source,
        "link": viewing.outside_link(found.url),
        "reads": Source.objects.visible_to(user).filter(pk=found.source_id).exists(),
        "progress": None if found.is_settled else progress.told([found.pk]).get(found.pk),
        "longest_reason": versions.LONGEST_REASON,
    }
    context |= _report(found, user, reads=bool(context["reads"])) | _versions(request, found)
    context |= _passages(request, context["in_force"]) if context["reads"] else {}
    return render(request, "knowledge/document_about.html", context)


def _report(found: Document, user: User, *, reads: bool) -> dict[str, Any]:
    judged = histories.find_judged_version(found)
    return {"judged": judged, "findings": histories.findings_of(judged, user, reads=reads) if judged else []}


def _versions(request: HttpRequest, found: Document) -> dict[str, Any]:
    before = number(request, "versions_below")
    rows, below = histories.versions_of(found, before=before, limit=VERSIONS)
    in_force = found.versions.in_force().defer("text", "pages", "signature").first()
    is_settled = found.is_settled
    return {
        "versions": rows,
        "versions_below": below,
        "versions_from_start": before is not None,
        "in_force": in_force,
        "can_roll_back": in_force is not None and is_settled,
    }


def _passages(request: HttpRequest, in_force: Any) -> dict[str, Any]:
    if in_force is None:
        return {"passages": []}
    after = number(request, "passages_after")
    rows, next_after = histories.passages_of(in_force, after=after, limit=PASSAGES)
    return {"passages": rows, "passages_after": next_after, "passages_from_start": after is not None}


@login_required
@require_POST
def withdraw(request: HttpRequest, document_id: UUID) -> HttpResponse:
    user = reader(request)
    found = ingestion.withdraw_document(actor=user, document=queries.get_document_kept(user, document_id))
    undo = reverse("knowledge:restore", args=[found.pk])
    return _after(
        request, found, _("Withdrawn: %(title)s. No search finds it any more.") % {"title": found.title}, undo
    )


@login_required
@require_POST
def restore(request: HttpRequest, document_id: UUID) -> HttpResponse:
    user = reader(request)
    found = ingestion.restore_document(actor=user, document=queries.get_document_kept(user, document_id))
    return _after(request, found, _("Back again: %(title)s.") % {"title": found.title})


@login_required
@require_POST
def retry(request: HttpRequest, document_id: UUID) -> HttpResponse:
    user = reader(request)
    found = ingestion.retry_document(actor=user, document=queries.get_document_kept(user, document_id))
    return _after(request, found, _("Reading %(title)s once more.") % {"title": found.title})


@login_required
@require_POST
def release(request: HttpRequest, document_id: UUID) -> HttpResponse:
    user = reader(request)
    found = queries.get_document_kept(user, document_id)
    try:
        versions.release_document(actor=user, document=found)
    except ConflictError as error:
        return _told(request, found, error.message)
    return _after(request, found, _("Publishing %(title)s. It is found in a moment.") % {"title": found.title})


@login_required
@require_POST
def refuse(request: HttpRequest, document_id: UUID) -> HttpResponse:
    user = reader(request)
    found = queries.get_document_kept(user, document_id)
    try:
        versions.refuse_document(actor=user, document=found, reason=request.POST.get("reason", ""))
    except (ConflictError, BadInputError) as error:
        return _told(request, found, error.message)
    return _after(request, found, _("Refused: %(title)s. What readers find stays as it was.") % {"title": found.title})


@login_required
@require_POST
def roll_back(request: HttpRequest, document_id: UUID) -> HttpResponse:
    user = reader(request)
    found = queries.get_document_kept(user, document_id)
    wanted = request.POST.get("version", "")
    if not (wanted.isascii() and wanted.isdigit() and len(wanted) < 9):
        raise BadInputError("Say which version.")
    try:
        found = versions.roll_back(actor=user, document=found, number=int(wanted))
    except ConflictError as error:
        return _told(request, found, error.message)
    return _after(
        request,
        found,
        _("Version %(wanted)s of %(title)s is in force again.") % {"wanted": wanted, "title": found.title},
    )


def _after(request: HttpRequest, found: Document, text: str, undo_url: str = "") -> HttpResponse:
    """After a deed: the page it was done on again."""
    if request.POST.get("from") == "document" and not is_fragment(request):
        messages.success(request, text)
        return redirect("knowledge:document_about", found.pk)
    return changed(request, found, text, undo_url)


def _told(request: HttpRequest, found: Document, text: str) -> HttpResponse:
    """What could not be done, on the page that shows how things stand now."""
    messages.error(request, text)
    return redirect("knowledge:document_about", found.pk)
