"""Passages: the stretches of a version's text that are found, quoted and opened."""

from __future__ import annotations

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVectorField
from django.db import models
from django.db.models import Q

from accounts.models import User
from app.web.ids import new_id
from knowledge.models.documents import Version
from knowledge.models.sources import Source


class PassageQuerySet(models.QuerySet["Passage"]):
    def visible_to(self, user: User) -> PassageQuerySet:
        """Passages one may open: of any version that was published, while the source is readable."""
        return self.filter(
            version__published_at__isnull=False, version__document__source__in=Source.objects.visible_to(user)
        )


class Passage(models.Model):
    """A stretch of a version's text, long enough to answer from and short enough to quote."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    version = models.ForeignKey(Version, on_delete=models.CASCADE, related_name="passages")
    ordinal = models.PositiveIntegerField()
    heading_path = ArrayField(models.CharField(max_length=300), default=list)
    text = models.TextField()
    page = models.PositiveIntegerField(null=True)
    start = models.PositiveIntegerField()
    end = models.PositiveIntegerField()
    words = SearchVectorField(null=True)
    disabled_at = models.DateTimeField(null=True)
    disabled_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    disabled_reason = models.CharField(max_length=300, blank=True, db_default="")

    objects = PassageQuerySet.as_manager()

    class Meta:
        ordering = ["version", "ordinal"]
        constraints = [models.UniqueConstraint(fields=["version", "ordinal"], name="passage_ordinal_once")]
        indexes = [
            GinIndex(fields=["words"], name="passage_words"),
            models.Index(fields=["id"], condition=Q(disabled_at__isnull=False), name="passages_disabled"),
        ]

    def __str__(self) -> str:
        return self.text[:60]
