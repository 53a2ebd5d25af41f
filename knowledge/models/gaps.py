"""What people ask and knowledge does not answer, and what its keepers were reminded of."""

from __future__ import annotations

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from pgvector.django import HalfVectorField

from accounts.models import User
from app.web.ids import new_id
from knowledge.models.documents import Document
from knowledge.models.sources import Source


class GapQuerySet(models.QuerySet["Gap"]):
    def visible_to(self, user: User) -> GapQuerySet:
        """Gaps of sources one keeps, and those one was given; all for an admin."""
        if user.holds("knowledge.keep_every_source"):
            return self
        if not user.holds("knowledge.edit_source"):
            return self.none()
        return self.filter(Q(source__owner=user, source__deleted_at=None) | Q(assignee=user))

    def waiting(self) -> GapQuerySet:
        """Those that somebody should still do something about."""
        return self.filter(state__in=[Gap.State.OPEN, Gap.State.ASSIGNED])


class Gap(models.Model):
    """A topic that people asked about and nothing supported well; ``title`` is the question nearest its middle."""

    class State(models.TextChoices):
        OPEN = "open"
        ASSIGNED = "assigned"
        CLOSED = "closed"
        DISMISSED = "dismissed", _("not for us")

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    title = models.CharField(max_length=300)
    state = models.CharField(max_length=10, choices=State.choices, default=State.OPEN)
    source = models.ForeignKey(
        Source,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="gaps",
        help_text="Where most of its questions came nearest to an answer.",
    )
    assignee = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="gaps"
    )
    centre = HalfVectorField(help_text="The mean of its questions' vectors, unit length.")
    embedding_name = models.CharField(max_length=120, help_text="The embedding model that ``centre`` belongs to.")
    question_count = models.PositiveIntegerField(default=0)
    first_asked_at = models.DateTimeField(default=timezone.now)
    last_asked_at = models.DateTimeField(default=timezone.now)
    checked_at = models.DateTimeField(default=timezone.now, help_text="When its questions were last asked again.")
    closed_at = models.DateTimeField(null=True)
    close_reason = models.CharField(max_length=300, blank=True)
    answered_by = models.ForeignKey(Document, on_delete=models.SET_NULL, null=True, related_name="+")

    objects = GapQuerySet.as_manager()

    class Meta:
        ordering = ["-last_asked_at"]
        indexes = [models.Index(fields=["state", "-last_asked_at"], name="gap_by_state")]

    def __str__(self) -> str:
        return self.title

    @property
    def is_waiting(self) -> bool:
        return self.state in (self.State.OPEN, self.State.ASSIGNED)

    def permits(self, user: User, capability: str) -> bool:
        """Whether this person looks after it: its assignee, its source's keeper, or an admin."""
        keeps = self.source is not None and self.source.deleted_at is None and self.source.owner_id == user.pk
        return user.holds("knowledge.keep_every_source") or self.assignee_id == user.pk or keeps


class GapQuestionQuerySet(models.QuerySet["GapQuestion"]):
    def visible_to(self, user: User) -> GapQuestionQuerySet:
        """Questions of visible gaps, without those that came nearest to a source this person does not keep."""
        of_gaps = self.filter(gap__in=Gap.objects.visible_to(user).order_by())
        if user.holds("knowledge.keep_every_source"):
            return of_gaps
        kept = Source.objects.editable_by(user).order_by()
        return of_gaps.filter(Q(source=None) | Q(source=F("gap__source")) | Q(source__in=kept))


class GapQuestion(models.Model):
    """One question of a gap, personal data masked.

    ``asked_by`` is there so that the question can be asked again with that person's rights, counted once a day, and
    erased with the person. It is shown to nobody.
    """

    class Support(models.TextChoices):
        NONE = "none", _("nothing was found")
        WEAK = "weak", _("what was found supports it weakly")
        DOUBTED = "doubted", _("a reader said the answer was wrong or lacked something")

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    gap = models.ForeignKey(Gap, on_delete=models.CASCADE, related_name="questions")
    text = models.CharField(max_length=1000)
    vector = HalfVectorField(help_text="By the embedding model of its gap, unit length.")
    support = models.CharField(max_length=8, choices=Support.choices)
    score = models.FloatField(default=0, help_text="Of the best passage that was found; 0 when there was none.")
    source = models.ForeignKey(
        Source, on_delete=models.SET_NULL, null=True, related_name="+", help_text="Of the best passage, if any fits."
    )
    searched_in = ArrayField(
        models.UUIDField(), default=list, help_text="Sources that its assistant is narrowed to; none: all."
    )
    asked_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, null=True, related_name="+")
    message_id = models.UUIDField(null=True, unique=True, help_text="The answer that had no support.")
    asked_at = models.DateTimeField(default=timezone.now)

    objects = GapQuestionQuerySet.as_manager()

    class Meta:
        ordering = ["-asked_at"]
        indexes = [models.Index(fields=["asked_at"], name="gap_question_by_time")]

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
