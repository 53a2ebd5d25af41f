"""The forms of the pool's pages."""

from __future__ import annotations

from typing import Any, ClassVar

from django import forms
from django.conf import settings
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from app.inference.models import Model, Role, Worker, WorkerKind
from app.operations.pool.setting_models import CHANGEABLE
from app.operations.pool.steering import KINDS, MOST_CAPACITY, Change, Server
from chat.models import Assistant

FALLBACKS = 3
IN_ITS_PLACE = (
    _("In its place, first choice"),
    _("In its place, second choice"),
    _("In its place, third choice"),
    _("In its place, further choice"),
)


def _key(*, is_new: bool) -> forms.CharField:
    return forms.CharField(
        label=_("Key"),
        required=False,
        max_length=2000,
        widget=forms.PasswordInput(attrs={"autocomplete": "off"}),
        help_text=_("If it wants one. Kept encrypted, and never shown again.") if is_new else "",
    )


def _capacity() -> forms.IntegerField:
    return forms.IntegerField(
        label=_("Requests at once"),
        min_value=1,
        max_value=MOST_CAPACITY,
        initial=32,
        help_text=_("How many Parley, all its processes together, may have there at the same time."),
    )


def _despite() -> forms.BooleanField:
    return forms.BooleanField(label=_("Keep it so although the test failed"), required=False)


class ServerForm(forms.Form):
    """A server to connect."""

    address = forms.CharField(
        max_length=400,
        widget=forms.TextInput(
            attrs={"placeholder": "http://10.0.0.5:8000/v1", "autocomplete": "off", "spellcheck": "false"}
        ),
        help_text=_("Of its OpenAI-compatible interface, ending in /v1."),
    )
    api_key = _key(is_new=True)
    upstream_name = forms.CharField(
        label=_("Model, as the server calls it"),
        required=False,
        max_length=300,
        widget=forms.TextInput(attrs={"list": "offered", "autocomplete": "off", "spellcheck": "false"}),
        help_text=_("Leave it empty if the server has only one."),
    )
    name = forms.CharField(
        label=_("Name in Parley"),
        required=False,
        max_length=200,
        help_text=_("Servers of the same name share its work. Empty: as the server calls it."),
    )
    role = forms.ChoiceField(label=_("What it does"), choices=Role.choices, initial=Role.GENERATE)
    kind = forms.ChoiceField(label=_("Kind of server"), required=False, choices=KINDS)
    capacity = _capacity()
    despite = _despite()

    def server(self) -> Server:
        """What the form describes. Only for a valid form."""
        cleaned = self.cleaned_data
        return Server(**{name: cleaned[name] for name in Server.__dataclass_fields__})


class ChangeServerForm(forms.Form):
    """A server's entry."""

    address = forms.CharField(max_length=400, widget=forms.TextInput(attrs={"spellcheck": "false"}))
    api_key = _key(is_new=False)
    forget_api_key = forms.BooleanField(label=_("Forget the key that is kept"), required=False)
    kind = forms.ChoiceField(label=_("Kind of server"), choices=WorkerKind.choices)
    capacity = _capacity()
    despite = _despite()

    def __init__(self, data: QueryDict | None = None, *, worker: Worker) -> None:
        super().__init__(data, initial={"address": worker.address, "kind": worker.kind, "capacity": worker.capacity})
        key = self.fields["api_key"]
        if worker.has_api_key():
            key.help_text = _(
                "One is kept, and is never shown again. Write here to replace it, or for another address."
            )
        else:
            key.help_text = _("If it wants one. Kept encrypted, and never shown again.")
            del self.fields["forget_api_key"]

    def change(self) -> Change:
        """What the form says. Only for a valid form."""
        cleaned = self.cleaned_data
        key = cleaned["api_key"] or ("" if cleaned.get("forget_api_key") else None)
        return Change(cleaned["address"], key, cleaned["kind"], cleaned["capacity"])


