"""Files in a conversation: bringing them in where one writes, how far they are, and the viewer of what was cited."""

from __future__ import annotations

import io
from http import HTTPStatus
from pathlib import PurePath
from typing import Any, cast
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.core.files.uploadedfile import UploadedFile
from django.http import FileResponse, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.cache import patch_vary_headers
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from accounts.callers import reader
from accounts.models import User
from app.errors import BadInputError, NotFoundError
from chat.models import Attachment, AttachmentPassage, Conversation
from chat.pages.sidebar import own_conversation
from chat.verbs import attaching
from chat.writing import file_bytes
from knowledge import viewing
from knowledge.viewing.rendering import Span
from knowledge.views.fragments import is_fragment, number


def attached_with(request: HttpRequest, conversation: Conversation | None) -> list[UUID]:
    """The files that a form goes out with: those that its page brought in before, and those that come with it."""
    try:
        named = [UUID(one) for one in request.POST.getlist("files")]
    except ValueError as error:
        raise BadInputError(_("A file of this form cannot be told apart. Reload the page.")) from error
    return named + [file.pk for file in _bring_in(request, conversation)]


def _bring_in(request: HttpRequest, conversation: Conversation | None) -> list[Attachment]:
    user = reader(request)
    files = cast("list[UploadedFile[Any]]", request.FILES.getlist("file"))
    return [
        attaching.attach_file(user, file=one, name=one.name or "", conversation=conversation)
        for one in files
        if one.name
    ]


@login_required
@require_POST
def attach(request: HttpRequest) -> HttpResponse:
    """One file, brought in before its question is sent: how it stands, or why it was not taken."""
    conversation_id = request.POST.get("conversation")
    try:
        conversation = own_conversation(request, UUID(conversation_id)) if conversation_id else None
    except ValueError as error:
        raise NotFoundError from error
    if "file" not in request.FILES:
        raise BadInputError(_("Choose a file first."))
    try:
        [file] = _bring_in(request, conversation)
    except BadInputError as error:
        upload = cast("UploadedFile[Any]", request.FILES["file"])
        refused = Attachment(name=upload.name or "", size_bytes=upload.size or 0, state=Attachment.State.REFUSED)
        refused.reason = error.message
        return render(request, "chat/_file.html", {"file": refused, "is_lost": True}, status=error.status)
    return render(request, "chat/_file.html", {"file": file, "waits": True}, status=201)


@login_required
@require_GET
def state(request: HttpRequest, file_id: UUID) -> HttpResponse:
    """How a file stands, as a fragment: where one writes, or at the question it went out with.

    A page that asks after one that is still being read keeps the row it shows, so that a button in it is not changed
    under a finger. After one that is gone, as when another tab removed it, it gets nothing to show in its place.
    """
    try:
        file = _file(reader(request), file_id)
    except NotFoundError:
        if is_fragment(request):
            return HttpResponse()
        raise
    if file.is_under_way and is_fragment(request):
        return HttpResponse(status=HTTPStatus.NO_CONTENT)
    return render(request, "chat/_file.html", {"file": file, "waits": file.asked_at is None})


@login_required
@require_POST
def remove(request: HttpRequest, file_id: UUID) -> HttpResponse:
    file = _file(reader(request), file_id)
    attaching.remove_file(reader(request), file=file)
    if is_fragment(request):
        return HttpResponse()
    return redirect("chat:conversation", file.conversation_id) if file.conversation_id else redirect("chat:home")


@login_required
@require_GET
def show(request: HttpRequest, file_id: UUID) -> HttpResponse:
    """What an answer rests on in a file, with the cited words marked; without any the beginning of it."""
    file = _file(reader(request), file_id, with_text=True)
    context: dict[str, Any] = {"file": file}
    at = number(request, "start") or 0
    passage = file.passages.filter(start__lte=at).order_by("-ordinal").first() or file.passages.first()
    if passage:
        passage.file = file
        span = _cited(passage, number(request, "start"), number(request, "end"))
        context["excerpt"] = viewing.excerpt(passage, *span) if span else viewing.part_after(file, 0)
    if passage and span:
        context |= {"passage": passage, "page_name": viewing.page_name(file, passage.page)}
    return _as_wanted(request, "chat/_file_passage.html", context)


@login_required
@require_GET
def part(request: HttpRequest, file_id: UUID) -> HttpResponse:
    """More of a file: what ends before a character, or what begins after one."""
    file = _file(reader(request), file_id, with_text=True)
    before, after = number(request, "before"), number(request, "after")
    if before is not None:
        excerpt = viewing.part_before(file, before)
    elif after is not None:
        excerpt = viewing.part_after(file, after)
    else:
        raise BadInputError(_("Say which part: ?before= or ?after= a character of the text."))
    context = {"file": file, "excerpt": excerpt, "wants_before": before is not None, "is_part": True}
    return _as_wanted(request, "chat/_file_part.html", context)


@login_required
@require_GET
def picture(request: HttpRequest, file_id: UUID) -> FileResponse:
    """A picture as it was made smaller; ``?size=small`` for a thumbnail. It was drawn here, from pixels alone."""
    file = _file(reader(request), file_id)
    place = file.thumbnail if request.GET.get("size") == "small" else file.picture
    return _sent(file, place, content_type="image/jpeg")


@login_required
@require_GET
def original(request: HttpRequest, file_id: UUID) -> FileResponse:
    """The file as it came, to be saved, never to be run or shown by the browser; a picture without what it said besides
    its pixels."""
    file = _file(reader(request), file_id)
    name = str(PurePath(file.name).with_suffix(".jpg")) if file.picture else file.name
    place = file.picture or file.file
    return _sent(file, place, as_attachment=True, filename=name, content_type="application/octet-stream")


def _sent(file: Attachment, place: str, **how: Any) -> FileResponse:
    try:
        content = b"".join(file_bytes.pieces_at(place, file))
    except NotFoundError as error:
        raise NotFoundError(_("This file is not kept any more.")) from error
    response = FileResponse(io.BytesIO(content), **how)
    response["X-Content-Type-Options"] = "nosniff"
    response["Content-Security-Policy"] = "sandbox; default-src 'none'"
    response["Cache-Control"] = "private, no-cache"
    return response


def _file(user: User, file_id: UUID, *, with_text: bool = False) -> Attachment:
    mine = Attachment.objects.visible_to(user).select_related("conversation")
    file = (mine if with_text else mine.without_text()).filter(pk=file_id).first()
    if file is None:
        raise NotFoundError
    return file


def _cited(passage: AttachmentPassage, start: int | None, end: int | None) -> Span | None:
    """The cited words in a passage; None where nothing was cited, or what makes no sense."""
    if start is None or end is None or not passage.start <= start < end <= passage.end:
        return None
    return start, end


def _as_wanted(request: HttpRequest, fragment: str, context: dict[str, Any]) -> HttpResponse:
    """The fragment for htmx, else a page of its own."""
    template = fragment if is_fragment(request) else "chat/file.html"
    response = render(request, template, context)
    patch_vary_headers(response, ["HX-Request"])
    return response
