"""The admin site's pages for models and their servers: where a capable model is connected with one form.

Here at the roof, because the registry lies below people and the audit log and may know neither.
"""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import Field
from django.http import HttpRequest

from accounts.admin import AuditedAdmin
from accounts.callers import reader
from app.inference.models import Model, Worker
from chat.assistants import adopt_model
from knowledge.models import IndexGeneration

PREFIXES = ("query_prefix", "passage_prefix")


class WorkerForm(forms.ModelForm):  # type: ignore[type-arg]
    api_key = forms.CharField(
        required=False,
        strip=True,
        label="API key",
        widget=forms.PasswordInput(render_value=False, attrs={"autocomplete": "off"}),
        help_text="Kept encrypted and never shown again. Leave empty to keep the one that is there.",
    )
    forget_api_key = forms.BooleanField(required=False, label="Forget the API key")

    class Meta:
        model = Worker
        fields = ("model", "address", "kind", "capacity", "state")

    def save(self, commit: bool = True) -> Worker:
        if self.cleaned_data["forget_api_key"]:
            self.instance.set_api_key(None)
        elif self.cleaned_data["api_key"]:
            self.instance.set_api_key(self.cleaned_data["api_key"])
        worker: Worker = super().save(commit)
        return worker


@admin.register(Worker)
class WorkerAdmin(AuditedAdmin):
    capability = "pool.administer"
    form = WorkerForm
    list_display = ("address", "model", "kind", "state", "capacity", "has_api_key", "last_seen_at")
    list_filter = ("state", "kind")
    list_select_related = ("model",)
    readonly_fields = ("has_api_key", "last_seen_at", "is_embedded")

    def save_model(self, request: HttpRequest, obj: Worker, form: Any, change: bool) -> None:  # type: ignore[override]
        super().save_model(request, obj, form, change)
        if not change:
            for assistant in adopt_model(reader(request), model=obj.model):
                messages.success(request, f"{assistant} writes with {obj.model} from now on.")

    @admin.display(boolean=True, description="API key")
    def has_api_key(self, worker: Worker) -> bool:
        return worker.has_api_key()


@admin.register(Model)
class ModelAdmin(AuditedAdmin):
    """Files and revision are what the bytes are: only taking a model in sets them. What its vectors depend on stays as
    it is while an index holds them.
    """

    capability = "pool.administer"
    list_display = ("name", "role", "licence", "context_tokens", "is_demonstration")
    list_filter = ("role",)
    search_fields = ("name",)
    fieldsets = (
        (None, {"fields": ("name", "role", "upstream_name", "licence", "context_tokens", "is_demonstration")}),
        ("If it embeds text", {"fields": PREFIXES}),
        ("Its files", {"fields": ("revision", "files")}),
    )

    def formfield_for_dbfield(self, db_field: Field[Any, Any], request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name in PREFIXES:
            kwargs["strip"] = False  # the space at the end of “query: ” is part of it
        return super().formfield_for_dbfield(db_field, request, **kwargs)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        if obj is None:
            return ("revision", "files")
        is_indexed = IndexGeneration.objects.filter(model=obj).exists()
        return ("name", "revision", "files", *(("role", *PREFIXES) if is_indexed else ()))
