"""What the REST interface takes and gives."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

from ninja import Field, Schema


class SourceIn(Schema):
    name: str = Field(max_length=120)
    kind: str = "upload"
    config: dict[str, Any] = Field(default_factory=dict)
    groups: list[str] = Field(default_factory=list, description="Names of groups that may read it; none: everyone.")
    schedule: str = Field("", max_length=60)
    review_by: date | None = None


class SourceOut(Schema):
    id: UUID
    name: str
    kind: str
    config: dict[str, Any]
    groups: list[str]
    is_for_everyone: bool
    schedule: str
    review_by: date | None
    created_at: datetime


class SourcesOut(Schema):
    items: list[SourceOut]
    next: str | None


class TakenOut(Schema):
    id: UUID
    state: str


class DocumentOut(Schema):
    id: UUID
    source_id: UUID
    state: str
    reason: str
    title: str
    version: int | None = Field(description="Number of the version that is found now; null when there is none.")
    passages: int
    quality: dict[str, Any]


class SyncStartedOut(Schema):
    sync_id: UUID


class FailureOut(Schema):
    key: str
    reason: str


class SyncOut(Schema):
    id: UUID
    source_id: UUID
    state: str
    seen: int
    added: int
    changed: int
    unchanged: int
    removed: int
    failed: int
    failures: list[FailureOut]
    started_at: datetime
    finished_at: datetime | None


class SearchIn(Schema):
    query: str = Field(min_length=1, max_length=1000)
    limit: int = Field(8, ge=1, le=50)
    source_ids: list[UUID] = Field(default_factory=list, max_length=100)


class PassageOut(Schema):
    id: UUID
    document_id: UUID
    document_title: str
    source: str
    heading_path: list[str]
    text: str
    page: int | None
    start: int
    end: int
    score: float
    quote: str


class SearchOut(Schema):
    passages: list[PassageOut]


class OpenedPassageOut(Schema):
    id: UUID
    document_id: UUID
    document_title: str
    source: str
    version: int
    heading_path: list[str]
    text: str
    page: int | None
    start: int
    end: int
    is_disabled: bool
    is_withdrawn: bool
    is_overdue: bool
    replaced_by: int | None = Field(description="Number of the version in force, when it is another one.")


class DisableIn(Schema):
    reason: str = Field(min_length=1, max_length=300)


class DisabledOut(Schema):
    id: UUID
    is_disabled: bool
    reason: str


class PersonOut(Schema):
    name: str
    email: str
    is_active: bool


class WayOut(Schema):
    kind: str = Field(description="everyone, owner or group")
    name: str
    count: int = Field(description="How many people it lets read; suspended ones are not counted.")
    people: list[PersonOut] = Field(description="The first hundred of a group.")


class KeeperOut(Schema):
    person: PersonOut
    reads: bool


class ReasonOut(Schema):
    kind: str
    text: str
    remedy: str


class VerdictOut(Schema):
    person: PersonOut
    finds: bool
    opens: bool
    keeps: bool
    because: list[str]
    reasons: list[ReasonOut]


class AccessOut(Schema):
    document_id: UUID
    count: int
    ways: list[WayOut]
    keepers: list[KeeperOut]
    reasons: list[ReasonOut] = Field(description="What keeps the document from everybody just now.")
    person: VerdictOut | None


class GenerationIn(Schema):
    model_id: UUID | None = Field(None, description="A model with the role “embed”; null: the installation's own.")


class GenerationOut(Schema):
    id: int
    model_id: UUID | None
    embedding_name: str
    dimensions: int
    state: str = Field(description="building, ready, serving, failed or removing")
    error: str
    passages_done: int
    passages_total: int
    size_bytes: int
    seconds_left: int | None
    created_at: datetime
    ready_at: datetime | None
    served_at: datetime | None


class GenerationsOut(Schema):
    items: list[GenerationOut]
