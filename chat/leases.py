"""Who writes an answer: exactly one process at a time.

The owner holds a lease on the row and renews it with every checkpoint. Each new owner raises ``fence``; every write
of a run names its fence, so one who lost the lease changes nothing. Statements here are single conditional UPDATEs.
"""

from __future__ import annotations

import os
import socket
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

from django.db import connection
from django.db.models import F
from django.utils import timezone
from psycopg.types.json import Jsonb

from app.web.statements import changing, together
from chat import telling
from chat.models import Message

LEASE_SECONDS = 10.0
PROCESS = f"{socket.gethostname()}:{os.getpid()}:{uuid4().hex[:8]}"


class LeaseLostError(Exception):
    """Another process owns this answer now; whatever this one still has is void."""


def take_first(answer: Message) -> None:
    """Make a new answer, not yet written to the database, this process's own."""
    answer.state, answer.fence, answer.lease_owner = Message.State.RUNNING, 1, PROCESS
    answer.lease_until = timezone.now() + timedelta(seconds=LEASE_SECONDS)


def claim(message_id: UUID) -> Message | None:
    """Become the owner of an answer nobody works on; None when somebody does or it is settled."""
    lease = timezone.now() + timedelta(seconds=LEASE_SECONDS)
    won = (
        Message.objects.waiting_for_a_process()
        .filter(pk=message_id)
        .update(fence=F("fence") + 1, lease_owner=PROCESS, lease_until=lease, state=Message.State.RUNNING)
    )
    return telling.load(message_id) if won else None


def find_waiting(limit: int = 20) -> list[UUID]:
    """Answers that a sweeper should take: their process died, or none ever came."""
    waiting = Message.objects.waiting_for_a_process()
    return list(waiting.order_by("created_at").values_list("pk", flat=True)[:limit])


def write(message_id: UUID, fence: int, **columns: Any) -> None:
    """Change the row as its owner. Raises LeaseLostError when that is over."""
    lease = timezone.now() + timedelta(seconds=LEASE_SECONDS)
    own = {"id": message_id, "fence": fence, "state": Message.State.RUNNING}
    if not together([changing(Message, own, {"lease_until": lease, **columns})], "true", []):
        raise LeaseLostError(str(message_id))


_CHECKPOINT = """
update chat_message set text = %s, log = %s, seq = %s, lease_until = %s
where id = %s and fence = %s and state in ('queued', 'running') returning stop_requested
"""


def checkpoint(message_id: UUID, fence: int, *, text: str, log: list[Any], seq: int) -> bool:
    """Save what was said so far and renew the lease; whether the reader asked to stop. One statement, written out."""
    lease = timezone.now() + timedelta(seconds=LEASE_SECONDS)
    values: list[Any] = [text, Jsonb(log), seq, lease, message_id, fence]
    with connection.cursor() as cursor:
        cursor.execute(_CHECKPOINT, values)
        row = cursor.fetchone()
    if row is None:
        raise LeaseLostError(str(message_id))
    return bool(row[0])
