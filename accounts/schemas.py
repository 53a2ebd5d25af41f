"""What the REST interface says about groups and the audit log."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any
from uuid import UUID

from ninja import Schema

from accounts.auditing.standing import Standing
from accounts.models import AuditCheckpoint


class GroupOut(Schema):
    id: UUID
    name: str


class GroupsOut(Schema):
    items: list[GroupOut]
    next: str | None


class EventOut(Schema):
    """One event of the audit log. ``prev`` and ``hash`` (hexadecimal) chain the events of a shard, by ``seq``."""

    id: UUID
    at: datetime
    actor: str
    action: str
    object: str
    outcome: str
    request_id: str
    payload: dict[str, Any]
    shard: int
    seq: int
    prev: str
    hash: str

    @staticmethod
    def resolve_prev(event: Any) -> str:
        return bytes(event.prev).hex()

    @staticmethod
    def resolve_hash(event: Any) -> str:
        return bytes(event.hash).hex()


class EventsIn(Schema):
    """Which events; what is left out does not matter."""

    actor: str = ""
    action: str = ""
    object: str = ""
    outcome: str = ""
    request: str = ""
    since: str = ""
    until: str = ""


class CheckpointOut(Schema):
    """``statement`` is what was signed."""

    number: int
    at: datetime
    statement: dict[str, Any]
    signature: str


class WitnessOut(Schema):
    address: str
    behind: int
    told_at: datetime | None
    error: str


class StandingOut(Schema):
    """``faults`` are what the last checks found; ``late``: what happened waits for a checkpoint for too long."""

    checkpoint: CheckpointOut | None
    keys: list[str]
    faults: list[str]
    late: bool
    verified_at: datetime | None
    verified_events: int | None
    witnesses: list[WitnessOut]

    @classmethod
    def of(cls, standing: Standing) -> StandingOut:
        last, verified = standing.checkpoint, standing.verified
        return cls(
            checkpoint=_checkpoint(last) if last else None,
            keys=list(standing.keys),
            faults=list(standing.faults),
            late=standing.is_late,
            verified_at=verified.at if verified else None,
            verified_events=verified.events if verified else None,
            witnesses=[WitnessOut.from_orm(witness) for witness in standing.witnesses],
        )


def _checkpoint(last: AuditCheckpoint) -> CheckpointOut:
    statement = json.loads(last.statement)
    return CheckpointOut(number=last.number, at=last.at, statement=statement, signature=last.signature)


class EventsOut(Schema):
    items: list[EventOut]
    next: str | None
