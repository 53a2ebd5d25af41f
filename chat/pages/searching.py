"""The page on which one finds again what was asked and answered, and what the sidebar's field suggests meanwhile."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Any

from django import forms
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_GET

from accounts.callers import reader
from accounts.models import User
from app.errors import BadInputError
from chat.models import Assistant
from chat.pages import finding
from chat.pages.finding import Wanted
from chat.pages.sidebar import sidebar

TITLES = 5
SUGGESTED_TITLES, SUGGESTED_HITS = 3, 5
SHORTEST_SUGGESTED = 2


class SearchForm(forms.Form):
    """What to find, and among what. Everything is in the address, so that a search can be kept and sent."""

    q = forms.CharField(max_length=finding.LONGEST, required=False, label=_("Words"))
    since = forms.DateField(required=False, label=_("From"), widget=forms.DateInput(attrs={"type": "date"}))
    until = forms.DateField(required=False, label=_("To"), widget=forms.DateInput(attrs={"type": "date"}))
    assistant = forms.ModelChoiceField(
        Assistant.objects.none(),
        label=_("Assistant"),
        required=False,
        to_field_name="slug",
        empty_label=_("Any assistant"),
    )
    sources = forms.BooleanField(required=False, label=_("With sources"))

    def __init__(self, asked: QueryDict, *, user: User) -> None:
        super().__init__(asked, auto_id="search-%s")
        self.fields["assistant"].queryset = Assistant.objects.visible_to(user)  # type: ignore[attr-defined]
        for name in ("q", "since", "until", "assistant"):
            self.fields[name].widget.attrs["class"] = "input"

    def clean_q(self) -> str:
        text = str(self.cleaned_data["q"])
        if text:
            try:
                finding.read_words(text)
            except BadInputError as error:
                raise forms.ValidationError(error.message) from error
        return text

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if data.get("since") and data.get("until") and data["since"] > data["until"]:
            self.add_error("until", _("This day is before the first one. Choose a later one."))
        return data

    def wanted(self) -> Wanted:
        """Of a form that is valid. Both days are part of the time."""
        data = self.cleaned_data
        return Wanted(
            text=data["q"],
            since=_begin_of(data["since"]) if data["since"] else None,
            until=_begin_of(data["until"] + timedelta(days=1)) if data["until"] else None,
            assistant_id=data["assistant"].pk if data["assistant"] else None,
            with_sources=data["sources"],
        )

    @property
    def is_narrowed(self) -> bool:
        return any(self.data.get(name) for name in ("since", "until", "assistant", "sources"))


@login_required
@require_GET
def search(request: HttpRequest) -> HttpResponse:
    form = SearchForm(request.GET, user=reader(request))
    context = sidebar(request, is_paged=False) | {"form": form, "query": request.GET.get("q", "").strip()}
    if form.is_valid() and form.cleaned_data["q"]:
        context |= _found(request, form)
    return render(request, "chat/search.html", context)


@login_required
@require_GET
def suggest(request: HttpRequest) -> HttpResponse:
    """The first few, while somebody is still typing; nothing for what is no word yet."""
    user, text = reader(request), request.GET.get("q", "").strip()[: finding.LONGEST]
    context: dict[str, object] = {"query": text}
    if len(text) >= SHORTEST_SUGGESTED:
        try:
            context["titles"] = finding.find_titles(user, text, limit=SUGGESTED_TITLES)
            context["hits"] = finding.find_messages(user, Wanted(text), limit=SUGGESTED_HITS).items
        except BadInputError:
            context["query"] = ""
    return render(request, "chat/_suggestions.html", context)


def _found(request: HttpRequest, form: SearchForm) -> dict[str, object]:
    user, wanted, cursor = reader(request), form.wanted(), request.GET.get("cursor")
    page = finding.find_messages(user, wanted, cursor=cursor)
    is_first = not cursor and not form.is_narrowed
    address = request.GET.copy()
    if page.next:
        address["cursor"] = page.next
    return {
        "page": page,
        "titles": finding.find_titles(user, wanted.text, limit=TITLES) if is_first else [],
        "next_query": address.urlencode() if page.next else "",
    }


def _begin_of(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(day, time.min))
