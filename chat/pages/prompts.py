"""Saved prompts in the browser: the page to keep them, the menu of the composer, and filling one in."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db.models import BooleanField, ExpressionWrapper, Q
from django.db.models.functions import Lower
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.callers import reader
from accounts.models import Group, User
from app.errors import BadInputError
from app.web.paging import Order, Page, ordered
from chat.composing.placeholders import fill, pieces_of, places_of
from chat.models import SavedPrompt, SavedPromptQuerySet
from chat.verbs import prompting

ROWS = 30
MENU_ROWS = 30
FILTERS = {"all": gettext_noop("All"), "own": gettext_noop("Yours"), "shared": gettext_noop("Shared by others")}


class PromptForm(forms.Form):
    """A saved prompt; with ``prompt`` a change of that one."""

    name = forms.CharField(max_length=prompting.MAX_NAME, help_text=_("What you look for it by."))
    text = forms.CharField(
        widget=forms.Textarea(attrs={"rows": 8}),
        help_text=(
            _(
                "A place to fill in is written <code>{{name}}</code>, or <code>{{name=what it says else}}</code>. "
                "You are asked for each when you use the prompt."
            )
        ),
    )
    group = forms.ChoiceField(label=_("Who may use it"), required=False)

    def __init__(self, *args: Any, user: User, prompt: SavedPrompt | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        groups = {str(group.pk): group for group in Group.objects.visible_to(user)}
        if prompt and prompt.group:
            groups[str(prompt.group_id)] = prompt.group
        self._groups = groups
        choices = [(key, _("Everybody in %(group)s") % {"group": group}) for key, group in groups.items()]
        field = self.fields["group"]
        assert isinstance(field, forms.ChoiceField)
        nobody_else = str(_("Only you"))
        if prompt and prompt.owner != user:
            nobody_else = _("Only %(owner)s") % {"owner": prompt.owner}
        field.choices = [("", nobody_else), *choices]

    def columns(self) -> dict[str, Any]:
        """What the form says, as the verbs take it. Only for a valid form."""
        cleaned = self.cleaned_data
        return {"name": cleaned["name"], "text": cleaned["text"], "group": self._groups.get(cleaned["group"])}


@login_required
@require_GET
def keep(request: HttpRequest) -> HttpResponse:
    """One's own prompts and those that others share, by name."""
    user = reader(request)
    show, words = request.GET.get("show", "all"), request.GET.get("q", "").strip()
    page = _page_of(user, show, words, request.GET.get("cursor"))
    for prompt in page.items:
        prompt.is_mine_to_change = prompt.permits(user, "chat.edit_prompt")  # type: ignore[attr-defined]
        prompt.places = places_of(prompt.text)  # type: ignore[attr-defined]
    context = {"page": page, "show": show, "words": words, "filters": FILTERS}
    return render(request, "chat/prompts.html", context | {"deleted": _just_deleted(request)})


def _page_of(user: User, show: str, words: str, cursor: str | None) -> Page[SavedPrompt]:
    rows = SavedPrompt.objects.visible_to(user)
    if show == "own":
        rows = rows.filter(owner=user)
    elif show == "shared":
        rows = rows.exclude(owner=user)
    rows = _named(rows, words).select_related("owner", "group").annotate(by_name=Lower("name"))
    return ordered(rows, Order("by_name", kind=str), limit=ROWS, cursor=cursor)


def _named(rows: SavedPromptQuerySet, words: str) -> SavedPromptQuerySet:
    """Those with all of these words in their name or text."""
    wanted = words.replace("\x00", "").casefold().split()[:8]
    if not wanted:
        return rows
    said = rows.order_by().values_list("pk", "name", "text")
    return rows.filter(
        pk__in=[pk for pk, *texts in said if all(word in "\n".join(texts).casefold() for word in wanted)]
    )


