"""Erasing a person: what would go and what stays, the word that begins it, and how far it is."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts import rights
from accounts.callers import reader
from accounts.erasing.deeds import begin_erasure, decline_erasure
from accounts.erasing.holdings import held_of
from accounts.models import Erasure, User
from accounts.people.belongings import outliving
from accounts.people.pages.deeds import administrator, do
from accounts.people.queries import find_by_address, get_person
from accounts.retention.holding import is_held
from app.errors import BadInputError, ConflictError, NotAllowedError

SHOWN = 100


@login_required
@never_cache
@require_GET
def listed(request: HttpRequest) -> HttpResponse:
    """Who asked to be erased, who is being, and who was: for who looks after people, and auditors."""
    actor = reader(request)
    if not rights.can(actor, "audit.read"):
        rights.require(actor, "accounts.administer")
    rows = Erasure.objects.select_related("person", "begun_by").order_by("-asked_at", "-pk")[:SHOWN]
    context = {"erasures": list(rows), "may_change": rights.can(actor, "accounts.administer")}
    return render(request, "people/erasures.html", context)


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def erase(request: HttpRequest, person_id: UUID) -> HttpResponse:
    """First what would become of everything; then, with the address written out, that."""
    actor = administrator(request)
    person = get_person(person_id)
    asked = {name: request.POST.get(name, "").strip() for name in ("typed", "to")}
    wrong = ""
    if request.method == "POST":
        try:
            to = find_by_address(asked["to"]) if asked["to"] else None
            begin_erasure(actor=actor, person=person, typed=asked["typed"], to=to)
        except (BadInputError, ConflictError, NotAllowedError) as error:
            wrong = error.message
        else:
            messages.success(request, _("It has begun."))
            return redirect("people:erase", person.pk)
    return render(request, "people/erase.html", _page(person) | asked | {"wrong": wrong}, status=422 if wrong else 200)


def _page(person: User) -> dict[str, object]:
    held = held_of(person)
    return {
        "person": person,
        "erasure": _erasure_of(person),
        "goes": [one for one in held if one.holding.goes],
        "stays": [one for one in held if not one.holding.goes],
        "outliving": outliving(person),
        "is_held": is_held(person),
    }


def _erasure_of(person: User) -> Erasure | None:
    return Erasure.objects.filter(person=person).exclude(state=Erasure.State.DECLINED).order_by("-pk").first()


@login_required
@never_cache
@require_GET
def progress(request: HttpRequest, person_id: UUID) -> HttpResponse:
    """How far it is, as a fragment that asks again by itself."""
    administrator(request)
    person = get_person(person_id)
    return render(request, "people/_erasure.html", {"person": person, "erasure": _erasure_of(person)})


@login_required
@require_POST
def decline(request: HttpRequest, erasure_id: int) -> HttpResponse:
    """Say no to who asked."""
    actor = administrator(request)
    erasure = get_object_or_404(Erasure.objects.select_related("person"), pk=erasure_id)
    return do(
        request,
        lambda: decline_erasure(actor=actor, erasure=erasure),
        _("Declined."),
        back=reverse("people:erasures"),
    )
