from django import forms
from django.contrib.auth.password_validation import validate_password
from django.utils.translation import gettext_lazy as _

from accounts.models import User


class FirstAdministratorForm(forms.Form):
    """Whoever keeps a new Parley."""

    email = forms.EmailField(label=_("Email"), widget=forms.EmailInput(attrs={"autocomplete": "username"}))
    name = forms.CharField(
        max_length=120, required=False, label=_("Name"), widget=forms.TextInput(attrs={"autocomplete": "name"})
    )
    password = forms.CharField(
        label=_("Password"),
        strip=False,
        help_text=_("At least 12 characters; four words that have nothing to do with each other make a good one."),
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )

    def clean(self) -> dict[str, str]:
        """Weak passwords are said beside their field."""
        cleaned = self.cleaned_data
        if "password" in cleaned and "email" in cleaned:
            try:
                validate_password(cleaned["password"], User(email=cleaned["email"], name=cleaned.get("name", "")))
            except forms.ValidationError as error:
                self.add_error("password", error)
        return cleaned
