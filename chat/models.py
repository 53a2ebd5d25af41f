"""Assistants, conversations, messages, and what became of each answer.

A conversation is a tree of messages: asking again from an earlier one makes a sibling, and one branch is shown. An
answer's life is its ``state``; the process that writes it holds a lease on the row, and every new owner raises
``fence``, so that one who lost the lease can no longer write. To find messages again the database keeps two more
columns of each, which no row here has: whose it is, and its words (see the migration ``finding_back`` and
``chat.pages.finding``).
"""

from __future__ import annotations

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator
from django.db import models
from django.db.models import Exists, OuterRef, Q
from django.db.models.functions import Lower
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.models import Group, Role, User
from app.inference.models import Model
from app.web.ids import new_id
from chat.attached import Attachment, AttachmentPassage  # noqa: F401 - tables of this package
from knowledge.models import Passage, Source
from moderation.models import Policy, PolicyVersion


class AssistantQuerySet(models.QuerySet["Assistant"]):
    def visible_to(self, user: User) -> AssistantQuerySet:
        """Assistants this person may use."""
        if not user.is_active:
            return self.none()
        member = Assistant.groups.through.objects.filter(assistant=OuterRef("pk"), group__members=user)
        return self.filter(Q(is_active=True), Q(is_for_everyone=True) | Exists(member))


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


class SavedPromptQuerySet(models.QuerySet["SavedPrompt"]):
    def usable_by(self, user: User) -> SavedPromptQuerySet:
        """One's own, and what is shared with a group that one is in."""
        live = self.filter(deleted_at=None)
        if not user.is_active:
            return live.none()
        member = Group.members.through.objects.filter(group=OuterRef("group"), user=user)
        return live.filter(Q(owner=user) | Exists(member))

    def visible_to(self, user: User) -> SavedPromptQuerySet:
        """What this person may use or change."""
        return self.usable_by(user) | self.editable_by(user)

    def editable_by(self, user: User) -> SavedPromptQuerySet:
        """One's own; for an administrator whatever is shared as well."""
        return self._kept_by(user).filter(deleted_at=None)

    def restorable_by(self, user: User) -> SavedPromptQuerySet:
        return self._kept_by(user).exclude(deleted_at=None)

    def _kept_by(self, user: User) -> SavedPromptQuerySet:
        if not user.is_active:
            return self.none()
        own = Q(owner=user)
        return self.filter(own | Q(group__isnull=False) if user.has_role(Role.ADMIN) else own)


class SavedPrompt(models.Model):
    """A text that somebody asks again and again, with places to fill in; its author's alone, or shared with a group.

    Members of the group may use it; its author changes it, and an administrator.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="saved_prompts")
    group = models.ForeignKey(Group, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    name = models.CharField(max_length=80)
    text = models.TextField()
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    changed_at = models.DateTimeField(default=timezone.now, editable=False)
    deleted_at = models.DateTimeField(null=True, editable=False)

    objects = SavedPromptQuerySet.as_manager()

    def __str__(self) -> str:
        return self.name

    def permits(self, user: User, capability: str) -> bool:
        """The say of a prompt in who may change it; see ``accounts.rights``."""
        return self.owner_id == user.pk or (self.group_id is not None and user.has_role(Role.ADMIN))


class Instructions(models.Model):
    """What a person wants models to know about them, and how they like to be answered, in every conversation."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, primary_key=True, related_name="instructions"
    )
    about = models.TextField(blank=True)
    manner = models.TextField(blank=True)
    is_on = models.BooleanField(default=True, db_default=True)
    changed_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        verbose_name_plural = "instructions"

    def __str__(self) -> str:
        return f"instructions of {self.user_id}"


class ConversationQuerySet(models.QuerySet["Conversation"]):
    def visible_to(self, user: User) -> ConversationQuerySet:
        return self.filter(owner=user, deleted_at=None) if user.is_active else self.none()

    def in_sidebar_of(self, user: User) -> ConversationQuerySet:
        """Theirs, but for what programs made. The indexes of the sidebar hold exactly these."""
        return self.visible_to(user).filter(origin=Conversation.Origin.BROWSER)


