"""One person: what they have, and what can be done about it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts import rights
from accounts.callers import reader
from accounts.models import Insight, Invitation, User
from accounts.people import insights
from accounts.people.belongings import had_by
from accounts.people.explaining import explain_person
from accounts.people.forms import GroupsForm, InsightForm, PersonForm, RolesForm
from accounts.people.groups import set_groups_of
from accounts.people.handing_over import hand_over, merge_people
from accounts.people.inviting import resend_invitation, withdraw_invitation
from accounts.people.pages.deeds import administrator, do
from accounts.people.people import assign_roles, change_address, reinstate_person, rename_person, suspend_person
from accounts.people.queries import find_by_address, get_person, key_figures
from accounts.roles import role_names
from app.errors import BadInputError, ConflictError, NotFoundError


@login_required
@require_GET
def show(request: HttpRequest, person_id: UUID) -> HttpResponse:
    actor = reader(request)
    if not rights.can(actor, "audit.read"):
        rights.require(actor, "accounts.administer")
    person = get_person(person_id)
    joined = list(person.groups_joined.all())
    by_hand = [str(group.pk) for group in joined if not group.external_id]
    names = role_names()
    keys, key_used = key_figures(person)
    context = {
        "person": person,
        "roles": [names.get(role, role) for role in person.roles],
        "groups": joined,
        "keys": keys,
        "key_used": key_used,
        "invitation": Invitation.objects.unanswered().filter(user=person).first(),
        "may_change": rights.can(actor, "accounts.administer"),
        "may_ask": rights.can(actor, "insight.ask") and actor != person,
        "insights": Insight.objects.filter(person=person).select_related("reader").order_by("-asked_at")[:10],
        "is_self": actor == person,
        "person_form": PersonForm(initial={"name": person.name, "email": person.email}),
        "roles_form": RolesForm(initial={"roles": person.roles}),
        "groups_form": GroupsForm(initial={"groups": by_hand}),
        "insight_form": InsightForm(),
    }
    return render(request, "people/person.html", context)


def _change(request: HttpRequest, actor: User, person: User) -> None:
    form = PersonForm(request.POST)
    if not form.is_valid():
        raise BadInputError("Write a name of at most 120 characters, and an e-mail address.")
    if form.cleaned_data["name"] != person.name:
        rename_person(actor=actor, user=person, name=form.cleaned_data["name"])
    if form.cleaned_data["email"] != person.email:
        change_address(actor=actor, user=person, email=form.cleaned_data["email"])


def _set_roles(request: HttpRequest, actor: User, person: User) -> None:
    assign_roles(actor=actor, user=person, roles=request.POST.getlist("roles"))


def _set_groups(request: HttpRequest, actor: User, person: User) -> None:
    form = GroupsForm(request.POST)
    if not form.is_valid():
        raise BadInputError("Choose groups of the list.")
    set_groups_of(actor=actor, person=person, groups=form.chosen())


def _suspend(request: HttpRequest, actor: User, person: User) -> None:
    reason = request.POST.get("reason", "").strip()
    if not reason:
        raise BadInputError("Say why. The next administrator will want to know.")
    suspend_person(actor=actor, user=person, reason=reason)


def _reinstate(request: HttpRequest, actor: User, person: User) -> None:
    reinstate_person(actor=actor, user=person, reason=request.POST.get("reason", ""))


def _resend(request: HttpRequest, actor: User, person: User) -> None:
    resend_invitation(actor=actor, invitation=_invitation_of(person))


def _withdraw(request: HttpRequest, actor: User, person: User) -> None:
    withdraw_invitation(actor=actor, invitation=_invitation_of(person))


def _invitation_of(person: User) -> Invitation:
    found = Invitation.objects.filter(user=person).select_related("user").first()
    if found is None:
        raise ConflictError("Nobody invited this person.")
    return found


DEEDS: dict[str, Callable[[HttpRequest, User, User], None]] = {
    "change": _change,
    "roles": _set_roles,
    "groups": _set_groups,
    "suspend": _suspend,
    "reinstate": _reinstate,
    "invite-again": _resend,
    "withdraw": _withdraw,
}


@login_required
@require_POST
def deed(request: HttpRequest, person_id: UUID, name: str) -> HttpResponse:
    """One of ``DEEDS``, and back to the person's page."""
    actor = administrator(request)
    person = get_person(person_id)
    if name not in DEEDS:
        raise NotFoundError
    back = reverse("people:person", args=[person.pk])
    return do(request, lambda: DEEDS[name](request, actor, person), _("Done."), back=back)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def move(request: HttpRequest, person_id: UUID, kind: str) -> HttpResponse:
    """Hand over what somebody kept, or merge their account into another: first what would move, then that."""
    actor = administrator(request)
    person = get_person(person_id)
    if kind not in ("hand-over", "merge"):
        raise NotFoundError
    merges = kind == "merge"
    address = (request.POST or request.GET).get("to", "").strip()
    to, wrong = None, ""
    if address:
        try:
            to = find_by_address(address)
        except BadInputError as error:
            wrong = error.message
    if request.method == "POST" and to is not None:
        done = _("Everything is with %(person)s now.") % {"person": to}
        back = reverse("people:person", args=[person.pk])
        if merges:
            return do(request, partial(merge_people, actor=actor, person=person, into=to), done, back=back)
        return do(request, partial(hand_over, actor=actor, person=person, to=to), done, back=back)
    had = had_by(person, to=to, only_work=not merges)
    context = {
        "person": person,
        "to": to,
        "address": address,
        "wrong": wrong,
        "had": had,
        "cannot": any(not one.can_take for one in had),
        "merges": merges,
    }
    return render(request, "people/move.html", context, status=422 if wrong else 200)


@login_required
@never_cache
@require_GET
def explained(request: HttpRequest, person_id: UUID) -> HttpResponse:
    """What they can do and see, and why."""
    actor = reader(request)
    if not rights.can(actor, "audit.read"):
        rights.require(actor, "accounts.administer")
    standing = explain_person(actor=actor, person=get_person(person_id))
    return render(request, "people/rights.html", {"standing": standing, "is_own": False})


@login_required
@never_cache
@require_GET
def own(request: HttpRequest) -> HttpResponse:
    """The same of oneself."""
    actor = reader(request)
    standing = explain_person(actor=actor, person=actor)
    return render(request, "people/rights.html", {"standing": standing, "is_own": True})


@login_required
@require_POST
def ask_insight(request: HttpRequest, person_id: UUID) -> HttpResponse:
    """Ask to read their conversations."""
    actor = reader(request)
    rights.require(actor, "insight.ask")
    person = get_object_or_404(User, pk=person_id)
    form = InsightForm(request.POST)

    def ask() -> None:
        if not form.is_valid():
            raise BadInputError("Say why, in 10 to 500 characters, and for how many hours, 24 at most.")
        insights.ask_insight(actor=actor, person=person, **form.cleaned_data)

    return do(request, ask, _("Asked. Somebody else has to allow it."), back=reverse("people:insights"))
