from django import forms
from django.utils.translation import gettext_lazy as _


class KeyForm(forms.Form):
    """A new API key."""

    name = forms.CharField(max_length=120, label=_("Name"), help_text=_("The program that will use it."))
