from django import forms


class KeyForm(forms.Form):
    """A new API key."""

    name = forms.CharField(max_length=120, label="Name", help_text="The program that will use it.")
