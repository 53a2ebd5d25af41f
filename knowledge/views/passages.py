"""Passages: what an answer rests on, opened at the cited words."""

from __future__ import annotations

from pathlib import PurePath
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import FileResponse, HttpRequest, HttpResponse, HttpResponseNotModified
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.cache import patch_vary_headers
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from accounts.callers import reader
from accounts.models import User
from accounts.rights import can
from app.errors import BadInputError, NotFoundError
from knowledge import passages, queries, viewing
from knowledge.files import path_of
from knowledge.models import Passage, Source
from knowledge.viewing import inspecting, pages
from knowledge.viewing.rendering import Span
from knowledge.views.fragments import is_fragment, number

FORM_COOKIE = "parley_passage_form"
FORMS = ("page", "text")
_YEAR_SECONDS = 365 * 24 * 3600


@login_required
@require_GET
def passage(request: HttpRequest, passage_id: UUID) -> HttpResponse:
    """What an answer rests on: the words cited, marked, in the version they were cited from."""
    user = reader(request)
    found = queries.get_passage(user, passage_id)
    span = viewing.span_within(found, number(request, "start"), number(request, "end"))
    context = _facts(user, found) | _body(request, found, span)
    response = render(request, _template(request), context)
    patch_vary_headers(response, ["HX-Request", "Cookie"])
    if (chosen := request.GET.get("form")) in FORMS:
        flags: dict[str, Any] = {"secure": settings.SESSION_COOKIE_SECURE, "httponly": True, "samesite": "Lax"}
        response.set_cookie(FORM_COOKIE, chosen, max_age=_YEAR_SECONDS, **flags)
    return response


@login_required
@require_GET
def part(request: HttpRequest, passage_id: UUID) -> HttpResponse:
    """More of the version a passage is of: what ends before a character, or what begins after one."""
    user = reader(request)
    found = queries.get_passage(user, passage_id)
    before, after = number(request, "before"), number(request, "after")
    if before is not None:
        excerpt = viewing.part_before(found.version, before)
    elif after is not None:
        excerpt = viewing.part_after(found.version, after)
    else:
        raise BadInputError("Say which part: ?before= or ?after= a character of the text.")
    context = {"passage": found, "excerpt": excerpt, "wants_before": before is not None, "is_part": True}
    if is_fragment(request):
        response = render(request, "knowledge/_passage_part.html", context)
    else:
        response = render(request, "knowledge/passage.html", _facts(user, found) | context)
    patch_vary_headers(response, ["HX-Request"])
    return response


@login_required
@require_GET
def page_picture(request: HttpRequest, passage_id: UUID) -> HttpResponse:
    """A page as it looks. The browser keeps it, but asks each time whether its reader still may."""
    version = queries.get_passage(reader(request), passage_id, with_text=False).version
    page, width = number(request, "page"), number(request, "width") or pages.MEASURED
    page = 1 if page is None else page
    tag = f'"{version.sha256}-{page}-{width}"'
    if request.headers.get("If-None-Match") == tag and pages.has_pictures(version):
        response: HttpResponse = HttpResponseNotModified()
    else:
        response = HttpResponse(pages.picture_of(version, page, width), content_type="image/png")
        response["Content-Security-Policy"] = "sandbox; default-src 'none'"
        response["X-Content-Type-Options"] = "nosniff"
    response["ETag"] = tag
    response["Cache-Control"] = "private, no-cache"
    return response


@login_required
@require_GET
def original(request: HttpRequest, passage_id: UUID) -> FileResponse:
    """The file a passage was read from, to be saved, never to be run or shown by the browser."""
    version = queries.get_passage(reader(request), passage_id, with_text=False).version
    try:
        file = path_of(version.file).open("rb")
    except FileNotFoundError as error:
        raise NotFoundError("The original file is not kept any more.") from error
    name = PurePath(version.document.key).name
    response = FileResponse(file, as_attachment=True, filename=name, content_type="application/octet-stream")
    response["X-Content-Type-Options"] = "nosniff"
    response["Content-Security-Policy"] = "sandbox"
    return response


