"""Knowledge in the admin site: to look at. Whatever changes it has its own page, rights and audit event."""

from __future__ import annotations

from typing import ClassVar

from django.contrib import admin

from accounts.admin import ReadOnlyAdmin
from accounts.rights import Capability
from knowledge.models import Document, IndexGeneration, Source, Sync, Version


class KnowledgeAdmin(ReadOnlyAdmin):
    capability: ClassVar[Capability] = "knowledge.edit_source"


@admin.register(Source)
class SourceAdmin(KnowledgeAdmin):
    list_display = ["name", "kind", "owner", "is_for_everyone", "review_by", "created_at"]
    list_filter = ["kind", "is_for_everyone"]
    search_fields = ["name"]


@admin.register(Document)
class DocumentAdmin(KnowledgeAdmin):
    list_display = ["title", "source", "state", "reason", "attempts", "updated_at"]
    list_filter = ["state", "source"]
    search_fields = ["title", "key"]


@admin.register(Version)
class VersionAdmin(KnowledgeAdmin):
    list_display = ["document", "number", "media_type", "size_bytes", "published_at", "withdrawn_at"]
    exclude = ["text", "pages", "report", "signature"]


@admin.register(Sync)
class SyncAdmin(KnowledgeAdmin):
    list_display = ["source", "state", "seen", "added", "changed", "removed", "failed", "started_at", "finished_at"]
    list_filter = ["state"]


@admin.register(IndexGeneration)
class IndexGenerationAdmin(KnowledgeAdmin):
    list_display = ["embedding_name", "dimensions", "is_serving", "created_at"]
