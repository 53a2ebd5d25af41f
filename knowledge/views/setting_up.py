"""Setting a source up: choosing its kind, filling in its form, trying it out, changing it later."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.forms import BoundField
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.callers import reader
from accounts.models import User
from accounts.rights import require
from app.errors import BadInputError, NotFoundError, ParleyError
from app.web.saying import said
from knowledge import queries
from knowledge import sources as keeping
from knowledge.connectors.base import Connector
from knowledge.connectors.registry import CONNECTORS, all_connectors, connector_of
from knowledge.forms import SourceForm
from knowledge.models import Source
from knowledge.overview import ICONS
from knowledge.setting_fields import LINE_PREFIX
from knowledge.trying import try_source


@login_required
@require_GET
def choose_kind(request: HttpRequest) -> HttpResponse:
    require(reader(request), "knowledge.create_source")
    kinds = [(connector, ICONS.get(connector.kind, "book")) for connector in all_connectors()]
    return render(request, "knowledge/choose_kind.html", {"kinds": kinds})


@login_required
@require_http_methods(["GET", "POST"])
def new_source(request: HttpRequest, kind: str) -> HttpResponse:
    user = reader(request)
    require(user, "knowledge.create_source")
    connector = _connector(kind)
    form = SourceForm(request.POST or None, user=user, connector=connector)
    if request.method == "POST" and form.is_valid():
        try:
            source = keeping.create_source(actor=user, kind=kind, **form.changes())
        except BadInputError as error:
            form.add_problem(error)
        else:
            if kind != "upload":
                keeping.start_sync(actor=user, source=source)
            return redirect("knowledge:source", source.pk)
    return _shown(request, form)


@login_required
@require_http_methods(["GET", "POST"])
def change_source(request: HttpRequest, source_id: UUID) -> HttpResponse:
    user = reader(request)
    source = queries.get_source_kept(user, source_id)
    form = SourceForm(request.POST or None, user=user, connector=connector_of(source.kind), source=source)
    if request.method == "POST" and form.is_valid():
        try:
            keeping.change_source(actor=user, source=source, **form.changes())
        except BadInputError as error:
            form.add_problem(error)
        else:
            messages.success(
                request, _("Changed. New settings and patterns take effect when it is looked through next.")
            )
            return redirect("knowledge:source", source.pk)
    return _shown(request, form)


@login_required
@require_POST
def try_new(request: HttpRequest, kind: str) -> HttpResponse:
    user = reader(request)
    require(user, "knowledge.create_source")
    return _tried(request, user, _connector(kind), None)


@login_required
@require_POST
def try_change(request: HttpRequest, source_id: UUID) -> HttpResponse:
    user = reader(request)
    source = queries.get_source_kept(user, source_id)
    return _tried(request, user, connector_of(source.kind), source)


def _tried(request: HttpRequest, user: User, connector: type[Connector], source: Source | None) -> HttpResponse:
    """What came of it, as a part of the form's page. A source can be tried before it has a name."""
    form = SourceForm(request.POST, user=user, connector=connector, source=source)
    form.fields["name"].required = False
    tone, text = "bad", ""
    if form.is_valid():
        try:
            tone, text = "good", try_source(actor=user, kind=connector.kind, wanted=form.changes(), source=source)
        except ParleyError as error:
            text = said(error.message)
    else:
        text = " ".join(
            f"{said(str(form[name].label))}: {said(str(errors[0]))}"
            for name, errors in form.errors.items()
            if name in form.fields
        )
    return render(request, "knowledge/_tried.html", {"tone": tone, "text": text})


def _shown(request: HttpRequest, form: SourceForm) -> HttpResponse:
    lines = [field for field in form if field.name.startswith(LINE_PREFIX)]
    context = {
        "form": form,
        "connector": form.connector,
        "source": form.source,
        "sections": _sections(form),
        "lines": lines,
        "has_own_lines": any(field.value() for field in lines),
    }
    return render(request, "knowledge/source_form.html", context, status=422 if form.errors else 200)


def _sections(form: SourceForm) -> list[tuple[str, list[BoundField]]]:
    """The form's fields under headings, in the order of what people think of first."""
    where = [name for name in form.fields if name.startswith("config_")] + ["credential", "forget_credential"]
    sections = {
        _("What it is"): ["name"],
        _("Where it lies"): where,
        _("What of it"): ["include", "exclude"],
        _("Readers"): ["readers", "groups"],
        _("Keeping it fresh"): ["schedule", "schedule_other", "review_by"],
    }
    return [
        (title, fields)
        for title, names in sections.items()
        if (fields := [form[name] for name in names if name in form.fields])
    ]


def _connector(kind: str) -> type[Connector]:
    if kind not in CONNECTORS:
        raise NotFoundError
    return connector_of(kind)
