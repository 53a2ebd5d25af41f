"""How a file of a conversation goes: its row, its text and passages, what cards of answers quoted of it, and its bytes.

With a deleted conversation it goes when that does for good (``purging``), so that what is brought back is whole.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial

from django.db import transaction
from django.utils import timezone

from accounts import audit
from accounts.models import User
from accounts.retention.holding import held_people, is_held
from chat.models import Assistant, Attachment, Conversation, Message
from chat.writing import file_bytes

FORGOTTEN_AFTER = timedelta(days=1)  # a file that no question went out with
SWEPT = 200
ACTOR = "system:files"


def delete_file(actor: User | str, file: Attachment) -> None:
    """Delete a file for good, in the caller's transaction; its bytes go when that has been committed."""
    kept = Attachment.objects.select_for_update().without_text().filter(pk=file.pk).first()
    if kept is None:
        return
    payload = {"conversation": str(kept.conversation_id) if kept.conversation_id else None}
    audit.record(actor=actor, action="file.delete", obj=kept, payload=payload)
    if isinstance(actor, User) and is_held(kept.owner):
        _set_aside(kept)
        return
    if kept.asked_at and kept.conversation_id:
        _blot_out(kept)
    places = kept.places()
    Attachment.objects.filter(pk=file.pk).delete()
    transaction.on_commit(partial(file_bytes.drop, places))


def forget() -> int:
    """Delete the files that nobody asked with; how many there were."""
    left = Attachment.objects.filter(asked_at=None, created_at__lt=timezone.now() - FORGOTTEN_AFTER)
    left = left.exclude(owner__in=held_people())
    lost = list(left.without_text().order_by("pk")[:SWEPT])
    count = 0
    for file in lost:
        with transaction.atomic():
            if left.select_for_update().filter(pk=file.pk).exists():  # a question may have gone out with it meanwhile
                delete_file(ACTOR, file)
                count += 1
    file_bytes.drop_strays()
    return count


def _set_aside(file: Attachment) -> None:
    """Under a legal hold a file that its person deletes is hidden: it lies in a conversation that was deleted so long
    ago that nobody can bring it back, and that goes with the first purge after the hold.
    """
    long_ago = datetime.fromtimestamp(0, UTC)
    assistant = file.conversation.assistant if file.conversation else Assistant.objects.earliest("created_at")
    aside, _ = Conversation.objects.get_or_create(
        owner=file.owner, deleted_at=long_ago, defaults={"assistant": assistant}
    )
    file.questions.clear()
    Attachment.objects.filter(pk=file.pk).update(conversation=aside)


def _blot_out(file: Attachment) -> None:
    """Take what was quoted of a file off the cards of answers. That something stood there stays to be seen."""
    answers = Message.objects.filter(conversation=file.conversation_id, role=Message.Role.ASSISTANT)
    for answer in answers.only("evidence").select_for_update():
        if not any(card.get("file_id") == str(file.pk) for card in answer.evidence):
            continue
        blank = {"quote": "", "heading_path": []}
        cards = [card | blank if card.get("file_id") == str(file.pk) else card for card in answer.evidence]
        Message.objects.filter(pk=answer.pk).update(evidence=cards)
