"""Files that somebody put into a conversation, and the passages of their text. Nobody but its person sees one.

They stand apart from knowledge, which is read by many: no search over documents can reach these tables, and no keeper,
administrator or moderator has a way to them. A file waits, is read by a worker under a lease, and is ready or refused.
Its text and bytes go when it is deleted, or with its conversation.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVectorField
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from pgvector.django import HalfVectorField

from accounts.models import User
from accounts.sealed.blinding import vector_of
from accounts.sealed.fields import SealedJSONField, SealedListField, SealedModel, SealedQuerySet, SealedTextField
from accounts.sealed.person_keys import DataKey, key_of
from app.web.ids import new_id
from chat.models.assistants import within_reach
from knowledge.retrieval.quoting import stems
from knowledge.text.wording import plain

if TYPE_CHECKING:
    from uuid import UUID


class AttachmentQuerySet(SealedQuerySet["Attachment"]):
    def visible_to(self, user: User) -> AttachmentQuerySet:
        """One's own, as long as their conversation is not deleted."""
        rows = self.belonging_to(user) if user.is_active else self.none()
        if (of_program := within_reach(user)) is None:
            return rows
        return rows.filter(conversation__assistant_id__in=of_program)

    def belonging_to(self, user: User) -> AttachmentQuerySet:
        """The same of anybody, as exports have them: also of somebody who is suspended."""
        return self.filter(Q(conversation=None) | Q(conversation__deleted_at=None), owner=user)

    def unasked(self) -> AttachmentQuerySet:
        """Those that wait where one writes: no question went out with them yet."""
        return self.filter(asked_at=None)

    def under_way(self) -> AttachmentQuerySet:
        return self.filter(state__in=Attachment.UNDER_WAY)

    def without_text(self) -> AttachmentQuerySet:
        """As lists need them: a text may have a million characters."""
        return self.defer("text", "pages")


class Attachment(SealedModel):
    """A file of one conversation; of none as long as that has not begun.

    ``file`` holds the bytes as they came. Of a picture they go as soon as it was read, and ``picture`` and
    ``thumbnail`` stay, which show it and say nothing else. ``text`` and ``pages`` are as in a version of a document.
    """

    class State(models.TextChoices):
        QUEUED = "queued", _("waiting to be read")
        READING = "reading", _("being read")
        READY = "ready", _("ready")
        REFUSED = "refused", _("refused")

    UNDER_WAY = (State.QUEUED, State.READING)

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    conversation = models.ForeignKey("chat.Conversation", on_delete=models.CASCADE, null=True, related_name="files")
    questions = models.ManyToManyField("chat.Message", related_name="files", help_text="It was asked with these.")
    name = SealedTextField(owner="owner_id")
    media_type = models.CharField(max_length=120)
    size_bytes = models.PositiveBigIntegerField()
    sha256 = models.CharField(max_length=64)
    file = models.CharField(max_length=200, blank=True, help_text="Path below the files folder, named by Parley.")
    picture = models.CharField(max_length=200, blank=True, help_text="What a model and its person see of a picture.")
    thumbnail = models.CharField(max_length=200, blank=True)
    width = models.PositiveIntegerField(default=0)
    height = models.PositiveIntegerField(default=0)
    state = models.CharField(max_length=8, choices=State.choices, default=State.QUEUED)
    reason = SealedTextField(blank=True, owner="owner_id", help_text="Why it was refused, in words for its person.")
    note = SealedTextField(blank=True, owner="owner_id", help_text="What its person should know of it.")
    text = SealedTextField(blank=True, owner="owner_id")
    pages = SealedJSONField(default=list, owner="owner_id")
    generation_id = models.IntegerField(null=True, help_text="Of which index generation's model its vectors are.")
    attempts = models.PositiveSmallIntegerField(default=0, help_text="Rises with every reader; the fence of its lease.")
    lease_until = models.DateTimeField(null=True, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    queued_at = models.DateTimeField(default=timezone.now, editable=False)
    asked_at = models.DateTimeField(null=True, editable=False)

    objects = AttachmentQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["conversation", "created_at", "id"], name="files_of_a_conversation"),
            models.Index(fields=["owner"], condition=Q(asked_at=None), name="files_not_asked_with"),
            models.Index(fields=["queued_at"], condition=Q(state__in=["queued", "reading"]), name="files_to_read"),
        ]

    def __str__(self) -> str:
        return str(self.name)

    @property
    def is_under_way(self) -> bool:
        return self.state in self.UNDER_WAY

    @property
    def is_picture(self) -> bool:
        return self.media_type.startswith("image/")

    def places(self) -> list[str]:
        """Where its bytes lie."""
        return [place for place in (self.file, self.picture, self.thumbnail) if place]


class AttachmentPassage(SealedModel):
    """A stretch of a file's text, with its vector, and with its words as only its person's key tells them."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    file = models.ForeignKey(Attachment, on_delete=models.CASCADE, related_name="passages")
    ordinal = models.PositiveIntegerField()
    heading_path = SealedListField(models.TextField(), default=list, owner="file.owner_id")
    text = SealedTextField(owner="file.owner_id")
    page = models.PositiveIntegerField(null=True)
    start = models.PositiveIntegerField()
    end = models.PositiveIntegerField()
    words = SearchVectorField(null=True)
    vector = HalfVectorField(null=True)

    objects = SealedQuerySet["AttachmentPassage"].as_manager()

    if TYPE_CHECKING:
        file_id: UUID

    class Meta:
        ordering = ["file", "ordinal"]
        constraints = [models.UniqueConstraint(fields=["file", "ordinal"], name="file_passage_ordinal_once")]
        indexes = [GinIndex(fields=["words"], name="file_passage_words")]

    def __str__(self) -> str:
        return str(self.text[:60])

    def found_words(self) -> str:
        """What it is found by, as PostgreSQL reads a tsvector."""
        return _passage_words(key_of(self.file.owner_id), self.heading_path, self.text)

    @classmethod
    def found_by(cls, key: DataKey, row: dict[str, Any]) -> dict[str, Any]:
        return {"words": _passage_words(key, row["heading_path"], row["text"])}

    @property
    def version(self) -> Attachment:
        """What it is a passage of, by the name that the viewer uses."""
        return self.file


def _passage_words(key: DataKey, heading_path: Sequence[str], text: str) -> str:
    """The stems of its headings, which weigh more, and of its text, as only its person's key tells them."""
    headings = sorted(stems(" ".join(heading_path)))
    words = vector_of(key.index_secret, sorted(stems(plain(text))), begin=len(headings))
    return f"{vector_of(key.index_secret, headings, weight='B')} {words}"
