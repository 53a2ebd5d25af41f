"""What the REST interface takes and gives about keeping knowledge. Who asked or judged is in none of it."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

from ninja import Field, Schema


class GapOut(Schema):
    id: UUID
    title: str
    state: str
    source_id: UUID | None
    source: str
    assignee: str = Field(description="Name of whom it was given to.")
    questions: int
    first_asked_at: datetime
    last_asked_at: datetime
    reason: str = Field(description="Why it was closed.")


class GapsOut(Schema):
    items: list[GapOut]
    next: str | None


class AssignIn(Schema):
    person: str = Field("", description="Id or e-mail address of a content owner or admin; empty: nobody.")


class CloseIn(Schema):
    reason: str = Field(max_length=300)


class MergeIn(Schema):
    other: UUID = Field(description="The gap whose questions are joined into this one.")


class AskedAgainOut(Schema):
    asked: int
    supported: int
    gap: GapOut


class DueOut(Schema):
    source_id: UUID
    source: str
    review_by: date
    is_overdue: bool


class RunOut(Schema):
    id: UUID
    source_id: UUID
    source: str
    state: str
    failed: int
    withheld: int


class WaitingDocumentOut(Schema):
    id: UUID
    title: str
    source: str
    state: str
    reason: str


class DayOut(Schema):
    day: date
    count: int


class DocumentUseOut(Schema):
    id: UUID
    title: str
    count: int = 0
    up: int = 0
    down: int = 0


class JudgementOut(Schema):
    value: int
    reason: str
    text: str
    at: datetime
    document_id: UUID
    document_title: str
    passage_id: UUID
    quote: str = Field(description="Empty where you keep the source and may not read it.")


class HomeOut(Schema):
    states: dict[str, int]
    reviews: list[DueOut]
    runs: list[RunOut]
    documents: list[WaitingDocumentOut]
    gaps: list[GapOut]
    gap_count: int
    questions_by_day: list[DayOut]
    citations_by_day: list[DayOut]
    most_cited: list[DocumentUseOut]
    never_cited: list[DocumentUseOut]
    low_rated: list[DocumentUseOut]
    feedback: list[JudgementOut]