class Conversation(models.Model):
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
    title = models.CharField(max_length=120, blank=True)
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


class MessageQuerySet(models.QuerySet["Message"]):
    def visible_to(self, user: User) -> MessageQuerySet:
        return self.filter(conversation__in=Conversation.objects.visible_to(user))

    def waiting_for_a_process(self) -> MessageQuerySet:
        """Answers nobody works on although somebody should: never begun, or their process died."""
        return self.filter(
            Q(lease_until=None) | Q(lease_until__lt=timezone.now()),
            state__in=[Message.State.QUEUED, Message.State.RUNNING],
        )


class Message(models.Model):
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
    text = models.TextField(blank=True)
    held_text = models.TextField(blank=True, help_text="What waits for a person; its reader never gets it.")
    client_id = models.CharField(max_length=64, null=True, editable=False)  # noqa: DJ001 - unique unless unknown
    error_code = models.CharField(max_length=40, blank=True)
    error = models.CharField(max_length=300, blank=True, help_text="Why it ended so, in words for its reader.")
    evidence = models.JSONField(default=list, help_text="Passages shown with it, best first.")
    grounds = models.JSONField(
        null=True, help_text="What of it no passage supports; see chat.composing.grounds. Nothing: it was not judged."
    )
    seq = models.PositiveIntegerField(default=0, help_text="Sequence number of its last event.")
    log = models.JSONField(default=list, help_text="[seq, type, value] of its events; see chat.streaming.events.")
    lease_owner = models.CharField(max_length=64, blank=True, editable=False)
    lease_until = models.DateTimeField(null=True, editable=False)
    fence = models.PositiveIntegerField(default=0, editable=False)
    stop_requested = models.BooleanField(default=False, editable=False)
    key_id = models.UUIDField(null=True, editable=False, help_text="The API key that an answer was asked for with.")
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    finished_at = models.DateTimeField(null=True, editable=False)

    objects = MessageQuerySet.as_manager()

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


class FeedbackQuerySet(models.QuerySet["Feedback"]):
    def visible_to(self, user: User) -> FeedbackQuerySet:
        """Of others, what this person may answer: a moderator all of it, a keeper what answers said from their sources.

        Not of an answer that its reader has not been shown, nor of a conversation that was deleted.
        """
        if user.is_active and user.has_role(Role.MODERATOR):
            return self._of_others(user)
        return self.about_kept_by(user)

    def about_kept_by(self, user: User) -> FeedbackQuerySet:
        """Of others, on answers that cited a source which this person keeps."""
        if not user.is_active:
            return self.none()
        return self._of_others(user).filter(Exists(_kept_citations(user)))

    def _of_others(self, user: User) -> FeedbackQuerySet:
        there = self.filter(message__conversation__deleted_at=None).exclude(user=user)
        return there.exclude(message__state=Message.State.HELD)

    def unanswered(self) -> FeedbackQuerySet:
        return self.filter(~Exists(Reply.objects.filter(feedback=OuterRef("pk"))))


def _kept_citations(user: User) -> models.QuerySet[Citation]:
    """Citations, by the message of an outer query, of the sources that this person keeps."""
    kept = Source.objects.editable_by(user).order_by().values("pk")
    return Citation.objects.filter(message=OuterRef("message"), passage__version__document__source__in=kept)


