"""Who writes an answer: exactly one process at a time.

The owner holds a lease on the row and renews it with every checkpoint. Each new owner raises ``fence``; every write
of a run names its fence, so one who lost the lease changes nothing. Statements here are single conditional UPDATEs.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import orjson
from django.db.models import F
from django.utils import timezone

from app.web.statements import changing, prepared_cursor, together
from chat.models import Message
from chat.streaming import telling
from chat.streaming.events import LogEntry

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


def write(message: Message, **columns: Any) -> None:
    """Change the row as its owner. Raises LeaseLostError when that is over."""
    lease = timezone.now() + timedelta(seconds=LEASE_SECONDS)
    own = {"id": message.pk, "fence": message.fence, "state": Message.State.RUNNING}
    if not together([changing(Message, own, {"lease_until": lease, **message.sealing(**columns)})], "true", []):
        raise LeaseLostError(str(message.pk))


@dataclass(frozen=True)
class Draft:
    """What was said so far of an answer that this process writes."""

    message: Message
    fence: int
    text: str
    log: list[LogEntry]


_CHECKPOINT = """
update chat_message m set text = d.text, log = d.log::jsonb, seq = d.seq, lease_until = %s
from unnest(%s::uuid[], %s::int[], %s::text[], %s::text[], %s::int[]) as d (id, fence, text, log, seq)
where m.id = d.id and m.fence = d.fence and m.state in ('queued', 'running') returning m.id, m.stop_requested
"""


def checkpoint(drafts: Sequence[Draft]) -> dict[UUID, bool]:
    """Save what was said so far and renew the leases, all in one statement.

    For each answer that is still this process's: whether its reader asked to stop.
    """
    lease = timezone.now() + timedelta(seconds=LEASE_SECONDS)
    sealed = [draft.message.sealing(text=draft.text, log=draft.log) for draft in drafts]
    logs = [orjson.dumps(one["log"]).decode() for one in sealed]
    values: list[Any] = [lease, [draft.message.pk for draft in drafts], [draft.fence for draft in drafts]]
    values += [[one["text"] for one in sealed], logs, [draft.log[-1][0] for draft in drafts]]
    with prepared_cursor() as cursor:
        cursor.execute(_CHECKPOINT, values)
        return dict(cursor.fetchall())
