"""What the knowledge pages take."""

from __future__ import annotations

from typing import Any

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from app.errors import BadInputError
from knowledge.connectors.base import Connector
from knowledge.errors import SettingError
from knowledge.models import Source
from knowledge.queries import groups_choosable_by
from knowledge.setting_fields import (
    PREFIX,
    Lines,
    initial_lines,
    initial_settings,
    line_fields,
    lines_in,
    setting_fields,
    settings_in,
)
from knowledge.sources import Readers, SourceChanges
from knowledge.syncs import scheduling

EVERYONE, GROUPS, NOBODY = "everyone", "groups", "nobody"
OTHER = "other"


class SourceForm(forms.Form):
    """A source of one kind: its name and readers, its connector's own settings, and how it is kept fresh.

    With ``source`` it is a change of that one, else a new one.
    """

    name = forms.CharField(max_length=120, help_text=_("People see it beside every answer that rests on it."))
    readers = forms.ChoiceField(
        label=_("Who may read it"),
        choices=[
            (EVERYONE, _("Everyone")),
            (GROUPS, _("The groups ticked below")),
            (NOBODY, _("Only its keeper, for now")),
        ],
        widget=forms.RadioSelect,
        initial=EVERYONE,
    )
    groups = forms.MultipleChoiceField(required=False, widget=forms.CheckboxSelectMultiple)
    review_by = forms.DateField(
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        help_text=_("When its content should be looked at again. Until somebody has, answers that rest on it say so."),
    )

    def __init__(
        self, data: QueryDict | None = None, *, user: User, connector: type[Connector], source: Source | None = None
    ) -> None:
        super().__init__(data, initial=_initial(connector, source))
        self.connector, self.source = connector, source
        own = [group.name for group in source.groups.all()] if source else []
        groups = self.fields["groups"]
        assert isinstance(groups, forms.MultipleChoiceField)
        groups.choices = [(name, name) for name in dict.fromkeys([*groups_choosable_by(user), *own])]
        review_by = self.fields.pop("review_by")
        self.fields |= setting_fields(connector.settings_schema)
        if connector.kind != "upload":
            self.fields |= _freshness(connector, has_credential=bool(source and source.has_credential))
        self.fields["review_by"] = review_by
        self.fields |= line_fields(source.quality_lines if source else {})

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean()
        if cleaned and cleaned.get("readers") == GROUPS and not cleaned.get("groups"):
            self.add_error("groups", _("Tick at least one group."))
        if cleaned and cleaned.get("schedule") == OTHER and not cleaned.get("schedule_other"):
            self.add_error("schedule_other", _("Write when, or choose another rhythm."))
        return cleaned

    def clean_schedule_other(self) -> str:
        try:
            return scheduling.checked(self.cleaned_data["schedule_other"])
        except BadInputError as error:
            raise forms.ValidationError(error.message) from error

    def changes(self) -> SourceChanges:
        """What the form says, as the verbs take it. Only for a valid form."""
        cleaned = self.cleaned_data
        wanted = SourceChanges(
            name=cleaned["name"],
            readers=self._readers(),
            config=settings_in(self.connector.settings_schema, cleaned),
            review_by=cleaned["review_by"],
            quality_lines=lines_in(cleaned),
        )
        if "schedule" in cleaned:
            is_other = cleaned["schedule"] == OTHER
            wanted["schedule"] = cleaned["schedule_other"] if is_other else cleaned["schedule"]
            wanted["include"], wanted["exclude"] = cleaned["include"], cleaned["exclude"]
        if cleaned.get("credential"):
            wanted["credential"] = cleaned["credential"]
        elif cleaned.get("forget_credential"):
            wanted["credential"] = ""
        return wanted

    def add_problem(self, error: BadInputError) -> None:
        """Show what a verb refused, at the field it is about where that is known."""
        name = error.field if isinstance(error, SettingError) else None
        field = next((one for one in (name, f"{PREFIX}{name}") if one in self.fields), None)
        self.add_error(field, error.message)

    def _readers(self) -> Readers:
        choice = self.cleaned_data["readers"]
        groups = self.cleaned_data["groups"] if choice == GROUPS else ()
        return Readers(groups=groups, everyone=choice == EVERYONE)


def _freshness(connector: type[Connector], *, has_credential: bool) -> dict[str, forms.Field]:
    """What only a source has that is looked through by itself."""
    found: dict[str, forms.Field] = {}
    if connector.credential_label:
        found["credential"] = forms.CharField(
            label=_(connector.credential_label),
            required=False,
            max_length=2000,
            widget=forms.PasswordInput(attrs={"autocomplete": "off"}),
            help_text=_("One is kept, and is never shown again. Write here only to replace it.")
            if has_credential
            else _("Kept encrypted, and never shown again. Leave it empty where everybody may read."),
        )
    if has_credential:
        found["forget_credential"] = forms.BooleanField(label=_("Forget the one that is kept"), required=False)
    found["include"] = Lines(
        label=_("Take only"),
        required=False,
        help_text=_("Patterns as in .gitignore files, one a line: *.md, handbook/**. Empty: everything."),
    )
    found["exclude"] = Lines(label=_("Leave out"), required=False, help_text=_("Likewise: drafts/, *.tmp."))
    found["schedule"] = forms.ChoiceField(
        label=_("Look through it"),
        required=False,
        choices=[*((words, scheduling.describe(words)) for words in scheduling.CHOICES), (OTHER, _("Another rhythm"))],
    )
    found["schedule_other"] = forms.CharField(
        label=_("Another rhythm"),
        required=False,
        max_length=60,
        help_text=_('Such as "every 90 minutes", "daily at 06:30", "weekly on friday at 18:00", or a cron line.'),
    )
    return found


def _initial(connector: type[Connector], source: Source | None) -> dict[str, Any]:
    if source is None:
        return initial_settings(connector.settings_schema, {})
    readers = EVERYONE if source.is_for_everyone else GROUPS if source.groups.exists() else NOBODY
    is_usual = source.schedule in scheduling.CHOICES
    return {
        "name": source.name,
        "readers": readers,
        "groups": [group.name for group in source.groups.all()],
        "include": source.include,
        "exclude": source.exclude,
        "schedule": source.schedule if is_usual else OTHER,
        "schedule_other": "" if is_usual else source.schedule,
        "review_by": source.review_by,
        **initial_lines(source.quality_lines),
        **initial_settings(connector.settings_schema, source.config),
    }
