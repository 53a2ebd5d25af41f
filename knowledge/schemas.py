"""What the REST interface takes and gives."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

from ninja import Field, Schema

from knowledge.models import Sync


class SourceIn(Schema):
    name: str = Field(max_length=120)
    kind: str = "upload"
    config: dict[str, Any] = Field(default_factory=dict)
    groups: list[str] = Field(default_factory=list, description="Names of groups that may read it; none: everyone.")
    include: list[str] = Field(default_factory=list, description="Patterns as in .gitignore files; none: everything.")
    exclude: list[str] = Field(default_factory=list)
    schedule: str = Field("", max_length=60, description='Such as "hourly", "daily at 03:00", or a cron line.')
    review_by: date | None = None
    credential: str | None = Field(None, description="What the source is opened with. It is stored encrypted.")
    quality_lines: dict[str, float | None] = Field(
        default_factory=dict, description="From which severity (0 to 1, null: never) a check holds a document."
    )


class SourceChangesIn(Schema):
    name: str = Field("", max_length=120)
    config: dict[str, Any] = Field(default_factory=dict)
    groups: list[str] | None = None
    include: list[str] = Field(default_factory=list)
    exclude: list[str] = Field(default_factory=list)
    schedule: str = Field("", max_length=60)
    review_by: date | None = None
    credential: str | None = None
    quality_lines: dict[str, float | None] = Field(default_factory=dict)
    owner: str | None = Field(None, description="The e-mail address of who is to keep it.")


class ReviewedIn(Schema):
    next_review_by: date | None = None


class KindOut(Schema):
    kind: str
    label: str
    summary: str
    config: dict[str, Any] = Field(description="The JSON schema of its settings.")
    credential_label: str = Field(description="What its secret is called; empty when it needs none.")


class KindsOut(Schema):
    items: list[KindOut]
    next: str | None


class SourceOut(Schema):
    id: UUID
    name: str
    kind: str
    config: dict[str, Any]
    include: list[str]
    exclude: list[str]
    quality_lines: dict[str, float | None]
    has_credential: bool
    owner: str
    groups: list[str]
    is_for_everyone: bool
    schedule: str
    next_sync_at: datetime | None
    paused_at: datetime | None
    review_by: date | None
    reviewed_at: datetime | None
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
    state: str = Field(description="running, done or failed.")
    cause: str
    total: int | None = Field(description="How much there is to look at, once that is known.")
    seen: int
    added: int
    changed: int
    unchanged: int
    removed: int
    renamed: int
    failed: int
    withheld: int = Field(description="Gone from the source and not taken out, since they are suspiciously many.")
    failures: list[FailureOut]
    started_at: datetime
    finished_at: datetime | None

    @staticmethod
    def resolve_state(sync: Sync) -> str:
        """For programs a run that waits for its worker is under way already."""
        return Sync.State.RUNNING if sync.finished_at is None else sync.state


class SyncsOut(Schema):
    items: list[SyncOut]
    next: str | None


class RemovedOut(Schema):
    documents: int


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


class VersionOut(Schema):
    id: UUID
    number: int
    state: str = Field(description="in_force, earlier, waiting (or held: see the document) or not_published")
    title: str
    sha256: str
    media_type: str
    size_bytes: int
    passages: int
    created_at: datetime
    published_at: datetime | None
    withdrawn_at: datetime | None
    accepted_at: datetime | None = Field(description="When its keeper released it although it was held.")


class VersionsOut(Schema):
    items: list[VersionOut]
    next: str | None


class FindingOut(Schema):
    check: str
    severity: float = Field(description="From 0 to 1.")
    level: str = Field(description="serious, notable or minor")
    message: str
    holds: bool
    places: list[tuple[int, int]] = Field(description="[start, end) characters of the version's text; some of them.")
    detail: dict[str, Any]


class ReportOut(Schema):
    document_id: UUID
    version: int
    state: str
    reason: str
    characters: int
    notes: list[str]
    findings: list[FindingOut]


class RefuseIn(Schema):
    reason: str = Field("", max_length=300)


class RollBackIn(Schema):
    version: int = Field(ge=1, le=2_000_000_000, description="The number of a version that was published before.")
