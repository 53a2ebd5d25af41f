"""What a moderator's decision does to a held answer, in the decision's own transaction.

What was already shown stays; the decision is about the part that was kept back. Released or edited text is told as a
delta like any other, so a reader's text is always its deltas joined. That goes for an appeal as well: who was given an
edited text, and then the first one after all, finds it below.
"""

from __future__ import annotations

from functools import partial
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from chat.models import Message
from chat.signals import conversation_changed
from chat.streaming import telling
from chat.streaming.copies import copy_from_thread
from chat.streaming.events import LogEntry, in_frames
from chat.streaming.telling import numbers_in
from moderation.models import Decision

State = Message.State


def apply_decision(message_id: UUID, decision: Decision) -> None:
    """Release, replace or withhold the held text of an answer. An escalation changes nothing yet."""
    if decision.action == Decision.Action.ESCALATE:
        return
    message = Message.objects.select_for_update().filter(pk=message_id, state=State.HELD).first()
    if message is None:
        return
    log: list[LogEntry] = list(message.log)
    begin = len(log)
    if decision.action == Decision.Action.REJECT:
        _reject(message, decision, log)
    else:
        _release(message, decision, log)
    telling.append(log, "done")
    message.log, message.seq, message.held_text = log, log[-1][0], ""
    message.finished_at = timezone.now()
    message.save()
    tell_on_commit(message, log[begin][0])


def _reject(message: Message, decision: Decision, log: list[LogEntry]) -> None:
    message.error = decision.reason[:300]
    if was_edited(log):
        message.state = State.EDITED
        telling.append(log, "status", {"state": State.EDITED})
        return
    message.state, message.error_code = State.REJECTED, "rejected"
    message.citations.all().delete()
    message.evidence = telling.shown_evidence(log, message.evidence)
    telling.append(log, "status", {"state": State.REJECTED})
    telling.append(log, "error")


def _release(message: Message, decision: Decision, log: list[LogEntry]) -> None:
    is_edited = decision.action == Decision.Action.EDIT
    parting = "\n\n" if was_edited(log) else ""
    if is_edited:
        message.error, message.grounds = decision.reason[:300], None
    message.state = State.EDITED if is_edited else State.RELEASED
    telling.append(log, "status", {"state": message.state})
    if message.evidence and not telling.shown_evidence(log, message.evidence):
        telling.append(log, "evidence")
    for piece in in_frames(parting + (decision.text if is_edited else message.held_text)):
        message.text += piece
        telling.append(log, "delta", len(message.text))
    if is_edited:
        message.citations.exclude(number__in=numbers_in(message.text)).delete()
    if message.citations.exists() or telling.files_cited(message):
        telling.append(log, "citations")


def was_edited(log: list[LogEntry]) -> bool:
    """Whether its reader was given an edited text before."""
    return any(kind == "status" and value["state"] == State.EDITED for _, kind, value in log)


def tell_on_commit(message: Message, first_seq: int) -> None:
    """Tell who follows the answer the events from ``first_seq`` on, once they stand in its row."""
    transaction.on_commit(partial(_tell, message.id, first_seq))


def _tell(message_id: UUID, first_seq: int) -> None:
    message = telling.load(message_id)
    copy_from_thread(telling.retell(message, after=first_seq - 1))
    conversation_changed.send(sender=Message, conversation_id=message.conversation_id, message_id=message_id)
