"""Keeping one's conversations in order: rename, delete, and take the deletion back."""

from __future__ import annotations

from django.db import transaction
from django.utils import timezone

from accounts import audit, rights
from accounts.models import User
from app.errors import BadInputError
from chat.models import Conversation


def rename_conversation(actor: User, *, conversation: Conversation, title: str) -> None:
    rights.require(actor, "chat.ask")
    title = " ".join(title.split())[:120]
    if not title:
        raise BadInputError("Give the conversation a name.")
    with transaction.atomic():
        Conversation.objects.filter(pk=conversation.pk).update(title=title)
        audit.record(actor=actor, action="conversation.rename", obj=conversation)


def delete_conversation(actor: User, *, conversation: Conversation) -> None:
    """Take a conversation out of sight. ``restore_conversation`` undoes it."""
    rights.require(actor, "chat.ask")
    with transaction.atomic():
        Conversation.objects.filter(pk=conversation.pk).update(deleted_at=timezone.now())
        audit.record(actor=actor, action="conversation.delete", obj=conversation)


def restore_conversation(actor: User, *, conversation: Conversation) -> None:
    rights.require(actor, "chat.ask")
    with transaction.atomic():
        Conversation.objects.filter(pk=conversation.pk).update(deleted_at=None)
        audit.record(actor=actor, action="conversation.restore", obj=conversation)
