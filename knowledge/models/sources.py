"""Where documents come from: sources with their keepers and readers, and the runs over them."""

from __future__ import annotations

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import Group, User
from app.web.ids import new_id


class SourceQuerySet(models.QuerySet["Source"]):
    def visible_to(self, user: User) -> SourceQuerySet:
        """Sources whose passages this person may read."""
        live = self.filter(deleted_at=None)
        if not user.is_active:
            return live.none()
        member = Source.groups.through.objects.filter(source=OuterRef("pk"), group__everybody=user)
        return live.filter(Q(is_for_everyone=True) | Q(owner=user) | Exists(member))

    def editable_by(self, user: User) -> SourceQuerySet:
        """Sources this person keeps: their own, or all for an admin."""
        live = self.filter(deleted_at=None)
        if user.holds("knowledge.keep_every_source"):
            return live
        return live.filter(owner=user) if user.holds("knowledge.edit_source") else live.none()

    def restorable_by(self, user: User) -> SourceQuerySet:
        """Deleted sources that this person kept, or all for an admin."""
        deleted = self.filter(deleted_at__isnull=False)
        if user.holds("knowledge.keep_every_source"):
            return deleted
        return deleted.filter(owner=user) if user.holds("knowledge.edit_source") else deleted.none()


class Source(models.Model):
    """Where documents come from, who keeps them and who may read them."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    name = models.CharField(max_length=120)
    kind = models.CharField(max_length=20, default="upload", help_text="The name of its connector.")
    config = models.JSONField(default=dict, blank=True, help_text="What its connector needs to know, without secrets.")
    credential_encrypted = models.TextField(blank=True, editable=False)
    include = ArrayField(models.CharField(max_length=200), default=list, blank=True)
    exclude = ArrayField(models.CharField(max_length=200), default=list, blank=True)
    quality_lines = models.JSONField(
        default=dict,
        blank=True,
        help_text="Unlike the defaults: finding -> severity that holds, or null.",
    )
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="sources")
    is_for_everyone = models.BooleanField(default=False)
    groups = models.ManyToManyField(Group, blank=True, related_name="sources")
    schedule = models.CharField(max_length=60, blank=True)
    next_sync_at = models.DateTimeField(null=True, editable=False, db_index=True)
    paused_at = models.DateTimeField(null=True, blank=True, editable=False)
    review_by = models.DateField(null=True, blank=True)
    reviewed_at = models.DateTimeField(null=True, blank=True, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    deleted_at = models.DateTimeField(null=True, blank=True, editable=False)

    objects = SourceQuerySet.as_manager()

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(fields=["name"], condition=Q(deleted_at=None), name="source_name_once_while_kept")
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def has_credential(self) -> bool:
        return bool(self.credential_encrypted)

    @property
    def is_overdue(self) -> bool:
        """Whether its content should have been looked at again by now."""
        return self.review_by is not None and self.review_by < timezone.localdate()

    def permits(self, user: User, capability: str) -> bool:
        """Whether this person keeps the source; the right itself comes from their role."""
        return user.holds("knowledge.keep_every_source") or self.owner_id == user.pk


class Sync(models.Model):
    """One run over a source, with what it found."""

    class State(models.TextChoices):
        QUEUED = "queued"
        RUNNING = "running"
        DONE = "done"
        FAILED = "failed"

    class Cause(models.TextChoices):
        HAND = "hand", _("somebody asked for it")
        SCHEDULE = "schedule", _("it was due")
        COMMAND = "command", _("manage.py ingest")

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    source = models.ForeignKey(Source, on_delete=models.CASCADE, related_name="syncs")
    state = models.CharField(max_length=12, choices=State.choices, default=State.QUEUED)
    seen = models.PositiveIntegerField(default=0)
    added = models.PositiveIntegerField(default=0)
    changed = models.PositiveIntegerField(default=0)
    unchanged = models.PositiveIntegerField(default=0)
    removed = models.PositiveIntegerField(default=0)
    renamed = models.PositiveIntegerField(default=0)
    failed = models.PositiveIntegerField(default=0)
    total = models.PositiveIntegerField(null=True, help_text="How much there is to look at, once that is known.")
    withheld = models.PositiveIntegerField(
        default=0, help_text="Documents gone from the source that wait for a word, since they are suspiciously many."
    )
    cause = models.CharField(max_length=10, choices=Cause.choices, default=Cause.HAND)
    attempts = models.PositiveSmallIntegerField(default=0, help_text="Rises with every owner; the fence of its lease.")
    lease_until = models.DateTimeField(null=True, editable=False)
    failures = models.JSONField(default=list, help_text="[{key, reason}] of what could not be taken.")
    renames = models.JSONField(default=list, help_text="[{from, to}] of documents that moved inside the source.")
    started_at = models.DateTimeField(default=timezone.now)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["source"], condition=Q(state__in=["queued", "running"]), name="one_live_sync_a_source"
            )
        ]
        indexes = [models.Index(fields=["source", "-started_at"], name="sync_by_source")]

    def __str__(self) -> str:
        return f"{self.source} {self.started_at:%Y-%m-%d %H:%M}"
