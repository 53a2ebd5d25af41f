"""What was used up: by everybody, for those who may see it, and by oneself."""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext_noop as _
from django.views.decorators.http import require_GET

from accounts import rights
from accounts.callers import reader
from accounts.limits import usage
from accounts.limits.notices import notices_for, standings_of, standings_of_limits
from accounts.models import Limit
from app.errors import BadInputError
from app.operations import energy
from app.operations.exporting import export_usage
from app.operations.names import named
from app.operations.spans import PERIODS, Span, read_span
from app.operations.spending_plot import MEASURES, StackedPlot, stacked_plot
from chat.models import Assistant

WAYS = {
    "assistant": _("Assistants"),
    "model": _("Models"),
    "user": _("People"),
    "group": _("Groups"),
    "key": _("API keys"),
}
OWN_WAYS = {"assistant": _("Assistants"), "model": _("Models"), "key": _("API keys")}


@login_required
@require_GET
def everybodys(request: HttpRequest) -> HttpResponse:
    """Sums of a span: by day as a plot, and by one of ``WAYS`` as a table."""
    actor = reader(request)
    rights.require(actor, "usage.read")
    span, by = read_span(request.GET), _way(request, WAYS)
    whole = usage.total(span.begin, span.end)
    budgets = Limit.objects.live().exclude(subject=Limit.Subject.EACH).exclude(measure=Limit.Measure.QUESTIONS)
    context = {
        "span": span,
        "periods": PERIODS,
        "ways": WAYS,
        "by": by,
        "lines": named(by, usage.summed(by, span.begin, span.end)),
        "whole": whole,
        "plot": _plot(request, span, whole),
        "measures": MEASURES,
        "budgets": standings_of_limits(list(budgets.order_by("subject", "subject_name", "period"))),
    }
    return render(request, "operations/usage.html", context)


@login_required
@require_GET
def as_csv(request: HttpRequest) -> HttpResponse:
    """The same sums as a file."""
    span = read_span(request.GET)
    by = request.GET.get("by", "day")
    response = HttpResponse(
        export_usage(reader(request), by=by, begin=span.begin, end=span.end), content_type="text/csv; charset=utf-8"
    )
    response["Content-Disposition"] = f'attachment; filename="usage-by-{by}-{span.begin}-{span.end}.csv"'
    return response


@login_required
@require_GET
def own(request: HttpRequest) -> HttpResponse:
    """What oneself has used up, what one's limits are, and what that means in energy."""
    person = reader(request)
    span, by = read_span(request.GET, default="month"), _way(request, OWN_WAYS)
    whole = usage.total(span.begin, span.end, user=person)
    context = {
        "span": span,
        "periods": PERIODS,
        "ways": OWN_WAYS,
        "by": by,
        "whole": whole,
        "lines": named(by, usage.summed(by, span.begin, span.end, user=person)),
        "standings": standings_of(person),
        "energy": energy.in_words(whole.watt_hours),
    }
    return render(request, "operations/own_usage.html", context)


@login_required
@require_GET
def notices(request: HttpRequest) -> HttpResponse:
    """The limits one is near to, those of an ``assistant`` too, as a fragment for the chat page."""
    person = reader(request)
    slugs = Assistant.objects.visible_to(person).in_bulk(field_name="slug")
    assistant = slugs.get(request.GET.get("assistant", ""))
    found = notices_for(person, assistant_id=assistant.pk if assistant else None)
    return render(request, "accounts/_limit_notices.html", {"notices": found})


def _way(request: HttpRequest, ways: dict[str, str]) -> str:
    by = request.GET.get("by", "assistant")
    if by not in ways:
        raise BadInputError(f"`by` is one of {', '.join(ways)}.")
    return by


def _plot(request: HttpRequest, span: Span, whole: usage.Sums) -> StackedPlot:
    """Of what is asked for; of money if any was spent, else of tokens."""
    wanted = request.GET.get("measure") or ("cost" if whole.cost else "tokens")
    if wanted not in MEASURES:
        raise BadInputError(f"`measure` is one of {', '.join(MEASURES)}.")
    sums = usage.by_day_and_model(span.begin, span.end)
    return stacked_plot(sums, begin=span.begin, end=span.end, measure=MEASURES[wanted])
