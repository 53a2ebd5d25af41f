"""Messages: questions and answers, the runs that wrote an answer, and what it cites."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib.postgres.search import SearchVectorField
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from accounts.sealed.blinding import vector_of, words_in
from accounts.sealed.fields import SealedJSONField, SealedModel, SealedQuerySet, SealedTextField
from accounts.sealed.person_keys import DataKey, key_of
from app.web.ids import new_id
from chat.models.assistants import Assistant, PromptVersion
from chat.models.conversations import Conversation
from knowledge.models import Passage
from moderation.models import PolicyVersion


class MessageQuerySet(SealedQuerySet["Message"]):
    def visible_to(self, user: User) -> MessageQuerySet:
        return self.filter(conversation__in=Conversation.objects.visible_to(user))

    def waiting_for_a_process(self) -> MessageQuerySet:
        """Answers nobody works on although somebody should: never begun, or their process died."""
        return self.filter(
            Q(lease_until=None) | Q(lease_until__lt=timezone.now()),
            state__in=[Message.State.QUEUED, Message.State.RUNNING],
        )


OWNER = "conversation.owner_id"
UNDER_WAY = ("queued", "running")


class WordsField(SearchVectorField):  # type: ignore[type-arg]
    """What finds a message: its words as only its person's key tells them. Written with the text, and never read."""

    def pre_save(self, model_instance: models.Model, add: bool) -> str | None:
        assert isinstance(model_instance, Message)
        return words_of(model_instance, model_instance.text, model_instance.state)

    def select_format(self, compiler: Any, sql: str, params: Any) -> tuple[str, Any]:
        return "null", []


