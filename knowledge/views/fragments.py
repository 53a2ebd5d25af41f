"""What the knowledge pages share: whether htmx asks for a part, numbers in addresses, and the word after a deed."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from knowledge.models import Document


def changed(request: HttpRequest, document: Document, text: str, undo_url: str = "") -> HttpResponse:
    """After a deed: the page again, or for htmx a word about it and the sign that the table is old."""
    if not is_fragment(request):
        messages.success(request, text)
        return redirect("knowledge:source", document.source_id)
    response = render(request, "knowledge/_changed.html", {"text": text, "undo_url": undo_url})
    response["HX-Trigger"] = "documents-changed"
    return response


def is_fragment(request: HttpRequest) -> bool:
    return bool(request.headers.get("HX-Request"))


def number(request: HttpRequest, name: str) -> int | None:
    value = request.GET.get(name, "")
    return int(value) if value.isascii() and value.isdigit() and len(value) < 10 else None
