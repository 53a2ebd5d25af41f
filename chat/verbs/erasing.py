"""Deleting all of one's conversations at once, and what "deleted" comes to: some days to change one's mind, then gone.

Everything deleted with one word has the same ``deleted_at``, which names it when it is to come back.
"""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import audit, rights
from accounts.models import User
from app.errors import BadInputError, NotFoundError
from chat.models import Conversation


def delete_all_conversations(actor: User, *, typed: str) -> int:
    """Delete all conversations of one's own; how many they were. ``typed`` is the actor's e-mail address, to show that
    they mean it. Raises BadInputError when it is not.
    """
    rights.require(actor, "chat.ask")
    if typed.strip().casefold() != actor.email.casefold():
        raise BadInputError(_("Write your e-mail address to confirm: %(email)s.") % {"email": actor.email})
    with transaction.atomic():
        count = Conversation.objects.visible_to(actor).update(deleted_at=timezone.now())
        audit.record(actor=actor, action="conversation.delete_all", obj=actor, payload={"count": count})
    return count


def restore_conversations(actor: User, *, deleted_at: datetime) -> int:
    """Bring back all that was deleted at one moment; how many. Raises NotFoundError when that is nothing (any more)."""
    rights.require(actor, "chat.ask")
    with transaction.atomic():
        count = Conversation.objects.filter(owner=actor, deleted_at=deleted_at).update(deleted_at=None)
        if not count:
            raise NotFoundError()
        audit.record(actor=actor, action="conversation.restore_all", obj=actor, payload={"count": count})
    return count
