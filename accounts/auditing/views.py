"""The auditor's page: what happened, chosen by who, what, which, how and when; and how it is proved."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from tempfile import SpooledTemporaryFile
from urllib.parse import urlencode
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import FileResponse, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext_noop as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from accounts import rights
from accounts.auditing.exporting import MOST_FROM_A_PAGE, export_events
from accounts.auditing.plot import EventPlot, event_plot
from accounts.auditing.proving import prove_event
from accounts.auditing.reading import Chosen, default_since, events_of, names_of, read_chosen, read_events
from accounts.auditing.standing import read_standing
from accounts.callers import reader

PAGE = 50
OUTCOMES = {"ok": _("went through"), "denied": _("refused"), "failed": _("failed"), "broken": _("broken")}
PERIODS = {0: _("Today"), 6: _("7 days"), 29: _("30 days"), 364: _("12 months")}
NAMES = {
    "actor": _("Person"),
    "action": _("Action"),
    "object": _("Object"),
    "outcome": _("Outcome"),
    "request": _("Request"),
}


@login_required
@never_cache
@require_GET
def events(request: HttpRequest) -> HttpResponse:
    """The events of a choice, newest first, their plot, and how the whole log's proof stands."""
    actor = reader(request)
    rights.require(actor, "audit.read")
    chosen = _chosen(request)
    page = read_events(actor=actor, chosen=chosen, limit=PAGE, cursor=request.GET.get("cursor"))
    names = names_of(page.items)
    today = timezone.now().date()
    context = {
        "chosen": chosen,
        "following": _following(chosen, names),
        "events": [(event, names.get(event.actor, event.actor), names.get(event.object, "")) for event in page.items],
        "next_url": f"?{chosen.query}&{urlencode({'cursor': page.next})}" if page.next else "",
        "first_url": f"?{chosen.query}" if request.GET.get("cursor") else "",
        "plot": None if request.GET.get("cursor") else _plot(chosen),
        "standing": read_standing(),
        "outcomes": OUTCOMES,
        "periods": [
            (label, replace(chosen, since=since, until=None).query, chosen.since == since and not chosen.until)
            for since, label in ((today - timedelta(days=days), label) for days, label in PERIODS.items())
        ],
    }
    return render(request, "accounts/audit.html", context)


@login_required
@never_cache
@require_GET
def export(request: HttpRequest) -> FileResponse:
    """The same choice as a zip that proves itself."""
    into = SpooledTemporaryFile(max_size=5_000_000)  # noqa: SIM115 - the response closes it
    form = request.GET.get("format", "jsonl")
    export_events(actor=reader(request), into=into, form=form, chosen=_chosen(request), most=MOST_FROM_A_PAGE)
    into.seek(0)
    name = f"audit-{timezone.now():%Y-%m-%d-%H%M}.zip"
    return FileResponse(into, as_attachment=True, filename=name, content_type="application/zip")


@login_required
@never_cache
@require_GET
def proof(request: HttpRequest, event_id: UUID) -> HttpResponse:
    """The proof of one event, as a file."""
    found = prove_event(actor=reader(request), event_id=event_id)
    response = JsonResponse(found, json_dumps_params={"indent": 2})
    response["Content-Disposition"] = f'attachment; filename="proof-{event_id}.json"'
    return response


def _chosen(request: HttpRequest) -> Chosen:
    """What the address says; without any days the last few, unless one request or object is followed."""
    chosen = read_chosen(request.GET)
    is_bound = chosen.since or chosen.until or chosen.request or chosen.object
    return chosen if is_bound else replace(chosen, since=default_since(timezone.now()))


def _following(chosen: Chosen, names: dict[str, str]) -> list[tuple[str, str, str]]:
    """What was chosen, each with the address without it: (name, value, query)."""
    found = [(name, getattr(chosen, name)) for name in NAMES if getattr(chosen, name)]
    return [(NAMES[name], names.get(value, value), chosen.without(name).query) for name, value in found]


def _plot(chosen: Chosen) -> EventPlot | None:
    """Of the stretch that was chosen; none where nothing bounds it."""
    if chosen.since is None:
        return None
    begin = datetime.combine(chosen.since, time(), UTC)
    now = timezone.now()
    last = min(chosen.until or now.date(), now.date())
    end = datetime.combine(last, time(), UTC) + timedelta(days=1)
    if not begin < end <= begin + timedelta(days=731):
        return None
    return event_plot(events_of(chosen), begin, end)
