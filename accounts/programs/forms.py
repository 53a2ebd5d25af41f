"""What the pages for keys and registered programs take."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django import forms
from django.conf import settings
from django.utils.formats import date_format
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from accounts import rights
from accounts.models import Group, Program, User
from accounts.programs.assistants import assistants_for
from accounts.programs.keys import OVERLAPS, USUAL, USUAL_DAYS, Terms, longest_days
from accounts.programs.oauth.programs import Registration
from accounts.right_words import choices

SOME, ALL, KEEP = "some", "all", "keep"


def days_choices() -> list[tuple[str, str]]:
    return [(str(days), ngettext("%(n)s day", "%(n)s days", days) % {"n": days}) for days in longest_days()]


def overlap_choices() -> list[tuple[int, str]]:
    """How long the secret before may work on, in hours."""
    return [(hours, ngettext("%(n)s hour", "%(n)s hours", hours) % {"n": hours}) for hours in OVERLAPS]


class KeyForm(forms.Form):
    """A new API key. What is left out is what is usual: to ask and to search, for some months, with all assistants."""

    name = forms.CharField(max_length=120, label=_("Name"), help_text=_("The program that will use it."))
    days = forms.ChoiceField(label=_("Works for"), required=False)
    reach = forms.ChoiceField(
        label=_("What it may do"),
        required=False,
        initial=SOME,
        choices=[(SOME, _("Only this")), (ALL, _("All that I may do, now and later"))],
        widget=forms.RadioSelect,
    )
    capabilities = forms.MultipleChoiceField(
        label=_("Rights"), required=False, initial=USUAL, widget=forms.CheckboxSelectMultiple
    )
    assistants = forms.MultipleChoiceField(
        label=_("Only with these assistants"),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=_("None chosen: all that you may use, now and later."),
    )

    def __init__(self, user: User, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["days"].choices = days_choices()  # type: ignore[attr-defined]
        self.fields["days"].initial = str(min(USUAL_DAYS, settings.KEY_MAX_DAYS))
        self.fields["capabilities"].choices = choices(rights.granted_to(user))  # type: ignore[attr-defined]
        self.fields["assistants"].choices = [(str(pk), name) for pk, name in assistants_for(user)]  # type: ignore[attr-defined]
        self.user = user

    def terms(self) -> Terms:
        """What was filled in."""
        data = self.cleaned_data
        # A form that says nothing of rights is an older page's: it gets the usual ones, not all.
        says_nothing = not data["reach"]
        usual = [one for one in USUAL if one in rights.granted_to(self.user)]
        some = usual if says_nothing else data["capabilities"]
        return Terms(
            capabilities=None if data["reach"] == ALL else some,
            assistants=[UUID(one) for one in data["assistants"]] or None,
            days=int(data["days"] or min(USUAL_DAYS, settings.KEY_MAX_DAYS)),
        )


class ProgramForm(forms.Form):
    """A registered program's terms. Whether it keeps a secret is said once, when it is registered."""

    name = forms.CharField(
        max_length=120, label=_("Name"), help_text=_("People read it when they are asked to allow it.")
    )
    owner = forms.EmailField(label=_("Who answers for it"), help_text=_("Their e-mail address."))
    kind = forms.ChoiceField(
        label=_("Where it runs"),
        choices=[("server", _("On a server, and keeps a secret")), ("device", _("On people’s own devices"))],
        initial="server",
        widget=forms.RadioSelect,
    )
    grants = forms.MultipleChoiceField(
        label=_("How it acts"),
        choices=Program.Grant.choices,
        widget=forms.CheckboxSelectMultiple,
        help_text=_("For itself it has an account of its own, which nobody can sign in to."),
    )
    redirect_uris = forms.CharField(
        label=_("Redirect addresses"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 3, "spellcheck": "false"}),
        help_text=_("One a line, word for word. Needed where it acts for people."),
    )
    capabilities = forms.MultipleChoiceField(
        label=_("What it may do at most"), initial=USUAL, widget=forms.CheckboxSelectMultiple
    )
    assistants = forms.MultipleChoiceField(
        label=_("Only with these assistants"),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=_("None chosen: all that whoever it acts for may use."),
    )
    groups = forms.ModelMultipleChoiceField(
        label=_("Groups of its own account"),
        required=False,
        queryset=Group.objects.none(),
        widget=forms.CheckboxSelectMultiple,
        help_text=_("Whose knowledge and assistants it may use when it acts for itself."),
    )
    days = forms.ChoiceField(label=_("Works for"))

    def __init__(self, *args: Any, program: Program | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["capabilities"].choices = choices(rights.CAPABILITIES)  # type: ignore[attr-defined]
        self.fields["assistants"].choices = [(str(pk), name) for pk, name in assistants_for(None)]  # type: ignore[attr-defined]
        self.fields["groups"].queryset = Group.objects.all()  # type: ignore[attr-defined]
        self.fields["days"].choices = days_choices()  # type: ignore[attr-defined]
        self.fields["days"].initial = str(longest_days()[-1])
        if program is not None:
            del self.fields["kind"]
            until = _("As now, until %(day)s") % {"day": date_format(program.expires_at, "j M Y")}
            self.fields["days"].choices = [(KEEP, until), *days_choices()]  # type: ignore[attr-defined]
            self.fields["days"].initial = KEEP
            self.fields["days"].help_text = _("From today.")

    @staticmethod
    def initial_of(program: Program) -> dict[str, Any]:
        account = program.account
        return {
            "name": program.name,
            "owner": program.owner.email,
            "grants": program.grants,
            "redirect_uris": "\n".join(program.redirect_uris),
            "capabilities": program.capabilities,
            "assistants": [str(one) for one in program.assistants or ()],
            "groups": list(account.groups_joined.all()) if account else [],
        }

    def clean_owner(self) -> User:
        found = User.objects.filter(email__iexact=self.cleaned_data["owner"], is_active=True, is_service=False).first()
        if found is None:
            raise forms.ValidationError(_("Nobody with this address can sign in."))
        return found

    def keeps_a_secret(self) -> bool:
        return bool(self.cleaned_data["kind"] == "server")

    def registration(self) -> Registration:
        """What was filled in."""
        data = self.cleaned_data
        return Registration(
            name=data["name"],
            owner=data["owner"],
            grants=data["grants"],
            capabilities=data["capabilities"],
            days=None if data["days"] == KEEP else int(data["days"]),
            redirect_uris=data["redirect_uris"].split(),
            assistants=[UUID(one) for one in data["assistants"]] or None,
            groups=list(data["groups"]),
        )
