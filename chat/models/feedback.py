"""What readers thought of answers, and what they were told back."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from accounts.sealed.fields import SealedModel, SealedQuerySet, SealedTextField
from app.web.ids import new_id
from chat.models.conversations import Conversation
from chat.models.messages import Citation, Message
from knowledge.models import Source


class FeedbackQuerySet(SealedQuerySet["Feedback"]):
    def visible_to(self, user: User) -> FeedbackQuerySet:
        """Of others, what this person may answer: a moderator all of it, a keeper what answers said from their sources.

        Not of an answer that its reader has not been shown, nor of a conversation that was deleted.
        """
        if user.holds("moderation.review"):
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


class Feedback(SealedModel):
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
    text = SealedTextField(blank=True, owner="user_id")
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


class Reply(SealedModel):
    """What a moderator, or a keeper of the cited documents, says to a reader who rated an answer.

    It has the conversation at hand, so that the list of conversations can mark those with something unread.
    """

    LONGEST = 2000

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    feedback = models.ForeignKey(Feedback, on_delete=models.CASCADE, related_name="replies")
    conversation = models.ForeignKey(Conversation, on_delete=models.CASCADE, db_index=False, related_name="+")
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    text = SealedTextField(owner="conversation.owner_id")
    said_at = models.DateTimeField(default=timezone.now, editable=False)
    read_at = models.DateTimeField(null=True, editable=False)

    objects = SealedQuerySet["Reply"].as_manager()

    class Meta:
        ordering = ["said_at", "id"]
        verbose_name_plural = "replies"
        indexes = [models.Index(fields=["conversation"], condition=Q(read_at=None), name="replies_unread")]

    def __str__(self) -> str:
        return str(self.text[:60])

    @property
    def is_by_moderator(self) -> bool:
        """Moderators stay without a name to readers; who keeps documents answers for them by name."""
        return self.author.holds("moderation.review")
