"""Sources, documents, their immutable versions, passages, and the vectors that find them.

A source says who may read; everything below it inherits that. A version's ``text`` is the one text that spans
count in: a passage is ``text[start:end]`` of its version, and a citation is a span inside a passage.
"""

from __future__ import annotations

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVectorField
from django.db import models
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone
from pgvector.django import HalfVectorField

from accounts.models import Group, Role, User
from app.web.ids import new_id


class SourceQuerySet(models.QuerySet["Source"]):
    def visible_to(self, user: User) -> SourceQuerySet:
        """Sources whose passages this person may read."""
        live = self.filter(deleted_at=None)
        if not user.is_active:
            return live.none()
        member = Source.groups.through.objects.filter(source=OuterRef("pk"), group__members=user)
        return live.filter(Q(is_for_everyone=True) | Q(owner=user) | Exists(member))

    def editable_by(self, user: User) -> SourceQuerySet:
        """Sources this person keeps: their own, or all for an admin."""
        live = self.filter(deleted_at=None)
        if user.has_role(Role.ADMIN):
            return live
        return live.filter(owner=user) if user.has_role(Role.OWNER) else live.none()


class Source(models.Model):
    """Where documents come from, who keeps them and who may read them."""

    class Kind(models.TextChoices):
        UPLOAD = "upload"
        FOLDER = "folder"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    name = models.CharField(max_length=120, unique=True)
    kind = models.CharField(max_length=12, choices=Kind.choices, default=Kind.UPLOAD)
    config = models.JSONField(default=dict, blank=True)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="sources")
    is_for_everyone = models.BooleanField(default=False)
    groups = models.ManyToManyField(Group, blank=True, related_name="sources")
    schedule = models.CharField(max_length=60, blank=True)
    review_by = models.DateField(null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    deleted_at = models.DateTimeField(null=True, blank=True, editable=False)

    objects = SourceQuerySet.as_manager()

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    def permits(self, user: User, capability: str) -> bool:
        """Whether this person keeps the source; the right itself comes from their role."""
        return user.has_role(Role.ADMIN) or self.owner_id == user.pk


class Sync(models.Model):
    """One run over a source, with what it found."""

    class State(models.TextChoices):
        RUNNING = "running"
        DONE = "done"
        FAILED = "failed"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    source = models.ForeignKey(Source, on_delete=models.CASCADE, related_name="syncs")
    state = models.CharField(max_length=12, choices=State.choices, default=State.RUNNING)
    seen = models.PositiveIntegerField(default=0)
    added = models.PositiveIntegerField(default=0)
    changed = models.PositiveIntegerField(default=0)
    unchanged = models.PositiveIntegerField(default=0)
    removed = models.PositiveIntegerField(default=0)
    failed = models.PositiveIntegerField(default=0)
    failures = models.JSONField(default=list, help_text="[{key, reason}] of what could not be taken.")
    started_at = models.DateTimeField(default=timezone.now)
    finished_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"{self.source} {self.started_at:%Y-%m-%d %H:%M}"


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
    text = models.TextField(blank=True)
    pages = models.JSONField(default=list)
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

    def __str__(self) -> str:
        return f"{self.document} v{self.number}"


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

    objects = PassageQuerySet.as_manager()

    class Meta:
        ordering = ["version", "ordinal"]
        constraints = [models.UniqueConstraint(fields=["version", "ordinal"], name="passage_ordinal_once")]
        indexes = [GinIndex(fields=["words"], name="passage_words")]

    def __str__(self) -> str:
        return self.text[:60]


class IndexGeneration(models.Model):
    """All vectors of one embedding model. A new model is built beside the old one; exactly one serves."""

    id = models.AutoField(primary_key=True)
    embedding_name = models.CharField(max_length=120)
    dimensions = models.PositiveIntegerField()
    is_serving = models.BooleanField(default=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["is_serving"], condition=Q(is_serving=True), name="one_serving_index")
        ]

    def __str__(self) -> str:
        return f"{self.embedding_name} ({self.dimensions})"


class Embedding(models.Model):
    """One passage's vector in one index generation, unit length, half precision."""

    id = models.BigAutoField(primary_key=True)
    generation = models.ForeignKey(IndexGeneration, on_delete=models.CASCADE, related_name="embeddings")
    passage = models.ForeignKey(Passage, on_delete=models.CASCADE, related_name="embeddings")
    vector = HalfVectorField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["generation", "passage"], name="vector_once_per_generation")]

    def __str__(self) -> str:
        return f"vector of {self.passage_id}"
