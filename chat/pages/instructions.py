"""The account page for what models should know about a person."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from accounts.callers import reader
from app.errors import BadInputError
from app.web.saying import written
from chat.models import Instructions
from chat.verbs.instructing import MAX_CHARACTERS, write_instructions


class InstructionsForm(forms.Form):
    """What one writes about oneself. How long it may be the verb says, since browsers count line ends otherwise."""

    about = forms.CharField(
        label=_("What Parley should know about you"),
        required=False,
        strip=False,
        widget=forms.Textarea(attrs={"rows": 6, "placeholder": _("I work in payroll in Lisbon, three days a week.")}),
    )
    manner = forms.CharField(
        label=_("How it should answer you"),
        required=False,
        strip=False,
        widget=forms.Textarea(attrs={"rows": 6, "placeholder": _("Briefly, in steps, and in simple English.")}),
    )
    is_on = forms.BooleanField(label=_("Use this in my conversations"), required=False, initial=True)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        most = {"max_characters": written(MAX_CHARACTERS)}
        about = _("Your work, your place, what you deal with. At most %(max_characters)s characters.")
        self.fields["about"].help_text = about % most
        self.fields["manner"].help_text = _("Tone, length and form. At most %(max_characters)s characters.") % most


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def write(request: HttpRequest) -> HttpResponse:
    user = reader(request)
    if request.method != "POST":
        found = Instructions.objects.filter(user=user).first()
        columns = ("about", "manner", "is_on")
        initial = {name: getattr(found, name) for name in columns} if found else None
        return render(request, "chat/instructions.html", {"form": InstructionsForm(initial=initial)})
    form = InstructionsForm(request.POST)
    if form.is_valid():
        try:
            write_instructions(user, **form.cleaned_data)
        except BadInputError as error:
            form.add_error(None, error.message)
        else:
            messages.success(request, _("Saved. It holds from your next question on."))
            return redirect("chat:instructions")
    return render(request, "chat/instructions.html", {"form": form}, status=422)