def _template(request: HttpRequest) -> str:
    return "knowledge/_passage.html" if is_fragment(request) else "knowledge/passage.html"


def _facts(user: User, found: Passage) -> dict[str, Any]:
    """Where a passage comes from and how it stands, whatever of it is shown."""
    version = found.version
    document, source = version.document, version.document.source
    newer = inspecting.find_newer(found)
    return {
        "passage": found,
        "path": [name for name in found.heading_path if name != document.title],
        "version": version,
        "document": document,
        "source": source,
        "newer": newer,
        "page_name": viewing.page_name(version, found.page),
        "keeps": can(user, "knowledge.edit_source", source),
        "explains": can(user, "audit.read"),
        "link": viewing.outside_link(document.url),
    }


def _body(request: HttpRequest, found: Passage, span: Span) -> dict[str, Any]:
    """The passage on its page as it looks, where that is possible and wanted; else as text."""
    version = found.version
    context: dict[str, Any] = {"span": urlencode({"start": span[0], "end": span[1]})}
    context["has_pictures"] = pages.has_pictures(version)
    wanted = request.GET.get("form") or request.COOKIES.get(FORM_COOKIE)
    if context["has_pictures"] and wanted != "text":
        try:
            page = min(max(number(request, "page") or found.page or 1, 1), pages.page_count(version))
            look = pages.look_of(version, page, span)
        except pages.CannotDrawError as error:
            context["cannot_draw"] = error.message
        else:
            is_here = page == (found.page or 1)
            text = viewing.page_text(version, page, span if is_here else None)
            words = " ".join(version.text[span[0] : span[1]].split()) if is_here else ""
            return context | {"look": look, "page_text": text, "is_here": is_here, "words": words}
    return context | {"excerpt": viewing.excerpt(found, *span)}


@login_required
@require_GET
def about(request: HttpRequest, passage_id: UUID) -> HttpResponse:
    """What a keeper wants to know of a passage. Its words only for one who may read them."""
    user = reader(request)
    found = queries.get_passage_kept(user, passage_id)
    version = found.version
    reads = Source.objects.visible_to(user).filter(pk=version.document.source_id).exists()
    context = {
        "passage": found,
        "version": version,
        "document": version.document,
        "source": version.document.source,
        "reads": reads,
        "cuts": inspecting.cuts_around(found) if reads else [],
        "tokens": inspecting.tokens_of(found),
        "alike": inspecting.passages_like(found, user) if reads else [],
        "passage_total": version.passages.count(),
        "text_length": len(version.text),
        "longest_reason": passages.LONGEST_REASON,
    }
    return render(request, "knowledge/passage_about.html", context)


@login_required
@require_POST
def disable(request: HttpRequest, passage_id: UUID) -> HttpResponse:
    user = reader(request)
    found = queries.get_passage_kept(user, passage_id)
    passages.disable_passage(actor=user, passage=found, reason=request.POST.get("reason", ""))
    undo = reverse("knowledge:enable_passage", args=[found.pk])
    return _after_deed(request, found, _("Taken out of answers. No search finds this passage any more."), undo)


@login_required
@require_POST
def enable(request: HttpRequest, passage_id: UUID) -> HttpResponse:
    user = reader(request)
    found = queries.get_passage_kept(user, passage_id)
    passages.enable_passage(actor=user, passage=found)
    return _after_deed(request, found, _("Back again: searches can find this passage."))


def _after_deed(request: HttpRequest, found: Passage, text: str, undo_url: str = "") -> HttpResponse:
    """The page again, or for htmx a word about it and the sign that what the page says of the passage is old."""
    if not is_fragment(request):
        messages.success(request, text)
        return redirect("knowledge:passage_page", found.pk)
    response = render(request, "knowledge/_changed.html", {"text": text, "undo_url": undo_url})
    response["HX-Trigger"] = "passage-changed"
    return response