def _just_deleted(request: HttpRequest) -> SavedPrompt | None:
    """What was deleted a moment ago by a plain form, to be offered back."""
    try:
        prompt_id = UUID(request.GET.get("deleted", ""))
    except ValueError:
        return None
    return SavedPrompt.objects.restorable_by(reader(request)).filter(pk=prompt_id).first()


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def create(request: HttpRequest) -> HttpResponse:
    user = reader(request)
    form = PromptForm(request.POST if request.method == "POST" else None, user=user)
    if form.is_bound and form.is_valid():
        try:
            prompt = prompting.create_prompt(user, **form.columns())
        except BadInputError as error:
            form.add_error(None, error.message)
        else:
            messages.success(request, _("%(name)s is saved. Type / in the composer to use it.") % {"name": prompt.name})
            return redirect("chat:prompts")
    return render(request, "chat/prompt.html", {"form": form}, status=422 if form.errors else 200)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def change(request: HttpRequest, prompt_id: UUID) -> HttpResponse:
    user = reader(request)
    prompt = _mine(request, prompt_id)
    initial = {"name": prompt.name, "text": prompt.text, "group": str(prompt.group_id or "")}
    data = request.POST if request.method == "POST" else None
    form = PromptForm(data, user=user, prompt=prompt, initial=initial)
    if form.is_bound and form.is_valid():
        try:
            prompting.change_prompt(user, prompt=prompt, **form.columns())
        except BadInputError as error:
            form.add_error(None, error.message)
        else:
            messages.success(request, _("%(name)s is saved.") % {"name": prompt.name})
            return redirect("chat:prompts")
    context = {"form": form, "prompt": prompt}
    return render(request, "chat/prompt.html", context, status=422 if form.errors else 200)


@login_required
@require_POST
def copy(request: HttpRequest, prompt_id: UUID) -> HttpResponse:
    """One's own copy of a shared prompt, open to be changed."""
    user = reader(request)
    found = get_object_or_404(SavedPrompt.objects.visible_to(user), pk=prompt_id)
    made = prompting.copy_prompt(user, prompt=found)
    messages.success(request, _("This is a copy of your own. Nobody else sees it unless you share it."))
    return redirect("chat:change_prompt", made.pk)


@login_required
@require_POST
def delete(request: HttpRequest, prompt_id: UUID) -> HttpResponse:
    """Gone from the list, with a way back."""
    prompt = _mine(request, prompt_id)
    prompting.delete_prompt(reader(request), prompt=prompt)
    if request.headers.get("HX-Request"):
        return render(request, "chat/_prompt_deleted.html", {"prompt": prompt})
    return redirect(f"{reverse('chat:prompts')}?deleted={prompt.pk}")


@login_required
@require_POST
def restore(request: HttpRequest, prompt_id: UUID) -> HttpResponse:
    user = reader(request)
    prompt = get_object_or_404(SavedPrompt.objects.restorable_by(user), pk=prompt_id)
    prompting.restore_prompt(user, prompt=prompt)
    if request.headers.get("HX-Request"):
        return HttpResponse(status=204, headers={"HX-Refresh": "true"})
    return redirect("chat:prompts")


@login_required
@require_GET
def menu(request: HttpRequest) -> HttpResponse:
    """What the composer offers after a slash, as a fragment: prompts with these words, those named so first."""
    user, words = reader(request), request.GET.get("q", "").strip()
    rows = _named(SavedPrompt.objects.usable_by(user), words).select_related("owner", "group")
    is_named = ExpressionWrapper(Q(name__icontains=words.replace("\x00", "")), output_field=BooleanField())
    found = rows.order_by(is_named.desc(), Lower("name"), "pk")[:MENU_ROWS]
    return render(request, "chat/_prompt_options.html", {"prompts": found, "reader": user})


@login_required
@require_GET
def fill_in(request: HttpRequest, prompt_id: UUID) -> HttpResponse:
    """The form that asks for a prompt's places, as a fragment for the composer; elsewhere the start page has it."""
    prompt = get_object_or_404(SavedPrompt.objects.visible_to(reader(request)), pk=prompt_id)
    if not request.headers.get("HX-Request"):
        return redirect(f"{reverse('chat:home')}?prompt={prompt.pk}")
    return render(request, "chat/_prompt_fill.html", filling(prompt))


def filling(prompt: SavedPrompt) -> dict[str, object]:
    """What ``chat/_prompt_fill.html`` draws."""
    return {"filling": prompt, "places": places_of(prompt.text), "pieces": pieces_of(prompt.text)}


def used(request: HttpRequest) -> dict[str, object]:
    """What ``/?prompt=ID`` puts on the start page: the form for its places, or the text once they are filled in."""
    named = request.GET.get("prompt")
    if not named:
        return {}
    try:
        prompt_id = UUID(named)
    except ValueError as error:
        raise BadInputError("There is no prompt at this address.") from error
    prompt = get_object_or_404(SavedPrompt.objects.visible_to(reader(request)), pk=prompt_id)
    places, values = places_of(prompt.text), request.GET.getlist("value")
    if places and not values:
        return filling(prompt)
    return {"text": fill(prompt.text, {place.name: value for place, value in zip(places, values, strict=False)})}


def _mine(request: HttpRequest, prompt_id: UUID) -> SavedPrompt:
    rows = SavedPrompt.objects.editable_by(reader(request)).select_related("owner", "group")
    return get_object_or_404(rows, pk=prompt_id)