class Message(SealedModel):
    """A question, or an answer. A question is ``done`` from the start; the other states are an answer's."""

    class Role(models.TextChoices):
        USER = "user"
        ASSISTANT = "assistant"

    class State(models.TextChoices):
        QUEUED = "queued"
        RUNNING = "running"
        DONE = "done"
        HELD = "held"
        RELEASED = "released"
        EDITED = "edited"
        REJECTED = "rejected"
        BLOCKED = "blocked"
        STOPPED = "stopped"
        INTERRUPTED = "interrupted"
        FAILED = "failed"

    SETTLED = frozenset(State) - {State.QUEUED, State.RUNNING, State.HELD}
    BROKEN_OFF = frozenset({State.STOPPED, State.INTERRUPTED})

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    conversation = models.ForeignKey(Conversation, on_delete=models.CASCADE, related_name="messages")
    parent = models.ForeignKey("self", on_delete=models.CASCADE, null=True, related_name="children")
    continues = models.ForeignKey(
        "self",
        on_delete=models.SET_NULL,
        null=True,
        related_name="continuations",
        help_text="The answer that broke off, whose text this one begins with.",
    )
    role = models.CharField(max_length=12, choices=Role.choices)
    state = models.CharField(max_length=12, choices=State.choices)
    text = SealedTextField(blank=True, owner=OWNER)
    words = WordsField(null=True, editable=False)
    held_text = SealedTextField(blank=True, owner=OWNER, help_text="What waits for a person; its reader never gets it.")
    client_id = models.CharField(max_length=64, null=True, editable=False)  # noqa: DJ001 - unique unless unknown
    error_code = models.CharField(max_length=40, blank=True)
    error = SealedTextField(blank=True, owner=OWNER, help_text="Why it ended so, in words for its reader.")
    evidence = SealedJSONField(default=list, owner=OWNER, help_text="Passages shown with it, best first.")
    grounds = models.JSONField(
        null=True, help_text="What of it no passage supports; see chat.composing.grounds. Nothing: it was not judged."
    )
    seq = models.PositiveIntegerField(default=0, help_text="Sequence number of its last event.")
    log = SealedJSONField(
        default=list, owner=OWNER, help_text="[seq, type, value] of its events; see chat.streaming.events."
    )
    lease_owner = models.CharField(max_length=64, blank=True, editable=False)
    lease_until = models.DateTimeField(null=True, editable=False)
    fence = models.PositiveIntegerField(default=0, editable=False)
    stop_requested = models.BooleanField(default=False, editable=False)
    key_id = models.UUIDField(null=True, editable=False, help_text="The API key that an answer was asked for with.")
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    finished_at = models.DateTimeField(null=True, editable=False)

    objects = MessageQuerySet.as_manager()
    also_read = ("state", "conversation__owner_id")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["conversation", "client_id"], name="client_id_once_per_conversation")
        ]
        indexes = [
            models.Index(fields=["conversation", "created_at", "id"], name="messages_in_order"),
            models.Index(
                fields=["lease_until"],
                condition=Q(state__in=["queued", "running"]),
                name="messages_under_way",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.role}: {self.text[:60]}"

    @property
    def is_settled(self) -> bool:
        return self.state in self.SETTLED

    @classmethod
    def found_by(cls, key: DataKey, row: dict[str, Any]) -> dict[str, Any]:
        return {"words": _words(key, row["conversation__owner_id"], row["text"], row["state"])}

    def sealing(self, **columns: Any) -> dict[str, Any]:
        """With another text its words go into the database, too."""
        made = super().sealing(**columns)
        if "text" in columns:
            made["words"] = words_of(self, columns["text"], columns.get("state", self.state))
        return made


def mark_of(owner_id: UUID) -> str:
    """What stands among the words of each message of this person."""
    return f"of {owner_id}"


def words_of(message: Message, text: str, state: str) -> str | None:
    """The words of a message with this text, or None for one that is not to be found."""
    if state in UNDER_WAY:
        return None
    owner_id = message.conversation.owner_id
    return _words(key_of(owner_id), owner_id, text, state)


def _words(key: DataKey, owner_id: UUID, text: str, state: str) -> str | None:
    """With a mark of the owner, which no text can contain (it has a space), so that the index gives one person's
    messages alone. An answer under way has none: every save would change the index.
    """
    if state in UNDER_WAY:
        return None
    return f"'{mark_of(owner_id)}' {vector_of(key.index_secret, words_in(text))}"


class Generation(models.Model):
    """One run that made an answer: with what, how long, how much, and how well knowledge supported it."""

    class Support(models.TextChoices):
        GOOD = "good"
        WEAK = "weak"
        NONE = "none"
        DOUBTED = "doubted", _("a reader said it was wrong or lacked something")

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    message = models.ForeignKey(Message, on_delete=models.CASCADE, related_name="generations")
    fence = models.PositiveIntegerField()
    mode = models.CharField(max_length=12, choices=Assistant.Mode.choices)
    prompt = models.ForeignKey(PromptVersion, on_delete=models.PROTECT, null=True, related_name="+")
    policy_version = models.ForeignKey(PolicyVersion, on_delete=models.PROTECT, null=True, related_name="+")
    model_name = models.CharField(max_length=120, blank=True)
    worker_id = models.UUIDField(null=True)
    usage = models.JSONField(default=dict, help_text="Tokens in, cached and out; why it ended.")
    timings = models.JSONField(default=dict, help_text="Seconds from acceptance: evidence, first text, done.")
    cost = models.DecimalField(max_digits=14, decimal_places=6, null=True, help_text="By the model's prices of then.")
    watt_hours = models.FloatField(null=True, help_text="An estimate: its share of what the server draws.")
    repeat_key = models.CharField(
        max_length=64,
        blank=True,
        db_default="",
        help_text="Digest of all that decides what is written; equal where an answer may be repeated.",
    )
    repeats = models.ForeignKey(
        Message, on_delete=models.SET_NULL, null=True, related_name="+", help_text="The answer whose text was repeated."
    )
    support = models.CharField(
        max_length=8, choices=Support.choices, blank=True, db_default="", help_text="Empty where nothing was searched."
    )
    noted_at = models.DateTimeField(null=True, help_text="When its question was looked at as one without an answer.")
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["message", "fence"], name="one_generation_per_owner")]
        indexes = [
            models.Index(
                fields=["created_at"],
                condition=Q(noted_at=None, support__in=["weak", "none", "doubted"]),
                name="generations_to_note",
            ),
            models.Index(
                fields=["repeat_key", "-created_at"],
                condition=~Q(repeat_key=""),
                name="generations_to_repeat",
            ),
        ]

    def __str__(self) -> str:
        return f"generation {self.fence} of {self.message_id}"


class Citation(models.Model):
    """From a number in an answer to the words it rests on. ``start`` and ``end`` count in the version's text."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    message = models.ForeignKey(Message, on_delete=models.CASCADE, related_name="citations")
    number = models.PositiveSmallIntegerField()
    passage = models.ForeignKey(Passage, on_delete=models.PROTECT, related_name="+")
    start = models.PositiveIntegerField()
    end = models.PositiveIntegerField()
    quote = models.TextField()

    class Meta:
        ordering = ["number"]
        constraints = [models.UniqueConstraint(fields=["message", "number"], name="citation_number_once")]

    def __str__(self) -> str:
        return f"[{self.number}] {self.quote[:60]}"