class Feedback(models.Model):
    """What a reader thought of an answer; the last word counts. ``reason`` may be another than those of the pages.

    Who gives a reason, or says something, shows their question and the answer with it; a thumb alone shows neither.
    """

    class Reason(models.TextChoices):
        WRONG = "wrong", _("It is wrong")
        MISSING = "missing", _("Something is missing")
        OUTDATED = "outdated", _("It is out of date")
        UNCLEAR = "unclear", _("It is hard to understand")

    class Praise(models.TextChoices):
        RIGHT = "right", _("It is right")
        CLEAR = "clear", _("It is easy to understand")
        COMPLETE = "complete", _("It has all I needed")

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    message = models.ForeignKey(Message, on_delete=models.CASCADE, related_name="feedback")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    value = models.SmallIntegerField(choices=[(1, "up"), (-1, "down")])
    reason = models.CharField(max_length=60, blank=True)
    text = models.TextField(blank=True)
    given_at = models.DateTimeField(auto_now=True)

    objects = FeedbackQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["message", "user"], name="one_feedback_per_reader")]
        indexes = [models.Index(fields=["-given_at", "-id"], name="feedback_by_time")]

    def __str__(self) -> str:
        return f"{self.value:+d} on {self.message_id}"

    @property
    def has_words(self) -> bool:
        """Whether its reader said more than yes or no, where it is told who then sees the question."""
        return bool(self.reason or self.text)


class Reply(models.Model):
    """What a moderator, or a keeper of the cited documents, says to a reader who rated an answer.

    It has the conversation at hand, so that the list of conversations can mark those with something unread.
    """

    LONGEST = 2000

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    feedback = models.ForeignKey(Feedback, on_delete=models.CASCADE, related_name="replies")
    conversation = models.ForeignKey(Conversation, on_delete=models.CASCADE, db_index=False, related_name="+")
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    text = models.TextField()
    said_at = models.DateTimeField(default=timezone.now, editable=False)
    read_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        ordering = ["said_at", "id"]
        verbose_name_plural = "replies"
        indexes = [models.Index(fields=["conversation"], condition=Q(read_at=None), name="replies_unread")]

    def __str__(self) -> str:
        return self.text[:60]

    @property
    def is_by_moderator(self) -> bool:
        """Moderators stay without a name to readers; who keeps documents answers for them by name."""
        return self.author.has_role(Role.MODERATOR)


class ShareQuerySet(models.QuerySet["Share"]):
    def live(self) -> ShareQuerySet:
        """Those that can be read now: neither revoked nor expired, of a conversation that its owner still keeps."""
        now = timezone.now()
        return self.filter(revoked_at=None, expires_at__gt=now, conversation__deleted_at=None, owner__is_active=True)

    def owned_by(self, user: User) -> ShareQuerySet:
        """All that this person shared, ended ones too."""
        return self.filter(owner=user) if user.is_active else self.none()

    def shared_with(self, user: User) -> ShareQuerySet:
        """What others let this person read now, by name or by a group."""
        if not user.is_active:
            return self.none()
        named = Share.people.through.objects.filter(share=OuterRef("pk"), user=user)
        member = Share.groups.through.objects.filter(share=OuterRef("pk"), group__members=user)
        return self.live().filter(Q(Exists(named)) | Q(Exists(member))).exclude(owner=user)

    def visible_to(self, user: User) -> ShareQuerySet:
        """What this person may open now: what is shared with them, and what they share."""
        if not user.is_active:
            return self.none()
        return self.live().filter(Q(owner=user) | Q(pk__in=self.shared_with(user).order_by().values("pk")))


class Share(models.Model):
    """A conversation's branch as it was at one moment, for some people and groups to read until a day.

    The snapshot is a copy, so nothing that happens to the conversation later gets into it; only its end does: it goes
    with the conversation. What a reader sees of it is decided when they read (``chat.composing.withholding``).
    """

    NOTE_LENGTH = 300

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    conversation = models.ForeignKey(Conversation, on_delete=models.CASCADE, related_name="shares")
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    digest = models.CharField(max_length=64, unique=True, editable=False, help_text="SHA-256 of its link's token.")
    snapshot = models.JSONField(help_text="See chat.composing.snapshots.")
    note = models.CharField(max_length=NOTE_LENGTH, blank=True)
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
