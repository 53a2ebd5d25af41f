"""Answers that knowledge did not support, told downwards: their questions become gaps for those who keep content.

How well an answer was supported is judged when it ends and written with it, so looking at it costs its reader nothing.
A question that a policy blocked or held is never passed on, nor one whose conversation was deleted meanwhile.
"""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from django.db.models import QuerySet
from django.utils import timezone

from chat.composing import briefing
from chat.models import Generation, Message
from chat.signals import grounds_changed
from knowledge.keeping.noting import Unanswered, note_question
from knowledge.models import GapQuestion

SWEEP_AFTER = timedelta(minutes=2)
SWEEP_BACK = timedelta(days=1)
SWEPT = 200


def note(message_id: UUID) -> None:
    """Look at one answer, once. Raises UnavailableError when the embedding model does not answer; then it waits."""
    runs = (
        _unnoted()
        .filter(message_id=message_id)
        .select_related("message__conversation__owner", "message__conversation__assistant", "message__parent")
    )
    run = runs.defer("message__log", "message__evidence", "message__text").order_by("-fence").first()
    if run is None:
        return
    is_kept = False
    if question := _question_of(run):
        is_kept = note_question(question) is not None
    Generation.objects.filter(pk=run.pk).update(noted_at=timezone.now())
    _say_whether_noted(run.message, is_kept)


def _say_whether_noted(answer: Message, is_kept: bool) -> None:
    """Where the answer says that nothing supports it, it says as well whether its question is kept as unanswered."""
    if answer.grounds is None or "near" not in answer.grounds:
        return
    grounds = answer.grounds | {"is_noted": is_kept}
    Message.objects.filter(pk=answer.pk, fence=answer.fence).update(grounds=grounds)
    grounds_changed.send(sender=Message, conversation_id=answer.conversation_id, message_id=answer.pk)


def find_unnoted() -> list[UUID]:
    """Answers of the last day that nobody looked at, because the hint was lost or its worker died."""
    now = timezone.now()
    lost = _unnoted().filter(created_at__gt=now - SWEEP_BACK, created_at__lt=now - SWEEP_AFTER)
    return list(lost.order_by("created_at").values_list("message_id", flat=True)[:SWEPT])


def _unnoted() -> QuerySet[Generation]:
    return Generation.objects.filter(noted_at=None, support__in=["weak", "none", "doubted"])


def _question_of(run: Generation) -> Unanswered | None:
    answer = run.message
    if answer.state != Message.State.DONE or answer.conversation.deleted_at is not None:
        return None
    brief = briefing.load(answer)
    return Unanswered(
        text=brief.searched,
        support=GapQuestion.Support(run.support),
        asked_by=brief.reader,
        asked_at=answer.created_at,
        message_id=answer.pk,
        source_ids=brief.source_ids,
    )
