"""The account page for everything of one's own: taking it along, deleting all conversations, bringing them back."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db.models import Count
from django.http import FileResponse, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from accounts.callers import reader
from accounts.erasing.deeds import ask_erasure as ask
from accounts.erasing.deeds import decline_erasure
from accounts.erasing.holdings import Holding, told_to
from accounts.models import Erasure, User
from accounts.retention.kinds import days_for, find_kind
from app.errors import BadInputError, ConflictError, NotAllowedError, NotFoundError
from chat.models import Conversation, Export
from chat.verbs import erasing, exporting
from chat.writing.purging import grace

DELETED_SHOWN = 10


@login_required
@never_cache
@require_GET
def show(request: HttpRequest) -> HttpResponse:
    return render(request, "chat/own_data.html", _page(reader(request)))


def _page(user: User) -> dict[str, Any]:
    deleted = (
        Conversation.objects.filter(owner=user, deleted_at__gt=timezone.now() - grace())
        .values("deleted_at")
        .annotate(count=Count("pk"))
        .order_by("-deleted_at")[:DELETED_SHOWN]
    )
    erasure = Erasure.objects.filter(person=user).live().first()
    return {
        "held": [(one, _kept_for(user, one.holding)) for one in told_to(user)],
        "erasure": erasure,
        "deletion": settings.ACCOUNT_DELETION,
        "count": Conversation.objects.visible_to(user).count(),
        "deleted": [one | {"gone_at": one["deleted_at"] + grace()} for one in deleted if one["deleted_at"]],
        "days": grace().days,
    } | _exports(user)


def _kept_for(user: User, holding: Holding) -> int | None:
    kind = find_kind(holding.kind)
    return days_for(user, kind) if kind else None


def _exports(user: User) -> dict[str, Any]:
    """The newest export, and whether it can be fetched, is being written, or failed."""
    newest = Export.objects.visible_to(user).order_by("-requested_at").first()
    is_ready = newest is not None and Export.objects.ready().filter(pk=newest.pk).exists()
    return {"newest": newest, "is_ready": is_ready}


@login_required
@require_POST
def request_export(request: HttpRequest) -> HttpResponse:
    exporting.request_export(reader(request))
    return _export_again(request)


@login_required
@never_cache
@require_GET
def progress(request: HttpRequest) -> HttpResponse:
    """How far the export is, as a fragment that asks again by itself."""
    return render(request, "chat/_own_export.html", _exports(reader(request)))


@login_required
@never_cache
@require_GET
def download(request: HttpRequest, export_id: UUID) -> FileResponse:
    found = _export(request, export_id)
    path = exporting.download_export(reader(request), export=found)
    name = f"parley-{found.requested_at:%Y-%m-%d}.zip"
    response = FileResponse(path.open("rb"), as_attachment=True, filename=name, content_type="application/zip")
    response["X-Content-Type-Options"] = "nosniff"
    return response


@login_required
@require_POST
def discard(request: HttpRequest, export_id: UUID) -> HttpResponse:
    exporting.discard_export(reader(request), export=_export(request, export_id))
    return _export_again(request)


def _export(request: HttpRequest, export_id: UUID) -> Export:
    return get_object_or_404(Export.objects.visible_to(reader(request)), pk=export_id)


def _export_again(request: HttpRequest) -> HttpResponse:
    if request.headers.get("HX-Request"):
        return render(request, "chat/_own_export.html", _exports(reader(request)))
    return redirect("chat:own_data")


@login_required
@require_POST
def delete_all(request: HttpRequest) -> HttpResponse:
    """All conversations at once, with days to bring them back."""
    user = reader(request)
    try:
        count = erasing.delete_all_conversations(user, typed=request.POST.get("email", ""))
    except BadInputError as error:
        return render(request, "chat/own_data.html", _page(user) | {"wrong": error.message}, status=error.status)
    said = ngettext("%(count)d conversation is deleted.", "%(count)d conversations are deleted.", count)
    messages.success(request, said % {"count": count})
    return redirect("chat:own_data")


@login_required
@require_POST
def restore_all(request: HttpRequest) -> HttpResponse:
    """What was deleted at the moment that the form names; a moment that cannot be read is one without anything."""
    try:
        at = parse_datetime(request.POST.get("deleted_at", ""))
    except ValueError:
        at = None
    if at is None or timezone.is_naive(at):
        raise NotFoundError()
    count = erasing.restore_conversations(reader(request), deleted_at=at)
    said = ngettext("%(count)d conversation is back.", "%(count)d conversations are back.", count)
    messages.success(request, said % {"count": count})
    return redirect("chat:own_data")


@login_required
@require_POST
def ask_erasure(request: HttpRequest) -> HttpResponse:
    """Ask that one's account be deleted; where the house lets people do it themselves, it begins and one is out."""
    user = reader(request)
    try:
        erasure = ask(actor=user, typed=request.POST.get("email", ""))
    except (BadInputError, ConflictError, NotAllowedError) as error:
        wrong = {"cannot": error.message}
        return render(request, "chat/own_data.html", _page(user) | wrong, status=error.status)
    if erasure.is_asked:
        messages.success(request, _("Asked. An administrator sees to it."))
    return redirect("chat:own_data")


@login_required
@require_POST
def take_back_erasure(request: HttpRequest) -> HttpResponse:
    user = reader(request)
    erasure = get_object_or_404(Erasure.objects.live(), person=user)
    try:
        decline_erasure(actor=user, erasure=erasure)
    except ConflictError as error:
        messages.error(request, error.message)
    return redirect("chat:own_data")
