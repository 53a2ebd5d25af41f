"""What people ask and knowledge does not answer, and what its keepers were reminded of."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils import timezone
from pgvector.django import HalfVectorField

from app.web.ids import new_id
from knowledge.models.sources import Source


class Gap(models.Model):
    """A topic that people asked about and nothing supported well; ``title`` is the question nearest its middle."""

    class State(models.TextChoices):
        OPEN = "open"
        ASSIGNED = "assigned"
        CLOSED = "closed"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    title = models.CharField(max_length=300)
    state = models.CharField(max_length=10, choices=State.choices, default=State.OPEN)
    source = models.ForeignKey(Source, on_delete=models.SET_NULL, null=True, blank=True, related_name="gaps")
    assignee = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="gaps"
    )
    centre = HalfVectorField(help_text="The mean of its questions' vectors, unit length.")
    embedding_name = models.CharField(max_length=120, help_text="The embedding model that ``centre`` belongs to.")
    question_count = models.PositiveIntegerField(default=0)
    first_asked_at = models.DateTimeField(default=timezone.now)
    last_asked_at = models.DateTimeField(default=timezone.now)
    closed_at = models.DateTimeField(null=True)
    close_reason = models.CharField(max_length=300, blank=True)

    class Meta:
        ordering = ["-last_asked_at"]
        indexes = [models.Index(fields=["state", "-last_asked_at"], name="gap_by_state")]

    def __str__(self) -> str:
        return self.title


class GapQuestion(models.Model):
    """One question of a gap, personal data masked. Who asked is kept so that it can be erased, and shown to nobody."""

    class Support(models.TextChoices):
        NONE = "none", "nothing was found"
        WEAK = "weak", "what was found supports it weakly"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    gap = models.ForeignKey(Gap, on_delete=models.CASCADE, related_name="questions")
    text = models.CharField(max_length=1000)
    support = models.CharField(max_length=8, choices=Support.choices)
    score = models.FloatField(default=0, help_text="Of the best passage that was found; 0 when there was none.")
    asked_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, null=True, related_name="+")
    message_id = models.UUIDField(null=True, unique=True, help_text="The answer that had no support.")
    asked_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["-asked_at"]

    def __str__(self) -> str:
        return self.text[:60]


class Reminder(models.Model):
    """That somebody was sent their reminders on a day; one a day at most."""

    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    day = models.DateField()
    sent_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["person", "day"], name="one_reminder_a_day")]

    def __str__(self) -> str:
        return f"{self.person} on {self.day}"
