"""A conversation as a file: the page that offers the formats, and the file itself."""

from __future__ import annotations

from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from accounts.callers import reader
from chat.pages.sidebar import own_conversation, sidebar
from chat.verbs.exporting import ExportedFile, export_conversation

KINDS = [
    ("pdf", _("PDF"), _("To read, print or keep: the messages that you see, with numbered sources at the end.")),
    ("md", _("Markdown"), _("For notes and other programs: the messages that you see, with footnotes.")),
    ("json", _("JSON"), _("For programs: every message, also other versions of questions and answers.")),
]


@login_required
@never_cache
@require_GET
def export(request: HttpRequest, conversation_id: UUID) -> HttpResponse:
    """With ``?format=`` the file, else the choice."""
    found = own_conversation(request, conversation_id)
    if kind := request.GET.get("format"):
        return as_download(export_conversation(reader(request), conversation=found, kind=kind))
    context = {"conversation": found, "kinds": KINDS} | sidebar(request, found.id)
    return render(request, "chat/export.html", context)


def as_download(file: ExportedFile) -> HttpResponse:
    """To be saved, never to be shown or run by a browser."""
    response = HttpResponse(file.content, content_type=file.media_type)
    response["Content-Disposition"] = f'attachment; filename="{file.name}"'
    response["X-Content-Type-Options"] = "nosniff"
    response["Content-Security-Policy"] = "sandbox; default-src 'none'"
    return response
