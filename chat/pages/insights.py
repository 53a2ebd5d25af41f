"""Somebody else's conversations, for who was allowed to read them: on pages of their own, and to look at alone.

What is shown is withheld as in a share: a passage that the reader may not read stays closed to them, whoever it was
shown to. All questions and answers are there, also those that were edited since.
"""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from accounts.callers import reader
from accounts.people.insights import get_readable, reveal
from app.web.paging import newest_first
from chat.composing.snapshots import snapshot_of, transcript_of
from chat.composing.withholding import as_seen_by
from chat.models import Conversation
from chat.pages.shared import views_of

ROWS = 50


@login_required
@never_cache
@require_GET
def listed(request: HttpRequest, insight_id: UUID) -> HttpResponse:
    """The person's conversations by name, those used last first."""
    actor = reader(request)
    insight = get_readable(actor, insight_id)
    rows = Conversation.objects.filter(owner=insight.person, deleted_at=None).select_related("assistant")
    page = newest_first(rows, by="active_at", limit=ROWS, cursor=request.GET.get("cursor"))
    reveal(actor=actor, insight=insight)
    return render(request, "chat/insight.html", {"insight": insight, "page": page})


@login_required
@never_cache
@require_GET
def conversation(request: HttpRequest, insight_id: UUID, conversation_id: UUID) -> HttpResponse:
    """One of them, to read. Every time is an event of the audit log."""
    actor = reader(request)
    insight = get_readable(actor, insight_id)
    theirs = Conversation.objects.filter(owner=insight.person, deleted_at=None).select_related("assistant__model")
    found = get_object_or_404(theirs, pk=conversation_id)
    transcript = transcript_of(found, whole_tree=True)
    everything = replace(transcript, shown=[entry.id for entry in transcript.entries])
    reveal(actor=actor, insight=insight, obj=found)
    seen = as_seen_by(actor, snapshot_of(everything))
    context = {"insight": insight, "conversation": found, "seen": seen, "turns": views_of(seen)}
    return render(request, "chat/insight_conversation.html", context)
