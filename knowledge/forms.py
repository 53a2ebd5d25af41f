"""What the knowledge pages take."""

from __future__ import annotations

from typing import Any

from django import forms

from accounts.models import User
from knowledge.queries import groups_choosable_by
from knowledge.sources import Readers

EVERYONE, GROUPS, NOBODY = "everyone", "groups", "nobody"


class SourceForm(forms.Form):
    """A new source for uploads: its name and who may read it."""

    name = forms.CharField(max_length=120, help_text="People see it beside every answer that rests on it.")
    readers = forms.ChoiceField(
        label="Who may read it",
        choices=[(EVERYONE, "Everyone"), (GROUPS, "The groups ticked below"), (NOBODY, "Only you, for now")],
        widget=forms.RadioSelect,
        initial=EVERYONE,
    )
    groups = forms.MultipleChoiceField(required=False, widget=forms.CheckboxSelectMultiple)
    review_by = forms.DateField(
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}),
        help_text="When its content should be looked at again.",
    )

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        names = [(name, name) for name in groups_choosable_by(user)]
        groups = self.fields["groups"]
        assert isinstance(groups, forms.MultipleChoiceField)
        groups.choices = names

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean()
        if cleaned and cleaned.get("readers") == GROUPS and not cleaned.get("groups"):
            self.add_error("groups", "Tick at least one group.")
        return cleaned

    def chosen_readers(self) -> Readers:
        choice = self.cleaned_data["readers"]
        groups = self.cleaned_data["groups"] if choice == GROUPS else ()
        return Readers(groups=groups, everyone=choice == EVERYONE)
