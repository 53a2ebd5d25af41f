"""The JSON of the REST interface for cases."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from ninja import Field, Schema

State = Literal["open", "claimed", "final", "superseded"]


class PersonOut(Schema):
    id: UUID
    name: str


class DecisionOut(Schema):
    action: Literal["approve", "edit", "reject", "escalate"]
    reason: str
    text: str
    reviewer: PersonOut
    decided_at: datetime


class CaseOut(Schema):
    id: UUID
    state: State
    content_kind: str
    content_id: UUID
    revision: int
    policy: str = Field(description="Slug of the policy.")
    policy_version: int
    rule: str
    reason: str = Field(description="What the reader was told.")
    question: str
    answer: str = Field(description="The whole answer.")
    shown: int = Field(description="How many characters of it the reader has already; a decision is about the rest.")
    context: list[dict[str, Any]] = Field(description="The passages it rests on.")
    reviewer: PersonOut | None
    lease_until: datetime | None
    fence: int = Field(description="Send it with a decision; it rises with every claim.")
    opened_at: datetime
    due_at: datetime
    final_at: datetime | None
    round: int = Field(description="2 after an appeal; who decided in the first cannot claim it then.")
    appeal: str = Field(description="Why its reader asks for a second look; empty in the first round.")
    decisions: list[DecisionOut]


class CaseList(Schema):
    items: list[CaseOut]
    next: str | None = None


class ReleaseIn(Schema):
    fence: int | None = Field(None, ge=0, description="Without it, whatever claim you hold.")


class DecisionIn(Schema):
    action: Literal["approve", "edit", "reject", "escalate"]
    reason: str = Field("", max_length=2000, description="Needed to reject or escalate.")
    text: str = Field("", description="For edit: what goes out instead of the part kept back.")
    fence: int = Field(ge=0, le=2_147_483_647)
