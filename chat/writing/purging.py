"""What "deleted" comes to: some days in which it can be brought back, and then it is gone for good."""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from accounts import audit
from accounts.retention.holding import held_people
from chat.models import Conversation
from chat.writing.forgetting_files import ACTOR, delete_file

AT_ONCE = 100


def grace() -> timedelta:
    """How long what is deleted can be brought back."""
    return timedelta(days=settings.DELETED_KEPT_DAYS)


def purge_deleted() -> int:
    """Remove for good what was deleted longer ago than the days of grace: messages, citations, files, shares. How many
    conversations that were; there may be more.
    """
    over = Conversation.objects.filter(deleted_at__lt=timezone.now() - grace()).exclude(owner__in=held_people())
    over = over.order_by("deleted_at")
    count = 0
    for pk in list(over.values_list("pk", flat=True)[:AT_ONCE]):
        with transaction.atomic():
            conversation = over.select_for_update().filter(pk=pk).first()
            if conversation is None:  # brought back meanwhile
                continue
            label = audit.label(conversation)
            for file in conversation.files.without_text():
                delete_file(ACTOR, file)
            conversation.delete()
            audit.record(actor=audit.SYSTEM, action="conversation.purge", obj=label)
        count += 1
    return count
