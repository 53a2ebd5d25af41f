"""Documents and their immutable versions."""

from __future__ import annotations

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from accounts.models import User
from app.web.ids import new_id
from knowledge.models.sources import Source, Sync


class DocumentQuerySet(models.QuerySet["Document"]):
    def visible_to(self, user: User) -> DocumentQuerySet:
        """Documents of readable sources with a published version, and every document of sources one keeps."""
        in_force = Version.objects.in_force().filter(document=OuterRef("pk"))
        readable = Q(Exists(in_force), source__in=Source.objects.visible_to(user))
        return self.filter(readable | Q(source__in=Source.objects.editable_by(user)))

    def editable_by(self, user: User) -> DocumentQuerySet:
        return self.filter(source__in=Source.objects.editable_by(user))


class Document(models.Model):
    """One thing of a source (a page, a file), through all its versions. ``key`` names it inside its source."""

    class State(models.TextChoices):
        QUEUED = "queued"
        PROCESSING = "processing"
        PUBLISHED = "published"
        HELD = "held"
        REJECTED = "rejected"
        WITHDRAWN = "withdrawn"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    source = models.ForeignKey(Source, on_delete=models.CASCADE, related_name="documents")
    key = models.CharField(max_length=500)
    title = models.CharField(max_length=300)
    state = models.CharField(max_length=12, choices=State.choices, default=State.QUEUED)
    reason = models.CharField(max_length=500, blank=True)
    quality = models.JSONField(default=dict, blank=True)
    url = models.TextField(blank=True, help_text="Where people can open it at its source; empty when nowhere.")
    fingerprint = models.CharField(
        max_length=200, blank=True, help_text="What its source said of its state: an etag, a blob id, size and time."
    )
    ignored_sha256 = models.CharField(
        max_length=64,
        blank=True,
        help_text="Bytes that were rolled back; no news until the source has others.",
    )
    withdrawn_in = models.ForeignKey(
        Sync, on_delete=models.SET_NULL, null=True, related_name="withdrawn", help_text="The sync that missed it."
    )
    is_kept = models.BooleanField(default=False, help_text="Brought back although its source no longer has it.")
    is_uploaded = models.BooleanField(default=False, help_text="Came by hand, not from the folder its source follows.")
    attempts = models.PositiveSmallIntegerField(default=0)
    lease_until = models.DateTimeField(null=True, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_at = models.DateTimeField(auto_now=True)

    objects = DocumentQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["source", "key"], name="document_key_once_per_source")]
        indexes = [models.Index(fields=["source", "state"], name="document_by_state")]

    def __str__(self) -> str:
        return self.title

    def permits(self, user: User, capability: str) -> bool:
        return self.source.permits(user, capability)

    @property
    def is_settled(self) -> bool:
        return self.state not in (self.State.QUEUED, self.State.PROCESSING)

    def published_version(self) -> Version | None:
        """The version that is found and shown now."""
        return self.versions.in_force().first()

    def waiting_version(self) -> Version | None:
        """The newest version that was taken and is neither published nor refused yet."""
        return self.versions.filter(published_at=None, withdrawn_at=None).order_by("-number").first()


class Copy(models.Model):
    """Another place in the same source that holds a document's very bytes."""

    source = models.ForeignKey(Source, on_delete=models.CASCADE, related_name="+")
    document = models.ForeignKey(Document, on_delete=models.CASCADE, related_name="copies")
    key = models.CharField(max_length=500)
    fingerprint = models.CharField(max_length=200, blank=True)
    sha256 = models.CharField(max_length=64, help_text="Of the bytes there, which the document had when this was seen.")

    class Meta:
        verbose_name_plural = "copies"
        constraints = [models.UniqueConstraint(fields=["source", "key"], name="copy_key_once_per_source")]

    def __str__(self) -> str:
        return self.key


class VersionQuerySet(models.QuerySet["Version"]):
    def in_force(self) -> VersionQuerySet:
        """Versions that searches find: published and not withdrawn; one at most for a document."""
        return self.filter(published_at__isnull=False, withdrawn_at=None)


class Version(models.Model):
    """What a document said at one time; never changed after it is published.

    ``pages`` is a list of [start, end] character offsets into ``text``, one per page; empty for formats without.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    document = models.ForeignKey(Document, on_delete=models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    sha256 = models.CharField(max_length=64)
    media_type = models.CharField(max_length=120)
    size_bytes = models.PositiveBigIntegerField()
    file = models.CharField(max_length=200, help_text="Path below the files folder, named by Parley.")
    name = models.CharField(max_length=300, blank=True, help_text="Its file name, where the document's key is none.")
    taken_in = models.ForeignKey(
        Sync, on_delete=models.SET_NULL, null=True, related_name="taken", help_text="The sync that brought it."
    )
    title = models.CharField(max_length=300, blank=True)
    text = models.TextField(blank=True)
    pages = models.JSONField(default=list)
    passage_count = models.PositiveIntegerField(default=0, help_text="Of passages that are not disabled.")
    report = models.JSONField(default=dict, blank=True, help_text="What the quality checks found.")
    signature = ArrayField(
        models.BigIntegerField(), default=list, help_text="Bands of its MinHash: near-duplicates share at least one."
    )
    accepted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+", help_text="Who released it."
    )
    accepted_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    published_at = models.DateTimeField(null=True)
    withdrawn_at = models.DateTimeField(null=True)

    objects = VersionQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["document", "number"], name="version_number_once"),
            models.UniqueConstraint(
                fields=["document"],
                condition=Q(published_at__isnull=False, withdrawn_at__isnull=True),
                name="one_published_version",
            ),
        ]
        indexes = [GinIndex(fields=["signature"], name="version_signature")]

    def __str__(self) -> str:
        return f"{self.document} v{self.number}"

    @property
    def file_name(self) -> str:
        """The name that says how its file is read."""
        return self.name or self.document.key