class ModelForm(forms.ModelForm):  # type: ignore[type-arg]
    """What administrators may say of a model."""

    class Meta:
        model = Model
        fields = CHANGEABLE

    SECTIONS = (
        (
            _("What it is"),
            False,
            ("upstream_name", "role", "licence", "context_tokens", "sees_images", "is_demonstration"),
        ),
        (_("What it costs"), False, ("price_in", "price_cached", "price_out", "watts")),
        (_("If it embeds text"), Role.EMBED, ("query_prefix", "passage_prefix")),
        (_("If serve_model runs it"), True, ("tensor_parallel", "pipeline_parallel")),
    )

    HELP: ClassVar = {
        "query_prefix": _("What an embedding model wants before a question, such as “query: ”; see its card."),
        "passage_prefix": _("What an embedding model wants before a passage, such as “passage: ”; see its card."),
    }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        currency = {"currency": settings.CURRENCY}
        labels = {
            "price_in": _("A million tokens read, in %(currency)s") % currency,
            "price_cached": _("A million tokens read from the cache, in %(currency)s") % currency,
            "price_out": _("A million tokens written, in %(currency)s") % currency,
            "watts": _("Watts of one fully used server"),
            "is_demonstration": _("A demonstration: the first capable model takes its place"),
            "sees_images": _("It sees images"),
            "upstream_name": _("The name its servers know it by"),
            "role": _("What it does"),
            "tensor_parallel": _("GPUs that share each layer"),
            "pipeline_parallel": _("Groups of GPUs that take the layers in turn"),
            "context_tokens": _("Tokens it takes"),
            "licence": _("Licence"),
            "query_prefix": _("Query prefix"),
            "passage_prefix": _("Passage prefix"),
        }
        for name, label in labels.items():
            self.fields[name].label = str(label)
            self.fields[name].help_text = self.HELP.get(name, "")
            if name.startswith("price"):
                self.initial[name] = f"{self.initial[name]:f}".rstrip("0").rstrip(".") or "0"
        for name in ("query_prefix", "passage_prefix"):
            self.fields[name].strip = False  # type: ignore[attr-defined]  # the space at the end is part of it

    def sections(self) -> list[tuple[str, list[forms.BoundField], bool]]:
        """Titles with their fields, and whether they stay folded because they matter to few models."""
        return [
            (str(title), [self[name] for name in names], bool(rare) and rare != self.instance.role)
            for title, rare, names in self.SECTIONS
        ]


class AssistantModelsForm(forms.Form):
    """Who writes for an assistant."""

    mode = forms.ChoiceField(label=_("How it answers"), choices=Assistant.Mode.choices)
    model = forms.ModelChoiceField(Model.objects.none(), required=False, empty_label=_("None"))
    canary = forms.ModelChoiceField(
        Model.objects.none(),
        label=_("On trial"),
        required=False,
        empty_label=_("None"),
        help_text=_("Writes in the share of conversations below; where it cannot, the model above does."),
    )
    canary_percent = forms.IntegerField(
        label=_("Share of conversations on trial, in percent"), min_value=0, max_value=100, required=False
    )
    repeats_answers = forms.BooleanField(
        label=_("Repeat an answer when the very same question is asked again, with the same knowledge"), required=False
    )

    def __init__(self, data: QueryDict | None = None, *, assistant: Assistant) -> None:
        chain = [one.model for one in assistant.fallbacks.select_related("model")]
        initial = {
            name: getattr(assistant, name) for name in ("mode", "model", "canary", "canary_percent", "repeats_answers")
        }
        initial |= {f"fallback_{number}": model for number, model in enumerate(chain, start=1)}
        super().__init__(data, initial=initial)
        writing = Model.objects.filter(role=Role.GENERATE)
        fallbacks = {
            f"fallback_{number}": forms.ModelChoiceField(
                writing,
                label=IN_ITS_PLACE[min(number, 4) - 1],
                required=False,
                empty_label=_("None"),
            )
            for number in range(1, max(FALLBACKS, len(chain) + 1) + 1)
        }
        mode, model, *others = self.fields.items()
        self.fields = dict([mode, model, *fallbacks.items(), *others])
        for name in ("model", "canary"):
            self.fields[name].queryset = writing  # type: ignore[attr-defined]

    def fallbacks(self) -> list[Model]:
        """In order; empty places are left out."""
        names = [name for name in self.fields if name.startswith("fallback_")]
        return [model for name in names if (model := self.cleaned_data[name])]

    def columns(self) -> dict[str, Any]:
        cleaned = self.cleaned_data
        columns = {name: cleaned[name] for name in ("mode", "model", "canary", "repeats_answers")}
        return columns | {"canary_percent": cleaned["canary_percent"] or 0}
