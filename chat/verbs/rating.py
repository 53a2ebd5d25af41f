"""What readers think of answers; they may change it, and take it back.

A reader who says that an answer was wrong or lacked something has its question looked at as one without an answer.
"""

from __future__ import annotations

from functools import partial

from django.db import transaction

from accounts import audit, rights
from accounts.models import User
from app.errors import BadInputError, ConflictError
from chat.models import Feedback, Generation, Message
from chat.tasks import hint

MAX_TEXT = 2000
LACKING = (Feedback.Reason.WRONG, Feedback.Reason.MISSING, Feedback.Reason.OUTDATED)


def rate_answer(actor: User, *, answer: Message, value: int, reason: str = "", text: str = "") -> Feedback:
    """Put a thumb up (1) or down (-1) on an answer; a later one replaces it."""
    rights.require(actor, "chat.ask")
    if value not in (1, -1):
        raise BadInputError('"value" must be 1 or -1.')
    if answer.role != Message.Role.ASSISTANT or not answer.is_settled:
        raise ConflictError("Only a finished answer can be rated.", current={"state": answer.state})
    with transaction.atomic():
        feedback, _ = Feedback.objects.update_or_create(
            message=answer,
            user=actor,
            defaults={"value": value, "reason": reason[:60], "text": text[:MAX_TEXT]},
        )
        if value < 0 and reason in LACKING:
            _doubt(answer)
        audit.record(actor=actor, action="message.rate", obj=answer, payload={"value": value})
    return feedback


def withdraw_rating(actor: User, *, answer: Message) -> None:
    """Take back what one thought of an answer, with what was replied to it. Nothing to take back is no mistake."""
    rights.require(actor, "chat.ask")
    with transaction.atomic():
        count, _ = Feedback.objects.filter(message=answer, user=actor).delete()
        if count:
            audit.record(actor=actor, action="message.withdraw_rating", obj=answer)


def _doubt(answer: Message) -> None:
    runs = Generation.objects.filter(message=answer, fence=answer.fence).exclude(support="")
    if runs.update(support=Generation.Support.DOUBTED, noted_at=None):
        transaction.on_commit(partial(hint, answer.pk))
