"""Choosing: which of several versions of a question or an answer is shown, with everything that follows it.

It is kept in the conversation, so it is the same after a reload and on another device, and the next question goes on
from there.
"""

from __future__ import annotations

from functools import partial

from django.db import transaction

from accounts import audit, rights
from accounts.models import User
from chat.composing.branches import newest_below
from chat.models import Conversation, Message
from chat.signals import branch_chosen


def choose_version(actor: User, *, message: Message) -> None:
    """Show the branch on which ``message`` is, up to the newest message that follows it."""
    rights.require(actor, "chat.ask")
    with transaction.atomic():
        end = newest_below(message.pk)
        Conversation.objects.filter(pk=message.conversation_id).update(chosen=end)
        payload = {"conversation": str(message.conversation_id), "end": str(end)}
        audit.record(actor=actor, action="message.choose", obj=message, payload=payload)
        told = {"conversation_id": message.conversation_id, "end": end}
        transaction.on_commit(partial(branch_chosen.send, sender=Message, **told))
