"""Assistants: governed uses of models and knowledge, what stands in for their models, and what they were told when."""

from __future__ import annotations

from uuid import UUID

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator
from django.db import models
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import Group, User
from app.inference.models import Model
from app.web.ids import new_id
from knowledge.models import Source
from moderation.models import Policy


def within_reach(user: User) -> frozenset[UUID] | None:
    """The only assistants that the program this person came with may use, or hear of; None where all of theirs."""
    return None if user.scope is None else user.scope.assistants


class AssistantQuerySet(models.QuerySet["Assistant"]):
    def visible_to(self, user: User) -> AssistantQuerySet:
        """Assistants this person may use."""
        if not user.is_active:
            return self.none()
        member = Assistant.groups.through.objects.filter(assistant=OuterRef("pk"), group__everybody=user)
        rows = self.filter(Q(is_active=True), Q(is_for_everyone=True) | Exists(member))
        return rows if (of_program := within_reach(user)) is None else rows.filter(pk__in=of_program)


class Assistant(models.Model):
    """A governed use: how it answers, from what, with which model, under which policy, and for whom."""

    class Mode(models.TextChoices):
        QUOTE = "quote", _("Quotes passages word for word")
        GENERATE = "generate", _("Writes with a model")

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    slug = models.SlugField(unique=True)
    name = models.CharField(max_length=80)
    description = models.CharField(max_length=300, blank=True)
    suggestions = ArrayField(models.CharField(max_length=200), default=list, blank=True)
    mode = models.CharField(max_length=12, choices=Mode.choices, default=Mode.QUOTE)
    model = models.ForeignKey(Model, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    canary = models.ForeignKey(
        Model,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        help_text="A model on trial: it writes in the given share of the conversations.",
    )
    canary_percent = models.PositiveSmallIntegerField(default=0, validators=[MaxValueValidator(100)])
    offers_models = models.ManyToManyField(
        Model,
        blank=True,
        related_name="+",
        limit_choices_to={"role": "generate"},
        help_text="Models its reader may choose instead of its own, for a conversation. Empty: no choice.",
    )
    prompt = models.ForeignKey(
        "PromptVersion", on_delete=models.PROTECT, null=True, blank=True, related_name="+", editable=False
    )
    searches = models.BooleanField("searches knowledge", default=True)
    sources = models.ManyToManyField(Source, blank=True, help_text="Empty: everything its reader may read.")
    policy = models.ForeignKey(Policy, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    is_for_everyone = models.BooleanField(default=False)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        help_text="Who answers for it: named where nothing supports an answer and no source comes near.",
    )
    groups = models.ManyToManyField(Group, blank=True, related_name="assistants")
    is_active = models.BooleanField(default=True)
    is_default = models.BooleanField(default=False)
    max_tokens = models.PositiveIntegerField(default=600)
    repeats_answers = models.BooleanField("repeats an answer to the very same question", default=True, db_default=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = AssistantQuerySet.as_manager()

    class Meta:
        ordering = ["-is_default", "name"]
        constraints = [
            models.UniqueConstraint(fields=["is_default"], condition=Q(is_default=True), name="one_default_assistant"),
            models.CheckConstraint(
                condition=Q(mode="quote") | Q(model__isnull=False), name="generating_assistant_has_a_model"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Fallback(models.Model):
    """A model that writes for an assistant when those before it in the chain have no server that can."""

    assistant = models.ForeignKey(Assistant, on_delete=models.CASCADE, related_name="fallbacks")
    model = models.ForeignKey(Model, on_delete=models.PROTECT, related_name="+")
    position = models.PositiveSmallIntegerField()

    class Meta:
        ordering = ["position"]
        constraints = [
            models.UniqueConstraint(fields=["assistant", "position"], name="fallback_position_once"),
            models.UniqueConstraint(fields=["assistant", "model"], name="fallback_model_once"),
        ]

    def __str__(self) -> str:
        return f"{self.assistant}: {self.position}. {self.model}"


class PromptVersion(models.Model):
    """One immutable wording of an assistant's instructions."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    assistant = models.ForeignKey(Assistant, on_delete=models.CASCADE, related_name="prompts")
    number = models.PositiveIntegerField()
    template = models.TextField()
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["assistant", "number"], name="prompt_number_once")]

    def __str__(self) -> str:
        return f"{self.assistant} prompt {self.number}"
