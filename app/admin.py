"""The admin site's lists of models and their servers: to look at. They are steered on the pool's own pages."""

from __future__ import annotations

from django.contrib import admin
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from accounts.admin import ReadOnlyAdmin
from app.inference.models import Model, Worker


@admin.register(Worker)
class WorkerAdmin(ReadOnlyAdmin):
    capability = "pool.administer"
    list_display = ("address", "model", "kind", "state", "capacity", "has_api_key", "last_seen_at", "steer")
    list_filter = ("state", "kind")
    list_select_related = ("model",)

    @admin.display(boolean=True, description=_("API key"))
    def has_api_key(self, worker: Worker) -> bool:
        return worker.has_api_key()

    @admin.display(description=_("In the pool"))
    def steer(self, worker: Worker) -> SafeString:
        return format_html('<a href="{}">{}</a>', reverse("pool:server", args=[worker.pk]), _("Steer it"))


@admin.register(Model)
class ModelAdmin(ReadOnlyAdmin):
    capability = "pool.administer"
    list_display = ("name", "role", "licence", "context_tokens", "is_demonstration", "steer")
    list_filter = ("role",)
    search_fields = ("name",)

    @admin.display(description=_("In the pool"))
    def steer(self, model: Model) -> SafeString:
        return format_html('<a href="{}">Change it</a>', reverse("pool:model", args=[model.pk]), _("Change it"))
