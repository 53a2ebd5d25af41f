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
from django.db.models import F, Q
from django.utils import timezone
from psycopg.types.json import Jsonb

from chat import telling
from chat.models import Message

LEASE_SECONDS = 10.0
FRESH_SECONDS = 1.5  # so long a new question is left to the process that took it
PROCESS = f"{socket.gethostname()}:{os.getpid()}:{uuid4().hex[:8]}"


class LeaseLostError(Exception):
    """Another process owns this answer now; whatever this one still has is void."""


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
    old_enough = timezone.now() - timedelta(seconds=FRESH_SECONDS)
    waiting = Message.objects.waiting_for_a_process().filter(created_at__lt=old_enough)
    return list(waiting.order_by("created_at").values_list("pk", flat=True)[:limit])


def write(message_id: UUID, fence: int, **columns: Any) -> None:
    """Change the row as its owner. Raises LeaseLostError when that is over."""
    lease = timezone.now() + timedelta(seconds=LEASE_SECONDS)
    owned = Message.objects.filter(Q(state="queued") | Q(state="running"), pk=message_id, fence=fence)
    if not owned.update(lease_until=lease, **columns):
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
