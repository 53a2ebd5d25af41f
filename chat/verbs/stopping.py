"""Stopping an answer, because its reader says so or is gone: the text so far is kept, the model server told at once."""

from __future__ import annotations

from functools import partial
from uuid import UUID

from django.db import transaction

from accounts import audit, rights
from accounts.models import User
from chat.models import Assistant, Message
from chat.signals import stop_asked

UNDER_WAY = (Message.State.QUEUED, Message.State.RUNNING)


def stop_answer(actor: User, *, answer: Message) -> None:
    """Ask the process that writes ``answer`` to stop. One that has ended, or waits for a person, stays as it is."""
    rights.require(actor, "chat.ask")
    with transaction.atomic():
        under_way = Message.objects.filter(pk=answer.pk, state__in=UNDER_WAY, stop_requested=False)
        if under_way.update(stop_requested=True):
            audit.record(actor=actor, action="message.stop", obj=answer)
            transaction.on_commit(partial(stop_asked.send, sender=Message, message_id=answer.pk))


def leave_conversation(actor: User, *, conversation_id: UUID) -> None:
    """Stop what models are writing in a conversation that its reader has left for good. Quotes are done in a moment."""
    with transaction.atomic():
        written = Message.objects.filter(
            conversation=conversation_id,
            conversation__owner=actor,
            conversation__assistant__mode=Assistant.Mode.GENERATE,
            state__in=UNDER_WAY,
            stop_requested=False,
        )
        for answer in written.only("pk").select_for_update(of=("self",)):
            Message.objects.filter(pk=answer.pk).update(stop_requested=True)
            audit.record(actor=actor, action="message.leave", obj=answer)
            transaction.on_commit(partial(stop_asked.send, sender=Message, message_id=answer.pk, reason="left"))
