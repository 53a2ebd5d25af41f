"""The pages that say which models write for which assistant."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from accounts.callers import reader
from accounts.rights import require
from app.errors import BadInputError
from app.operations.pool.forms import AssistantModelsForm
from app.operations.pool.setting_models import set_assistant_models
from app.operations.pool.state import get_assistant
from chat.models import Assistant


@login_required
@require_GET
def assistants(request: HttpRequest) -> HttpResponse:
    require(reader(request), "pool.administer")
    found = Assistant.objects.select_related("model", "canary").prefetch_related("fallbacks__model")
    return render(request, "operations/pool/assistants.html", {"assistants": found, "tab": "assistants"})


@login_required
@require_http_methods(["GET", "POST"])
def assistant(request: HttpRequest, assistant_id: UUID) -> HttpResponse:
    user = reader(request)
    found = get_assistant(user, assistant_id)
    form = AssistantModelsForm(request.POST or None, assistant=found)
    if request.method == "POST" and form.is_valid():
        try:
            set_assistant_models(user, assistant=found, fallbacks=form.fallbacks(), **form.columns())
        except BadInputError as error:
            form.add_error(None, error.message)
        else:
            messages.success(request, _("Saved: %(found)s.") % {"found": found})
            return redirect("pool:assistants")
    status = 422 if request.method == "POST" else 200
    return render(request, "operations/pool/assistant.html", {"assistant": found, "form": form}, status=status)
