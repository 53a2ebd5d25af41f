"""The pages of models: what they are, what they cost, which files they are made of."""

from __future__ import annotations

from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db.models import Count
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.callers import reader
from accounts.rights import require
from app.errors import BadInputError, ConflictError
from app.inference.models import Model
from app.operations.pool import setting_models
from app.operations.pool.forms import ModelForm
from app.operations.pool.state import get_model


@login_required
@require_GET
def models(request: HttpRequest) -> HttpResponse:
    require(reader(request), "pool.administer")
    found = Model.objects.select_related("base").annotate(
        server_count=Count("workers", distinct=True), adapter_count=Count("adapters", distinct=True)
    )
    context = {"models": found.order_by("role", "name"), "tab": "models", "currency": settings.CURRENCY}
    return render(request, "operations/pool/models.html", context)


@login_required
@require_http_methods(["GET", "POST"])
def model(request: HttpRequest, model_id: UUID) -> HttpResponse:
    user = reader(request)
    found = get_model(user, model_id)
    form = ModelForm(request.POST or None, instance=get_model(user, model_id))
    if request.method == "POST" and form.is_valid():
        try:
            setting_models.change_model(user, model=found, **form.cleaned_data)
        except (BadInputError, ConflictError) as error:
            form.add_error(None, error.message)
        else:
            messages.success(request, _("Saved: %(found)s.") % {"found": found})
            return redirect("pool:models")
    context = {
        "model": found,
        "form": form,
        "files": sorted(found.files.items()),
        "servers": found.workers.order_by("address"),
        "adapters": found.adapters.prefetch_related("adapter_workers"),
    }
    return render(request, "operations/pool/model.html", context, status=422 if request.method == "POST" else 200)


@login_required
@require_POST
def remove(request: HttpRequest, model_id: UUID) -> HttpResponse:
    user = reader(request)
    found = get_model(user, model_id)
    try:
        setting_models.remove_model(user, model=found)
    except ConflictError as error:
        messages.error(request, error.message)
        return redirect("pool:model", model_id)
    messages.success(request, _("Removed: %(name)s.") % {"name": found.name})
    return redirect("pool:models")
