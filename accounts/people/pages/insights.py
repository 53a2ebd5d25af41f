"""Permissions to read somebody's conversations: all of them for who decides, and one's own for everybody."""

from __future__ import annotations

from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from accounts import rights
from accounts.callers import reader
from accounts.models import Insight
from accounts.people import insights
from accounts.people.pages.deeds import do
from app.errors import NotFoundError

SHOWN = 100


@login_required
@never_cache
@require_GET
def listed(request: HttpRequest) -> HttpResponse:
    """All for who may allow them; one's own for who may only ask."""
    actor = reader(request)
    decides = rights.can(actor, "insight.approve")
    if not decides:
        rights.require(actor, "insight.ask")
    rows = Insight.objects.select_related("reader", "person", "approved_by", "ended_by").order_by("-asked_at", "-pk")
    if not decides:
        rows = rows.filter(reader=actor)
    context = {"insights": list(rows[:SHOWN]), "decides": decides, "actor": actor}
    return render(request, "people/insights.html", context)


@login_required
@require_POST
def deed(request: HttpRequest, insight_id: UUID, name: str) -> HttpResponse:
    """Approve, refuse or end one, and back to the list."""
    actor = reader(request)
    if not rights.can(actor, "insight.ask"):
        rights.require(actor, "insight.approve")
    seen = Q() if rights.can(actor, "insight.approve") else Q(reader=actor)
    insight = get_object_or_404(Insight.objects.select_related("person"), seen, pk=insight_id)
    deeds = {
        "approve": (lambda: insights.approve_insight(actor=actor, insight=insight), _("Allowed, from now on.")),
        "refuse": (lambda: insights.refuse_insight(actor=actor, insight=insight), _("Refused.")),
        "end": (lambda: insights.end_insight(actor=actor, insight=insight), _("Ended.")),
    }
    if name not in deeds:
        raise NotFoundError
    doing, done = deeds[name]
    return do(request, doing, done, back=reverse("people:insights"))


@login_required
@never_cache
@require_GET
def own(request: HttpRequest) -> HttpResponse:
    """Who was ever allowed to read one's conversations, when and why."""
    about = Insight.objects.about(reader(request)).select_related("reader", "approved_by").order_by("-approved_at")
    return render(request, "people/own_insights.html", {"insights": list(about[:SHOWN])})
