"""Conversations, and the tags that their owner keeps them under."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from accounts.sealed.fields import SealedModel, SealedQuerySet, SealedTextField
from app.inference.models import Model
from app.web.ids import new_id
from chat.models.assistants import Assistant, within_reach


class TagQuerySet(models.QuerySet["Tag"]):
    def visible_to(self, user: User) -> TagQuerySet:
        return self.filter(owner=user) if user.is_active else self.none()


class Tag(models.Model):
    """A word that somebody keeps conversations under. Nobody else knows of it."""

    LONGEST = 40

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    name = models.CharField(max_length=LONGEST)

    objects = TagQuerySet.as_manager()

    class Meta:
        ordering = [Lower("name")]
        constraints = [models.UniqueConstraint("owner", Lower("name"), name="tag_name_once_per_person")]

    def __str__(self) -> str:
        return self.name


class ConversationQuerySet(SealedQuerySet["Conversation"]):
    def visible_to(self, user: User) -> ConversationQuerySet:
        rows = self.filter(owner=user, deleted_at=None) if user.is_active else self.none()
        return rows if (of_program := within_reach(user)) is None else rows.filter(assistant_id__in=of_program)

    def in_sidebar_of(self, user: User) -> ConversationQuerySet:
        """Theirs, but for what programs made. The indexes of the sidebar hold exactly these."""
        return self.visible_to(user).filter(origin=Conversation.Origin.BROWSER)


class Conversation(SealedModel):
    """One person's thread with one assistant. Those that programs make through the API stay out of the sidebar."""

    class Origin(models.TextChoices):
        BROWSER = "browser"
        API = "api"

    class TitledBy(models.TextChoices):
        """Who gave it its title; a person's stays."""

        WORDS = "words", _("the first words of the first question")
        MODEL = "model"
        PERSON = "person"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="conversations")
    assistant = models.ForeignKey(Assistant, on_delete=models.PROTECT, related_name="+")
    model = models.ForeignKey(
        Model,
        on_delete=models.SET_NULL,
        null=True,
        editable=False,
        db_index=False,  # found by its conversation alone; every question would have to keep the index up
        related_name="+",
        help_text="The one its owner chose of those that the assistant offers; none: the assistant's own.",
    )
    title = SealedTextField(blank=True, owner="owner_id")
    titled_by = models.CharField(
        max_length=8, choices=TitledBy.choices, default=TitledBy.WORDS, db_default=TitledBy.WORDS, editable=False
    )
    tags = models.ManyToManyField(Tag, blank=True, related_name="conversations")
    origin = models.CharField(max_length=8, choices=Origin.choices, default=Origin.BROWSER)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    active_at = models.DateTimeField(default=timezone.now, editable=False)
    pinned_at = models.DateTimeField(null=True, editable=False)
    archived_at = models.DateTimeField(null=True, editable=False)
    deleted_at = models.DateTimeField(null=True, editable=False)
    chosen = models.ForeignKey(
        "Message",
        on_delete=models.SET_NULL,
        null=True,
        editable=False,
        related_name="+",
        help_text="The message that ends the branch which is shown; nothing: the newest one.",
    )

    objects = ConversationQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(
                fields=["owner", "-active_at", "-id"],
                condition=Q(deleted_at=None),
                name="conversations_of_a_person",
            ),
            models.Index(
                fields=["owner", "-active_at", "-id"],
                condition=Q(deleted_at=None, archived_at=None, pinned_at=None, origin="browser"),
                name="conversations_in_sidebar",
            ),
            models.Index(
                fields=["owner", "-pinned_at"],
                condition=Q(deleted_at=None, pinned_at__isnull=False, origin="browser"),
                name="conversations_pinned",
            ),
            models.Index(
                fields=["owner", "-active_at", "-id"],
                condition=Q(deleted_at=None, archived_at__isnull=False, origin="browser"),
                name="conversations_archived",
            ),
        ]

    def __str__(self) -> str:
        return self.title or gettext("New conversation")
