"""What may wait after an answer: looking at those that knowledge did not support."""

from __future__ import annotations

import logging
from uuid import UUID

from celery import shared_task
from kombu.exceptions import OperationalError

from chat.writing import noting

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


def hint(message_id: UUID) -> None:
    """Have a worker look at an answer soon. Quiet when the broker is away: the sweep finds it."""
    try:
        note_gap.apply_async((str(message_id),), retry=False)
    except OperationalError as error:
        log.warning("answer %s is looked at later: %r", message_id, error)
