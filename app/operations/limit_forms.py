"""What the pages for limits take."""

from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings
from django.utils.translation import gettext_lazy as _

from accounts.limits.limits import LARGEST, Terms
from accounts.models import ApiKey, Group, Limit, Program
from chat.models import Assistant

Subject = Limit.Subject
NAMED = {
    Subject.GROUP: _("Group"),
    Subject.KEY: _("API key"),
    Subject.PROGRAM: _("Program"),
    Subject.ASSISTANT: _("Assistant"),
}

PERIODS = [
    (Limit.Period.MINUTE, _("minute")),
    (Limit.Period.HOUR, _("hour")),
    (Limit.Period.DAY, _("day")),
    (Limit.Period.MONTH, _("month")),
]


class AmountForm(forms.Form):
    """How much, and when to warn."""

    amount = forms.DecimalField(label=_("Amount"), min_value=0, max_value=LARGEST, max_digits=18, decimal_places=6)
    warn_percent = forms.IntegerField(
        label=_("Warn at"), min_value=1, max_value=100, initial=80, help_text=_("Percent of the amount.")
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["amount"].help_text = _("Money is in %(currency)s.") % {"currency": settings.CURRENCY}


class LimitForm(AmountForm):
    """A new limit for a kind of subject, which the page's address says."""

    measure = forms.ChoiceField(label=_("Of what"), choices=Limit.Measure.choices)
    period = forms.ChoiceField(
        label=_("Per"),
        choices=PERIODS,
        initial=Limit.Period.DAY,
        help_text=_("Of the calendar, in UTC: a month begins on its first day at 00:00."),
    )

    def __init__(self, subject: str, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.subject = subject
        if subject == Subject.PERSON:
            self.fields["who"] = forms.EmailField(label=_("Person"), help_text=_("Their e-mail address."))
        elif subject not in (Subject.EACH, Subject.ALL):
            self.fields["which"] = forms.ChoiceField(label=NAMED[Subject(subject)], choices=_which(subject))
        self.order_fields(["who", "which", "amount", "measure", "period", "warn_percent"])

    def terms(self) -> Terms:
        """What was filled in."""
        data = self.cleaned_data
        return Terms(
            subject=self.subject,
            subject_id=data.get("which") or None,
            measure=data["measure"],
            amount=data["amount"],
            period=data["period"],
            warn_percent=data["warn_percent"],
        )


def _which(subject: str) -> list[tuple[Any, str]]:
    """What there is to choose, by id."""
    if subject == Subject.GROUP:
        return list(Group.objects.values_list("pk", "name"))
    if subject == Subject.ASSISTANT:
        return list(Assistant.objects.filter(is_active=True).values_list("pk", "name"))
    if subject == Subject.PROGRAM:
        return list(Program.objects.live().order_by("name").values_list("pk", "name"))
    keys = ApiKey.objects.live().select_related("user").order_by("user__name", "name")
    return [(key.pk, f"{key.user}: {key.name}") for key in keys]
