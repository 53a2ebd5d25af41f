"""What the REST interface says about groups and the audit log."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from ninja import Schema


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


class EventsOut(Schema):
    items: list[EventOut]
    next: str | None
