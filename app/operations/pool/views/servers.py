"""The pool's overview, and the pages of its servers."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.callers import reader
from accounts.rights import require
from app.errors import BadInputError, ConflictError
from app.inference.watching.checking import Report
from app.operations.pool import steering
from app.operations.pool.errors import FailedTestError
from app.operations.pool.forms import ChangeServerForm, ServerForm
from app.operations.pool.presenting import page_of, plots_of, row_of
from app.operations.pool.state import get_worker, pool_state, server_state


@login_required
@require_GET
def pool(request: HttpRequest) -> HttpResponse:
    page = page_of(pool_state(reader(request)))
    return render(request, "operations/pool/servers.html", {"page": page, "tab": "servers"})


@login_required
@require_GET
def live(request: HttpRequest) -> HttpResponse:
    """The overview's figures, for the page to ask every few seconds; when models came or went it is drawn anew."""
    page = page_of(pool_state(reader(request)))
    response = render(request, "operations/pool/_live.html", {"page": page})
    if request.GET.get("mark") != page.mark:
        response["HX-Refresh"] = "true"
    return response


@login_required
@require_http_methods(["GET", "POST"])
def add(request: HttpRequest) -> HttpResponse:
    user = reader(request)
    require(user, steering.RIGHT)
    form = ServerForm(request.POST or None, initial=_wanted(request))
    report: Report | None = None
    if request.method == "POST" and form.is_valid():
        try:
            added = steering.add_worker(user, server=form.server(), despite=form.cleaned_data["despite"])
        except FailedTestError as error:
            report = error.report
        except (BadInputError, ConflictError) as error:
            form.add_error(None, error.message)
        else:
            if added.report.is_usable:
                messages.success(
                    request,
                    _("%(address)s takes requests for %(model)s.")
                    % {"address": added.worker.address, "model": added.worker.model},
                )
            else:
                messages.warning(request, _("Added. It takes requests as soon as it answers."))
            for assistant in added.adopted:
                messages.success(
                    request,
                    _("%(assistant)s writes with %(model)s from now on.")
                    % {"assistant": assistant, "model": added.worker.model},
                )
            return redirect("pool:servers")
    return render(request, "operations/pool/add_server.html", {"form": form, "report": report}, status=_status(request))


@login_required
@require_POST
def test(request: HttpRequest) -> HttpResponse:
    """What came of trying out a server that is being connected: a part of the page, or the page without JavaScript."""
    user = reader(request)
    require(user, steering.RIGHT)
    form = ServerForm(request.POST)
    report = steering.try_server(user, server=form.server()) if form.is_valid() else None
    if request.headers.get("HX-Request"):
        return render(request, "operations/pool/_tested.html", {"form": form, "report": report})
    return render(request, "operations/pool/add_server.html", {"form": form, "report": report})


@login_required
@require_http_methods(["GET", "POST"])
def server(request: HttpRequest, worker_id: UUID) -> HttpResponse:
    user = reader(request)
    worker = get_worker(user, worker_id)
    form = ChangeServerForm(request.POST or None, worker=worker)
    report: Report | None = None
    if request.method == "POST" and form.is_valid():
        try:
            steering.change_worker(user, worker=worker, change=form.change(), despite=form.cleaned_data["despite"])
        except FailedTestError as error:
            report = error.report
        except (BadInputError, ConflictError) as error:
            form.add_error(None, error.message)
        else:
            messages.success(request, _("Saved."))
            return redirect("pool:server", worker_id)
    state = server_state(worker)
    context: dict[str, Any] = {
        "worker": worker,
        "row": row_of(state, time.time()),
        "plots": plots_of(state),
        "form": form,
        "report": report,
    }
    return render(request, "operations/pool/server.html", context, status=_status(request))


@login_required
@require_POST
def drain(request: HttpRequest, worker_id: UUID) -> HttpResponse:
    return _steered(request, worker_id, steering.drain_worker, _("ends what it has, and is given nothing new"))


@login_required
@require_POST
def resume(request: HttpRequest, worker_id: UUID) -> HttpResponse:
    return _steered(request, worker_id, steering.resume_worker, _("takes requests again"))


@login_required
@require_POST
def switch_off(request: HttpRequest, worker_id: UUID) -> HttpResponse:
    return _steered(request, worker_id, steering.switch_off_worker, _("is out of use, until you resume it"))


@login_required
@require_POST
def remove(request: HttpRequest, worker_id: UUID) -> HttpResponse:
    user = reader(request)
    worker = get_worker(user, worker_id)
    try:
        steering.remove_worker(user, worker=worker, despite=bool(request.POST.get("despite")))
    except ConflictError as error:
        messages.error(request, error.message)
        return redirect("pool:server", worker_id)
    messages.success(request, _("Removed: %(address)s.") % {"address": worker.address})
    return redirect("pool:servers")


def _steered(request: HttpRequest, worker_id: UUID, deed: Callable[..., None], outcome: str) -> HttpResponse:
    """Do it, and lead back to where the button was, with what it came to."""
    user = reader(request)
    worker = get_worker(user, worker_id)
    deed(user, worker=worker)
    messages.success(request, _("%(address)s %(outcome)s.") % {"address": worker.address, "outcome": outcome})
    if request.POST.get("back") == "server":
        return redirect("pool:server", worker_id)
    return redirect("pool:servers")


def _wanted(request: HttpRequest) -> dict[str, str]:
    """What the link that led here already says of the server."""
    return {name: request.GET[name] for name in ("name", "role") if name in request.GET}


def _status(request: HttpRequest) -> int:
    return 422 if request.method == "POST" else 200
