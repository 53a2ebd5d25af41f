"""The admin site's page of assistants. Conversations are not here: nobody reads other people's through it."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.forms.models import ModelForm
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from accounts.admin import AuditedAdmin, ReadOnlyAdmin
from accounts.callers import reader
from app.errors import BadInputError
from chat.assistants import check_chain, write_prompt
from chat.composing import prompts
from chat.models import Assistant, PromptVersion


class AssistantForm(ModelForm):  # type: ignore[type-arg]
    """An assistant with the current wording of its instructions; another wording becomes a new version."""

    instructions = forms.CharField(
        required=False,
        widget=forms.Textarea(attrs={"rows": 8, "cols": 100}),
        help_text=_("What the model is told first; {assistant} becomes the name above. Empty: Parley's own wording."),
    )

    class Meta:
        model = Assistant
        fields = (
            *("name", "slug", "description", "suggestions", "mode", "model", "offers_models", "max_tokens"),
            *("searches", "sources", "policy", "is_for_everyone", "groups", "owner", "is_active", "is_default"),
        )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.prompt:
            self.initial["instructions"] = self.instance.prompt.template
        elif self.instance.pk and self.instance.mode == Assistant.Mode.GENERATE:
            self.fields["instructions"].widget.attrs["placeholder"] = prompts.DEFAULT

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        if cleaned.get("mode") == Assistant.Mode.GENERATE and not cleaned.get("model"):
            self.add_error("model", _("An assistant that writes needs a model; choose one or let it quote."))
        if cleaned.get("mode") == Assistant.Mode.QUOTE and cleaned.get("offers_models"):
            self.add_error(
                "offers_models", _("An assistant that quotes has no models to offer; let it write or offer none.")
            )
        chain = [one.model for one in self.instance.fallbacks.select_related("model")] if self.instance.pk else []
        try:
            check_chain(cleaned.get("model"), self.instance.canary, chain)
        except BadInputError as error:
            self.add_error("model", error.message)
        return cleaned


@admin.register(Assistant)
class AssistantAdmin(AuditedAdmin):
    capability = "chat.edit_assistant"
    form = AssistantForm
    list_display = ("name", "slug", "mode", "model", "policy", "is_default", "is_active")
    list_filter = ("mode", "is_active")
    list_select_related = ("model", "policy")
    filter_horizontal = ("sources", "groups", "offers_models")

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Old answers name it: switch it off instead."""
        return False

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        wording = form.cleaned_data["instructions"].strip()
        if wording and wording != (obj.prompt.template if obj.prompt else ""):
            write_prompt(reader(request), assistant=obj, template=wording)


@admin.register(PromptVersion)
class PromptVersionAdmin(ReadOnlyAdmin):
    capability = "chat.edit_assistant"
    list_display = ("assistant", "number", "created_by", "created_at")
    list_select_related = ("assistant", "created_by")
