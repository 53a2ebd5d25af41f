"""Stopping an answer: the text so far is kept, and the model server is told at once."""

from __future__ import annotations

from functools import partial

from django.db import transaction

from accounts import audit, rights
from accounts.models import User
from chat.models import Message
from chat.signals import stop_asked


def stop_answer(actor: User, *, answer: Message) -> None:
    """Ask the process that writes ``answer`` to stop. One that has ended, or waits for a person, stays as it is."""
    rights.require(actor, "chat.ask")
    with transaction.atomic():
        under_way = Message.objects.filter(
            pk=answer.pk, state__in=[Message.State.QUEUED, Message.State.RUNNING], stop_requested=False
        )
        if under_way.update(stop_requested=True):
            audit.record(actor=actor, action="message.stop", obj=answer)
            transaction.on_commit(partial(stop_asked.send, sender=Message, message_id=answer.pk))
