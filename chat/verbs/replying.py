"""Replying to readers who rated an answer, and reading what was replied.

Moderators may reply to whatever readers thought, keepers to what answers said from their sources; nobody to themselves.
A reply belongs to the rating: it goes when that is taken back. Whose rating it is, is told to nobody.
"""

from __future__ import annotations

from functools import partial
from uuid import UUID

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import audit, rights
from accounts.models import User
from app.errors import BadInputError, NotFoundError
from chat.models import Feedback, Message, Reply
from chat.signals import reply_came


def note_list_read(actor: User) -> None:
    """That somebody has other people's questions, and what they thought of the answers, before them."""
    with transaction.atomic():
        audit.record(actor=actor, action="feedback.list")


def reply_to(actor: User, *, feedback_id: UUID, text: str) -> Reply:
    """Say something to whoever rated an answer; they see it at the answer, at once where it is open.

    Raises NotFoundError for what one may not answer, BadInputError without words.
    """
    text = _checked(text)
    with transaction.atomic():
        may = Feedback.objects.visible_to(actor).select_related("message").filter(pk=feedback_id)
        feedback = may.select_for_update(of=("self",)).first()
        if feedback is not None:
            conversation_id = feedback.message.conversation_id
            said = Reply.objects.create(feedback=feedback, conversation_id=conversation_id, author=actor, text=text)
            payload = {"feedback": str(feedback.pk), "text": audit.digest(text)}
            audit.record(actor=actor, action="feedback.reply", obj=feedback.message, payload=payload)
            news = {"user_id": feedback.user_id, "message_id": feedback.message_id, "conversation_id": conversation_id}
            transaction.on_commit(partial(reply_came.send, sender=Reply, **news))
            return said
    with transaction.atomic():
        audit.record(actor=actor, action="feedback.reply", obj=f"feedback:{feedback_id}", outcome="denied")
    raise NotFoundError


def read_replies(actor: User, *, answer: Message) -> int:
    """Its reader has read what was replied; how many replies were new."""
    rights.require(actor, "chat.ask")
    with transaction.atomic():
        new = Reply.objects.filter(feedback__message=answer, feedback__user=actor, read_at=None)
        count = new.update(read_at=timezone.now())
        if count:
            audit.record(actor=actor, action="feedback.read", obj=answer, payload={"replies": count})
    return count


def _checked(text: str) -> str:
    text = text.replace("\x00", "").replace("\r\n", "\n").strip()
    if not text:
        raise BadInputError(_("Write a reply first."))
    if len(text) > Reply.LONGEST:
        raise BadInputError(_("A reply has at most %(most)s characters.") % {"most": f"{Reply.LONGEST:,}"})
    return text
