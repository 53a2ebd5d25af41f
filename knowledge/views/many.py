"""One deed on every document that is ticked, and what came of each."""

from __future__ import annotations

from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext_noop as _
from django.views.decorators.http import require_POST

from accounts.callers import reader
from app.errors import BadInputError
from knowledge import queries
from knowledge.many import UNDOING, do_to_many
from knowledge.views.fragments import is_fragment

WORDS = {
    "withdraw": _("withdrawn. No search finds them any more."),
    "restore": _("brought back."),
    "retry": _("read once more."),
    "release": _("on their way to be published."),
}


@login_required
@require_POST
def act(request: HttpRequest, source_id: UUID) -> HttpResponse:
    user = reader(request)
    source = queries.get_source_kept(user, source_id)
    deed = request.POST.get("deed", "")
    try:
        wanted = [UUID(one) for one in request.POST.getlist("document")]
    except ValueError as error:
        raise BadInputError("This is not a document's id.") from error
    if not wanted:
        raise BadInputError("Tick at least one document.")
    outcomes = do_to_many(actor=user, source=source, deed=deed, document_ids=wanted)
    done = [one.document for one in outcomes if not one.problem]
    context = {
        "source": source,
        "words": WORDS[deed],
        "done": done,
        "problems": [one for one in outcomes if one.problem],
        "undoing": UNDOING.get(deed) if done else None,
    }
    if not is_fragment(request):
        return render(request, "knowledge/many.html", context)
    response = render(request, "knowledge/_many.html", context)
    response["HX-Trigger"] = "documents-changed"
    return response
