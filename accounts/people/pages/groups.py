"""Groups and roles: made, filled, put inside one another, renamed, removed."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts import roles
from accounts.capabilities import CAPABILITIES, GRANTS, MEANINGS
from accounts.models import CustomRole, Group, Role, User
from accounts.people import groups
from accounts.people.forms import GroupNameForm, RoleForm
from accounts.people.pages.deeds import administrator, do
from accounts.people.queries import find_by_address, get_group, get_person, list_groups
from app.errors import BadInputError, ConflictError, NotAllowedError, NotFoundError

SHOWN_MEMBERS = 500


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def listed(request: HttpRequest) -> HttpResponse:
    """All groups; POST makes one."""
    actor = administrator(request)
    form = GroupNameForm(request.POST if request.method == "POST" else None)
    if form.is_bound and form.is_valid():
        try:
            group = groups.create_group(actor=actor, name=form.cleaned_data["name"])
        except (BadInputError, ConflictError) as error:
            form.add_error("name", error.message)
        else:
            return redirect("people:group", group.pk)
    context = {"groups": list_groups(), "form": form}
    return render(request, "people/groups.html", context, status=422 if form.errors else 200)


@login_required
@require_GET
def show(request: HttpRequest, group_id: UUID) -> HttpResponse:
    administrator(request)
    group = get_group(group_id)
    direct = list(group.members.order_by("-is_active", "name", "email")[: SHOWN_MEMBERS + 1])
    through = group.everybody.exclude(pk__in=group.members.values("pk")).order_by("name", "email")
    around = Group.objects.filter(reaches__inner=group).values("pk")
    context = {
        "group": group,
        "members": direct[:SHOWN_MEMBERS],
        "is_cut": len(direct) > SHOWN_MEMBERS,
        "through": list(through[:SHOWN_MEMBERS]),
        "inside": Group.objects.filter(places__outer=group),
        "around": Group.objects.filter(holdings__inner=group),
        "addable": Group.objects.exclude(pk__in=around).exclude(places__outer=group),
        "form": GroupNameForm(initial={"name": group.name}),
    }
    return render(request, "people/group.html", context)


def _rename(request: HttpRequest, actor: User, group: Group) -> None:
    groups.rename_group(actor=actor, group=group, name=request.POST.get("name", ""))


def _add(request: HttpRequest, actor: User, group: Group) -> None:
    groups.add_member(actor=actor, group=group, person=find_by_address(request.POST.get("email", "")))


def _remove(request: HttpRequest, actor: User, group: Group) -> None:
    groups.remove_member(actor=actor, group=group, person=get_person(_id(request.POST.get("person", ""))))


def _nest(request: HttpRequest, actor: User, group: Group) -> None:
    groups.nest_group(actor=actor, outer=group, inner=get_group(_id(request.POST.get("inner", ""))))


def _unnest(request: HttpRequest, actor: User, group: Group) -> None:
    groups.unnest_group(actor=actor, outer=group, inner=get_group(_id(request.POST.get("inner", ""))))


def _leave(request: HttpRequest, actor: User, group: Group) -> None:
    groups.leave_to_directory(actor=actor, group=group)


def _take(request: HttpRequest, actor: User, group: Group) -> None:
    groups.take_from_directory(actor=actor, group=group)


def _id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError as error:
        raise BadInputError("Choose one of the list.") from error


DEEDS: dict[str, Callable[[HttpRequest, User, Group], None]] = {
    "rename": _rename,
    "add": _add,
    "remove": _remove,
    "nest": _nest,
    "unnest": _unnest,
    "leave-to-directory": _leave,
    "take-from-directory": _take,
}


@login_required
@require_POST
def deed(request: HttpRequest, group_id: UUID, name: str) -> HttpResponse:
    """One of ``DEEDS``, and back to the group's page; or "delete", and back to all of them."""
    actor = administrator(request)
    group = get_group(group_id)
    back = reverse("people:group", args=[group.pk])
    if name == "delete":
        try:
            groups.delete_group(actor=actor, group=group)
        except ConflictError as error:
            messages.error(request, error.message)
            return redirect(back)
        messages.success(request, _("The group %(name)s is gone.") % {"name": group.name})
        return redirect("people:groups")
    if name not in DEEDS:
        raise NotFoundError
    return do(request, lambda: DEEDS[name](request, actor, group), _("Done."), back=back)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def roles_listed(request: HttpRequest) -> HttpResponse:
    """Every role with what it allows; POST makes one."""
    actor = administrator(request)
    form = RoleForm(request.POST if request.method == "POST" else None)
    if form.is_bound and form.is_valid():
        try:
            role = roles.create_role(actor=actor, **form.cleaned_data)
        except (BadInputError, ConflictError, NotAllowedError) as error:
            form.add_error(None, error.message)
        else:
            messages.success(request, _("The role %(name)s can be given from now on.") % {"name": role.name})
            return redirect("people:roles")
    built_in = [(role.label, [_(MEANINGS[one]) for one in CAPABILITIES if one in GRANTS[role.value]]) for role in Role]
    own = [(role, [_(roles.meaning_of(one)) for one in role.capabilities]) for role in CustomRole.objects.all()]
    context = {"built_in": built_in, "own": own, "form": form}
    return render(request, "people/roles.html", context, status=422 if form.errors else 200)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def change_role(request: HttpRequest, slug: str) -> HttpResponse:
    actor = administrator(request)
    role = get_object_or_404(CustomRole, pk=slug)
    initial = {"name": role.name, "description": role.description, "capabilities": role.capabilities}
    form = RoleForm(request.POST if request.method == "POST" else None, initial=initial)
    if form.is_bound and form.is_valid():
        try:
            roles.change_role(actor=actor, role=role, **form.cleaned_data)
        except (BadInputError, ConflictError, NotAllowedError) as error:
            form.add_error(None, error.message)
        else:
            messages.success(request, _("The role %(name)s is changed.") % {"name": form.cleaned_data["name"]})
            return redirect("people:roles")
    held_by = User.objects.filter(roles__contains=[role.slug]).count()
    context = {"form": form, "role": role, "held_by": held_by}
    return render(request, "people/role.html", context, status=422 if form.errors else 200)


@login_required
@require_POST
def delete_role(request: HttpRequest, slug: str) -> HttpResponse:
    actor = administrator(request)
    role = get_object_or_404(CustomRole, pk=slug)
    done = _("The role %(name)s is gone.") % {"name": role.name}
    return do(request, lambda: roles.delete_role(actor=actor, role=role), done, back=reverse("people:roles"))
