"""Who can see a document, and why; and why somebody cannot."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from accounts.callers import reader
from knowledge.models import Document, Passage
from knowledge.viewing import access


@login_required
@require_GET
def document_access(request: HttpRequest, document_id: UUID) -> HttpResponse:
    """Everybody who can see a document; with ``?person=`` what it is to one of them, or who of that name there is."""
    user = reader(request)
    document = access.get_explainable(user, document_id)
    passage = _passage(request, document)
    text = request.GET.get("person", "").strip()[:254]
    people = access.find_people(user, text)
    context: dict[str, Any] = {
        "document": document,
        "source": document.source,
        "keeps": Document.objects.editable_by(user).filter(pk=document.pk).exists(),
        "readers": access.readers_of(document),
        "text": text,
        "people": people,
        "passage": passage,
    }
    if len(people) == 1:
        context["verdict"] = access.explain_access(actor=user, document=document, person=people[0], passage=passage)
    return render(request, "knowledge/access.html", context)


def _passage(request: HttpRequest, document: Document) -> Passage | None:
    """The passage that is asked about, if any: one of this document."""
    try:
        wanted = UUID(request.GET.get("passage", ""))
    except ValueError:
        return None
    passages = Passage.objects.filter(version__document=document).select_related("version")
    return passages.defer("version__text").filter(pk=wanted).first()
