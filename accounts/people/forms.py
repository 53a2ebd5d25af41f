"""The forms of the pages about people, groups and roles."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.capabilities import CAPABILITIES, MEANINGS
from accounts.models import Group, Role
from accounts.models.organising import MOST_HOURS
from accounts.roles import role_names


def _group_choices() -> list[tuple[str, str]]:
    """Those that are filled by hand."""
    return [(str(pk), name) for pk, name in Group.objects.filter(external_id="").values_list("pk", "name")]


class RolesForm(forms.Form):
    roles = forms.MultipleChoiceField(
        label=gettext_lazy("Roles"), widget=forms.CheckboxSelectMultiple, required=False, choices=[]
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._choose("roles", list(role_names().items()))

    def _choose(self, name: str, choices: list[tuple[str, str]]) -> None:
        field = self.fields[name]
        assert isinstance(field, forms.MultipleChoiceField)
        field.choices = choices


class GroupsForm(forms.Form):
    groups = forms.MultipleChoiceField(
        label=gettext_lazy("Groups"), widget=forms.CheckboxSelectMultiple, required=False, choices=[]
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["groups"]
        assert isinstance(field, forms.MultipleChoiceField)
        field.choices = _group_choices()

    def chosen(self) -> list[Group]:
        return list(Group.objects.filter(pk__in=self.cleaned_data["groups"]))


class InviteForm(GroupsForm, RolesForm):
    field_order = ("email", "name", "roles", "groups")
    email = forms.EmailField(label=gettext_lazy("E-mail address"))
    name = forms.CharField(label=gettext_lazy("Name"), max_length=120, required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial.setdefault("roles", [Role.EMPLOYEE.value])


class PersonForm(forms.Form):
    name = forms.CharField(label=gettext_lazy("Name"), max_length=120, required=False)
    email = forms.EmailField(
        label=gettext_lazy("E-mail address"), help_text=gettext_lazy("Another address ends their sessions.")
    )


class RoleForm(forms.Form):
    name = forms.CharField(label=gettext_lazy("Name"), max_length=60)
    description = forms.CharField(label=gettext_lazy("What it is for"), max_length=300, required=False)
    capabilities = forms.MultipleChoiceField(
        label=gettext_lazy("What it allows"), widget=forms.CheckboxSelectMultiple, required=False, choices=[]
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["capabilities"]
        assert isinstance(field, forms.MultipleChoiceField)
        field.choices = [(one, _(MEANINGS[one])) for one in CAPABILITIES]


class GroupNameForm(forms.Form):
    name = forms.CharField(label=gettext_lazy("Name"), max_length=120)


class TableForm(forms.Form):
    file = forms.FileField(label=gettext_lazy("File"), required=False)
    table = forms.CharField(
        label=gettext_lazy("Or its text"),
        widget=forms.Textarea(attrs={"rows": 8, "spellcheck": "false", "placeholder": "email,name,roles,groups"}),
        required=False,
        strip=False,
    )


class InsightForm(forms.Form):
    reason = forms.CharField(
        label=gettext_lazy("Why"),
        max_length=500,
        help_text=gettext_lazy("The person concerned will read it."),
        widget=forms.Textarea(attrs={"rows": 3}),
    )
    hours = forms.IntegerField(label=gettext_lazy("For how many hours"), min_value=1, max_value=MOST_HOURS, initial=4)


class JoinForm(forms.Form):
    name = forms.CharField(label=gettext_lazy("What you are called"), max_length=120)
    password = forms.CharField(
        label=gettext_lazy("Password"),
        help_text=gettext_lazy("At least 12 characters. A sentence is easier to remember than a word."),
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        strip=False,
    )
