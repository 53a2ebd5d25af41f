"""The vectors that find passages, one generation for each embedding model."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils import timezone
from pgvector.django import HalfVectorField

from app.inference.models import Model
from knowledge.models.passages import Passage


class IndexGeneration(models.Model):
    """All vectors of one embedding model. A new model is built beside the old one; exactly one serves.

    building → ready ⇄ serving; building → failed → building; all but serving → removing → gone. ``served_at`` is when
    it last came to serve, or ceased to.
    """

    class State(models.TextChoices):
        BUILDING = "building"
        READY = "ready"
        SERVING = "serving"
        FAILED = "failed"
        REMOVING = "removing"

    id = models.AutoField(primary_key=True)
    model = models.ForeignKey(
        Model,
        on_delete=models.PROTECT,
        null=True,
        related_name="+",
        help_text="Of the registry; none for the model that the installation itself is set up with.",
    )
    state = models.CharField(max_length=10, choices=State.choices, default=State.SERVING)
    error = models.CharField(max_length=500, blank=True)
    attempts = models.PositiveIntegerField(default=0, help_text="Rises with every owner; the fence of its lease.")
    failures = models.PositiveSmallIntegerField(default=0, help_text="Of its model's server, one after the other.")
    lease_until = models.DateTimeField(null=True, editable=False)
    embedding_name = models.CharField(max_length=120)
    dimensions = models.PositiveIntegerField()
    is_serving = models.BooleanField(default=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    ready_at = models.DateTimeField(null=True)
    served_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["is_serving"], condition=Q(is_serving=True), name="one_serving_index"),
            models.CheckConstraint(condition=Q(is_serving=Q(state="serving")), name="serving_index_says_so"),
        ]

    def __str__(self) -> str:
        return f"{self.embedding_name} ({self.dimensions})"


class Embedding(models.Model):
    """One passage's vector in one index generation, unit length, half precision.

    ``source_id`` and ``is_found`` (its version is in force) repeat what passage, version and document say, so that a
    search reads no other table for each vector it passes. Triggers of the database write them, and nobody else.
    """

    id = models.BigAutoField(primary_key=True)
    generation = models.ForeignKey(IndexGeneration, on_delete=models.CASCADE, related_name="embeddings")
    passage = models.ForeignKey(Passage, on_delete=models.CASCADE, related_name="embeddings")
    vector = HalfVectorField()
    source_id = models.UUIDField(null=True, editable=False)
    is_found = models.BooleanField(default=False, db_default=False, editable=False)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["generation", "passage"], name="vector_once_per_generation")]
        indexes = [
            models.Index(fields=["generation", "source_id"], condition=Q(is_found=True), name="vectors_found_by_source")
        ]

    def __str__(self) -> str:
        return f"vector of {self.passage_id}"
