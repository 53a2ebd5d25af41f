"""Pausing and resuming a source, deleting it and bringing it back, and giving it to somebody else to keep."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from accounts.callers import reader
from app.errors import BadInputError
from knowledge import queries
from knowledge import sources as keeping


@login_required
@require_POST
def pause(request: HttpRequest, source_id: UUID) -> HttpResponse:
    user = reader(request)
    keeping.pause_source(actor=user, source=queries.get_source_kept(user, source_id))
    messages.success(request, _("Paused. What is here is still found; nothing new is taken in."))
    return redirect("knowledge:source", source_id)


@login_required
@require_POST
def resume(request: HttpRequest, source_id: UUID) -> HttpResponse:
    user = reader(request)
    keeping.resume_source(actor=user, source=queries.get_source_kept(user, source_id))
    messages.success(request, _("Resumed."))
    return redirect("knowledge:source", source_id)


@login_required
@require_POST
def delete(request: HttpRequest, source_id: UUID) -> HttpResponse:
    user = reader(request)
    source = keeping.delete_source(actor=user, source=queries.get_source_kept(user, source_id))
    messages.success(
        request,
        _("Deleted: %(name)s. Nothing of it is found any more. It can be brought back below.") % {"name": source.name},
    )
    return redirect("knowledge:sources")


@login_required
@require_POST
def restore(request: HttpRequest, source_id: UUID) -> HttpResponse:
    user = reader(request)
    try:
        source = keeping.restore_source(actor=user, source=queries.get_source_deleted(user, source_id))
    except BadInputError as error:
        messages.error(request, error.message)
        return redirect("knowledge:sources")
    messages.success(request, _("Back again: %(name)s.") % {"name": source.name})
    return redirect("knowledge:source", source_id)


@login_required
@require_POST
def hand_over(request: HttpRequest, source_id: UUID) -> HttpResponse:
    user = reader(request)
    source = queries.get_source_kept(user, source_id)
    try:
        person = queries.get_keeper(request.POST.get("email", "").strip())
        keeping.hand_over_source(actor=user, source=source, owner=person)
    except BadInputError as error:
        messages.error(request, error.message)
        return redirect("knowledge:change_source", source_id)
    messages.success(
        request, _("%(name)s is kept by %(person)s from now on.") % {"name": source.name, "person": person}
    )
    return redirect("knowledge:sources")
