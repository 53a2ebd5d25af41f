"""What leaves a conversation: snapshots for others, and everything of one's own in a file."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from accounts.models import Group, User
from accounts.sealed.fields import SealedJSONField, SealedModel, SealedQuerySet, SealedTextField, erased
from app.web.ids import new_id
from chat.models.assistants import within_reach
from chat.models.conversations import Conversation


class ShareQuerySet(SealedQuerySet["Share"]):
    def live(self) -> ShareQuerySet:
        """Those that can be read now: neither revoked nor expired, of a conversation that its owner still keeps."""
        now = timezone.now()
        return self.filter(revoked_at=None, expires_at__gt=now, conversation__deleted_at=None, owner__is_active=True)

    def owned_by(self, user: User) -> ShareQuerySet:
        """All that this person shared, ended ones too."""
        rows = self.filter(owner=user) if user.is_active else self.none()
        if (of_program := within_reach(user)) is None:
            return rows
        return rows.filter(conversation__assistant_id__in=of_program)

    def shared_with(self, user: User) -> ShareQuerySet:
        """What others let this person read now, by name or by a group."""
        if not user.is_active:
            return self.none()
        named = Share.people.through.objects.filter(share=OuterRef("pk"), user=user)
        member = Share.groups.through.objects.filter(share=OuterRef("pk"), group__everybody=user)
        return self.live().filter(Q(Exists(named)) | Q(Exists(member))).exclude(owner=user)

    def visible_to(self, user: User) -> ShareQuerySet:
        """What this person may open now: what is shared with them, and what they share."""
        if not user.is_active:
            return self.none()
        rows = self.live().filter(Q(owner=user) | Q(pk__in=self.shared_with(user).order_by().values("pk")))
        if (of_program := within_reach(user)) is None:
            return rows
        return rows.filter(conversation__assistant_id__in=of_program)


def nothing_to_read() -> dict[str, object]:
    """A snapshot that cannot be opened any more."""
    return {"title": erased(), "assistant": "", "taken_at": timezone.now().isoformat(), "turns": []}


class Share(SealedModel):
    """A conversation's branch as it was at one moment, for some people and groups to read until a day.

    The snapshot is a copy, so nothing that happens to the conversation later gets into it; only its end does: it goes
    with the conversation. What a reader sees of it is decided when they read (``chat.composing.withholding``).
    """

    NOTE_LENGTH = 300

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    conversation = models.ForeignKey(Conversation, on_delete=models.CASCADE, related_name="shares")
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    digest = models.CharField(max_length=64, unique=True, editable=False, help_text="SHA-256 of its link's token.")
    snapshot = SealedJSONField(default=nothing_to_read, owner="owner_id", help_text="See chat.composing.snapshots.")
    note = SealedTextField(blank=True, owner="owner_id")
    people = models.ManyToManyField(settings.AUTH_USER_MODEL, blank=True, related_name="+")
    groups = models.ManyToManyField(Group, blank=True, related_name="+")
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True, editable=False)
    opened_count = models.PositiveIntegerField(default=0, editable=False)
    opened_at = models.DateTimeField(null=True, editable=False)

    objects = ShareQuerySet.as_manager()

    class Meta:
        indexes = [models.Index(fields=["owner", "-created_at", "-id"], name="shares_of_a_person")]

    def __str__(self) -> str:
        return f"share of {self.conversation_id}"

    @property
    def title(self) -> str:
        """The conversation's name when it was shared."""
        return str(self.snapshot["title"])

    @property
    def has_expired(self) -> bool:
        return self.expires_at <= timezone.now()


class ExportQuerySet(models.QuerySet["Export"]):
    def visible_to(self, user: User) -> ExportQuerySet:
        return self.filter(owner=user) if user.is_active else self.none()

    def ready(self) -> ExportQuerySet:
        """Those that can be downloaded now."""
        return self.filter(state=Export.State.DONE, expires_at__gt=timezone.now())


class Export(models.Model):
    """Everything of one person's own in one file, as it is being written or waits for a day to be fetched."""

    class State(models.TextChoices):
        QUEUED = "queued"
        RUNNING = "running"
        DONE = "done"
        FAILED = "failed"

    UNDER_WAY = (State.QUEUED, State.RUNNING)

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    state = models.CharField(max_length=8, choices=State.choices, default=State.QUEUED)
    total = models.PositiveIntegerField(default=0, help_text="Conversations to write, once that is known.")
    written = models.PositiveIntegerField(default=0)
    size_bytes = models.PositiveBigIntegerField(default=0)
    requested_at = models.DateTimeField(default=timezone.now, editable=False)
    touched_at = models.DateTimeField(default=timezone.now, help_text="When somebody last worked on it.")
    expires_at = models.DateTimeField(null=True)

    objects = ExportQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["owner"], condition=Q(state__in=["queued", "running"]), name="one_export_under_way_a_person"
            )
        ]

    def __str__(self) -> str:
        return f"export {self.id} {self.state}"

    @property
    def is_under_way(self) -> bool:
        return self.state in self.UNDER_WAY
