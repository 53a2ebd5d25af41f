"""How long things are kept: the rules, what a run would remove, the last runs; and legal holds."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from accounts import rights
from accounts.callers import reader
from accounts.models import Group, Hold, RetentionRule, RetentionRun, User
from accounts.people.pages.deeds import do
from accounts.people.queries import find_by_address
from accounts.retention.holding import begin_hold, end_hold
from accounts.retention.kinds import FIXED, kinds
from accounts.retention.plot import plot_of
from accounts.retention.rules import drop_rule, set_rule
from accounts.retention.running import days_ahead, preview
from app.errors import BadInputError, ConflictError

RUNS_SHOWN = 10
HOLDS_SHOWN = 100


def _looks(request: HttpRequest) -> User:
    """Who may see it: whoever sets it, and auditors. Raises NotAllowedError, and that is audited."""
    actor = reader(request)
    if not rights.can(actor, "audit.read"):
        rights.require(actor, "retention.administer")
    return actor


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def show(request: HttpRequest) -> HttpResponse:
    """The rules; with ``?try`` what a run would remove now. A form that is sent sets one rule."""
    actor = _looks(request)
    asked = {name: request.POST.get(name, "").strip() for name in ("kind", "group", "days")}
    wrong = ""
    if request.method == "POST":
        rights.require(actor, "retention.administer")
        try:
            set_rule(actor=actor, kind=asked["kind"], group=_group(asked["group"]), days=_days(asked["days"]))
        except BadInputError as error:
            wrong = error.message
        else:
            messages.success(request, _("The rule holds from now on. The next run goes by it."))
            return redirect("people:retention")
    context = _page() | asked | {"wrong": wrong, "may_change": rights.can(actor, "retention.administer")}
    if "try" in request.GET:
        context["going"] = preview()
    return render(request, "people/retention.html", context, status=422 if wrong else 200)


def _page() -> dict[str, Any]:
    rules: dict[str, list[RetentionRule]] = {}
    for rule in RetentionRule.objects.select_related("group").order_by("group__name"):
        rules.setdefault(rule.kind, []).append(rule)
    names = {kind.slug: kind.name for kind in kinds()}
    runs = list(RetentionRun.objects.all()[:RUNS_SHOWN])
    return {
        "kinds": [(kind, rules.get(kind.slug, [])) for kind in kinds()],
        "fixed": FIXED,
        "groups": Group.objects.all(),
        "plot": plot_of(days_ahead()) if rules else None,
        "runs": [(run, [(names.get(slug, slug), count) for slug, count in run.counts.items()]) for run in runs],
    }


def _group(named: str) -> Group | None:
    if not named:
        return None
    try:
        return Group.objects.get(pk=UUID(named))
    except (ValueError, Group.DoesNotExist) as error:
        raise BadInputError("Choose a group of the list.") from error


def _days(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        raise BadInputError("Write the number of days.")
    return int(text)


@login_required
@require_POST
def drop(request: HttpRequest, rule_id: UUID) -> HttpResponse:
    actor = _setter(request)
    rule = get_object_or_404(RetentionRule, pk=rule_id)
    return do(
        request, lambda: drop_rule(actor=actor, rule=rule), _("The rule is gone."), back=reverse("people:retention")
    )


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def holds(request: HttpRequest) -> HttpResponse:
    """All legal holds; a form that is sent begins one."""
    actor = _looks(request)
    asked = {name: request.POST.get(name, "").strip() for name in ("person", "group", "reason")}
    wrong = ""
    if request.method == "POST":
        rights.require(actor, "retention.administer")
        try:
            person = find_by_address(asked["person"]) if asked["person"] else None
            begin_hold(actor=actor, reason=asked["reason"], person=person, group=_group(asked["group"]))
        except (BadInputError, ConflictError) as error:
            wrong = error.message
        else:
            messages.success(request, _("From now on nothing of theirs goes."))
            return redirect("people:holds")
    rows = Hold.objects.select_related("person", "group", "begun_by", "ended_by").prefetch_related("people")
    context = {
        "holds": list(rows.order_by("-begun_at", "-pk")[:HOLDS_SHOWN]),
        "groups": Group.objects.all(),
        "wrong": wrong,
        "may_change": rights.can(actor, "retention.administer"),
    }
    return render(request, "people/holds.html", context | asked, status=422 if wrong else 200)


@login_required
@require_POST
def end(request: HttpRequest, hold_id: UUID) -> HttpResponse:
    actor = _setter(request)
    hold = get_object_or_404(Hold.objects.select_related("person", "group"), pk=hold_id)
    return do(request, lambda: end_hold(actor=actor, hold=hold), _("Ended."), back=reverse("people:holds"))


def _setter(request: HttpRequest) -> User:
    actor = reader(request)
    rights.require(actor, "retention.administer")
    return actor
