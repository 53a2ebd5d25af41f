"""Keys: one's own, and those of everybody for who administers accounts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts import rights
from accounts.callers import reader
from accounts.limits.notices import Standing, standings_of_limits
from accounts.models import ApiKey, Limit, User
from accounts.programs.assistants import assistants_for
from accounts.programs.forms import KeyForm, overlap_choices
from accounts.programs.keys import create_key, end_previous_secret, revoke_key, rotate_key
from accounts.right_words import in_words
from app.errors import BadInputError
from app.web.paging import newest_first

ROWS = 50


@dataclass(frozen=True, slots=True)
class KeyRow:
    """A key as a list shows it: what it may in words, and how it stands with limits of its own."""

    key: ApiKey
    rights: list[str]
    assistants: list[str]
    standings: list[Standing]


def rows_of(keys: Iterable[ApiKey]) -> list[KeyRow]:
    keys = list(keys)
    standings = standings_by_subject([key.pk for key in keys])
    names = dict(assistants_for(None)) if any(key.assistants for key in keys) else {}
    return [
        KeyRow(
            key,
            in_words(key.capabilities),
            [names.get(one, _("one that is gone")) for one in key.assistants or ()],
            standings.get(key.pk, []),
        )
        for key in keys
    ]


def standings_by_subject(ids: Sequence[UUID]) -> dict[UUID, list[Standing]]:
    """How full the limits of these keys or programs are."""
    limits = list(Limit.objects.live().filter(subject_id__in=ids).order_by("created_at"))
    found: dict[UUID, list[Standing]] = {}
    for standing in standings_of_limits(limits):
        if standing.limit.subject_id is not None:
            found.setdefault(standing.limit.subject_id, []).append(standing)
    return found


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def own(request: HttpRequest) -> HttpResponse:
    """One's live keys; POST makes one and shows its secret, this once."""
    user = reader(request)
    form = KeyForm(user, request.POST if request.method == "POST" else None)
    secret = None
    if form.is_bound and form.is_valid():
        try:
            _key, secret = create_key(actor=user, user=user, name=form.cleaned_data["name"], terms=form.terms())
            form = KeyForm(user)
        except BadInputError as error:
            form.add_error(None, error.message)
    return _page(request, user, form, secret)


def _page(request: HttpRequest, user: User, form: KeyForm, secret: str | None) -> HttpResponse:
    live = ApiKey.objects.visible_to(user).live().order_by("-created_at")
    context = {"form": form, "rows": rows_of(live), "secret": secret, "overlaps": overlap_choices()}
    return render(request, "accounts/keys.html", context, status=422 if form.errors else 200)


@login_required
@never_cache
@require_POST
def rotate(request: HttpRequest, key_id: UUID) -> HttpResponse:
    """Another secret, shown this once; the one before works on for the chosen hours."""
    user = reader(request)
    key = get_object_or_404(ApiKey.objects.visible_to(user), pk=key_id)
    hours = request.POST.get("overlap_hours", "")
    secret = rotate_key(actor=user, key=key, overlap_hours=int(hours) if hours.isdecimal() and len(hours) < 5 else -1)
    return _page(request, user, KeyForm(user), secret)


@login_required
@require_POST
def end_previous(request: HttpRequest, key_id: UUID) -> HttpResponse:
    user = reader(request)
    key = get_object_or_404(ApiKey.objects.visible_to(user), pk=key_id)
    end_previous_secret(actor=user, key=key)
    messages.success(request, _("The old secret of %(name)s no longer works.") % {"name": key.name})
    return redirect("accounts:keys")


@login_required
@require_POST
def revoke(request: HttpRequest, key_id: UUID) -> HttpResponse:
    user = reader(request)
    key = get_object_or_404(ApiKey.objects.visible_to(user), pk=key_id)
    revoke_key(actor=user, key=key)
    messages.success(request, _("The key %(name)s no longer works.") % {"name": key.name})
    return redirect("accounts:keys")


@login_required
@require_GET
def everybodys(request: HttpRequest) -> HttpResponse:
    """The live keys of everybody, newest first, for who administers accounts."""
    actor = reader(request)
    rights.require(actor, "accounts.administer")
    live = ApiKey.objects.administered_by(actor).live().select_related("user")
    page = newest_first(live, by="created_at", limit=ROWS, cursor=request.GET.get("cursor"))
    context = {"rows": rows_of(page.items), "next": page.next}
    return render(request, "accounts/all_keys.html", context)


@login_required
@require_POST
def revoke_anybodys(request: HttpRequest, key_id: UUID) -> HttpResponse:
    actor = reader(request)
    key = get_object_or_404(ApiKey.objects.administered_by(actor).select_related("user"), pk=key_id)
    revoke_key(actor=actor, key=key)
    messages.success(
        request, _("The key %(name)s of %(person)s no longer works.") % {"name": key.name, "person": key.user}
    )
    return redirect("programs:keys")
