"""What may wait after an answer: looking at those that knowledge did not support, naming the conversation."""

from __future__ import annotations

import logging
from uuid import UUID

from celery import Task, shared_task
from kombu.exceptions import OperationalError

from chat.writing import naming, noting

log = logging.getLogger(__name__)


@shared_task(name="chat.tasks.note_gap")
def note_gap(message_id: str) -> None:
    noting.note(UUID(message_id))


@shared_task(name="chat.tasks.note_lost_gaps")
def note_lost_gaps() -> int:
    lost = noting.find_unnoted()
    for message_id in lost:
        note_gap.delay(str(message_id))
    return len(lost)


@shared_task(name="chat.tasks.name_conversation")
def name_conversation(message_id: str) -> None:
    naming.name(UUID(message_id))


def hint(message_id: UUID) -> None:
    """Have a worker look at an answer soon. Quiet when the broker is away: the sweep finds it."""
    _soon(note_gap, message_id)


def name_soon(message_id: UUID) -> None:
    """Have a worker name the conversation that this answer begins. Where it cannot, the first words stay its title."""
    _soon(name_conversation, message_id)


def _soon(task: Task[[str], None], message_id: UUID) -> None:
    try:
        task.apply_async((str(message_id),), retry=False)
    except OperationalError as error:
        log.warning("%s of answer %s waits: %r", task.name, message_id, error)
