"""The JSON of the REST interface for conversations and answers."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from ninja import Field, Schema

from chat.models import Assistant


class AssistantOut(Schema):
    id: UUID
    slug: str
    name: str
    description: str
    mode: Literal["quote", "generate"]
    is_default: bool
    models: list[str] = Field(description="Names of the models it offers besides its own.")

    @staticmethod
    def resolve_models(assistant: Assistant) -> list[str]:
        return sorted(model.name for model in assistant.offers_models.all())


class AssistantList(Schema):
    items: list[AssistantOut]
    next: str | None = None


class ConversationIn(Schema):
    assistant: str | None = Field(None, description="Slug of an assistant you may use; without it the default one.")
    model: str | None = Field(None, description="Name of a model that the assistant offers; without it its own.")


class ConversationOut(Schema):
    id: UUID


class MessageIn(Schema):
    text: str
    client_id: str | None = Field(None, min_length=1, max_length=64, description="Yours; the same id asks once.")
    parent_id: UUID | None = Field(None, description="The message it follows; without it what is shown last.")
    files: list[UUID] = Field(default_factory=list, max_length=100, description="Files to ask with, by their ids.")


class EditIn(Schema):
    text: str
    client_id: str | None = Field(None, min_length=1, max_length=64, description="Yours; the same id asks once.")


class FileTaken(Schema):
    id: UUID
    state: str


class FileOut(Schema):
    id: UUID
    conversation_id: UUID | None
    name: str
    media_type: str
    size_bytes: int
    state: str = Field(description="queued, reading, ready or refused.")
    reason: str = Field(description="Why it was refused; empty when it was not.")
    note: str = Field(description="What you should know of it, such as text that its readers do not see.")
    passages: int
    asked_at: datetime | None


class MessageAccepted(Schema):
    id: UUID = Field(description="The answer's id.")


class Span(Schema):
    start: int = Field(description="In characters of the text.")
    end: int


class ReviewOut(Schema):
    place: int = Field(description="Among the cases that nobody works on, in the queue's own order; from 1.")
    is_claimed: bool = Field(description="Somebody is reading it.")
    is_appeal: bool
    usual_seconds: float | None = Field(description="The median of the latest decisions; null when there are too few.")


class ReplyOut(Schema):
    id: UUID
    text: str
    by: str
    said_at: datetime
    is_read: bool


class FeedbackOut(Schema):
    value: Literal[1, -1]
    reason: str
    text: str
    replies: list[ReplyOut]


class MessageOut(Schema):
    id: UUID
    conversation_id: UUID
    parent_id: UUID | None = Field(description="The message it follows; those with the same one are versions.")
    role: Literal["user", "assistant"]
    continues: UUID | None = Field(description="The answer that broke off, whose text this one begins with.")
    state: str
    text: str
    reason: str = Field(description="Why it ended so, in words for its reader; empty when it is done.")
    evidence: list[dict[str, Any]]
    citations: list[dict[str, Any]]
    claims: int | None = Field(description="Sentences that claim something; null where that was not looked at.")
    unsupported: list[Span] = Field(description="Those that no passage supports, as spans of the text.")
    review: ReviewOut | None = Field(description="How it stands while it is held.")
    may_appeal: bool
    feedback: FeedbackOut | None = Field(description="What you thought of it, and what was replied.")
    usage: dict[str, Any]
    timings: dict[str, Any]


class FeedbackIn(Schema):
    value: Literal[1, -1]
    reason: str = Field("", max_length=60)
    text: str = Field("", max_length=2000)


class AppealIn(Schema):
    text: str = Field(max_length=2000, description="Why somebody else should look at it.")


class ReplyIn(Schema):
    text: str = Field(max_length=2000)


class MadeReply(Schema):
    id: UUID


class Done(Schema):
    ok: bool = True


class ErrorBody(Schema):
    code: str
    message: str
    retry: bool


class ErrorOut(Schema):
    error: ErrorBody
