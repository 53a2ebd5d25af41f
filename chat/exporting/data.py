"""A conversation as JSON: all of its messages, on every branch, in a documented format with a version.

The models here are the format; ``docs/conversation-export.schema.json`` is what they say of themselves. A field is
added without a new version; one that changes its meaning, or goes, raises it.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from django.utils import timezone
from pydantic import BaseModel, Field

from chat.composing.snapshots import Cited, Entry, Transcript
from chat.exporting import wording
from chat.exporting.wording import TURNING


class CitationData(BaseModel):
    number: int = Field(description="The n of [n] in the text.")
    passage_id: UUID | None = Field(description="None where it is of a file that was attached.")
    file_id: UUID | None = Field(description="Of the file that was attached, where it is of one.")
    document_title: str
    version: int | None = Field(description="Of the document, when it was cited; a file has none.")
    source: str
    heading_path: list[str]
    page: int | None
    start: int = Field(description="Where the quote begins, in characters of the version's text.")
    end: int
    quote: str
    link: str = Field(description="Opens the passage at the quote, for those who may read it.")


class RatingData(BaseModel):
    value: Literal[1, -1]
    reason: str
    text: str


class MessageData(BaseModel):
    id: UUID
    parent_id: UUID | None = Field(description="The message it follows; those with the same one are versions.")
    role: Literal["user", "assistant"]
    is_shown: bool = Field(description="Whether it is on the branch that the conversation shows.")
    at: datetime
    state: str = Field(description="How an answer ended; a question is always done.")
    text: str = Field(description="Markdown, as it was shown; nothing that was held back.")
    reason: str = Field(description="Why an answer ended so, in words for its reader.")
    written_by_ai: bool
    mode: Literal["", "quote", "generate"] = Field(description="Of an answer: quoted word for word, or written.")
    model: str = Field(description="The model that wrote an answer; empty where it is quoted, or nothing is written.")
    citations: list[CitationData]
    rating: RatingData | None = Field(description="What its reader thought of an answer.")


class ConversationData(BaseModel):
    id: UUID
    title: str
    assistant: str
    created_at: datetime
    active_at: datetime
    tags: list[str]
    archived: bool
    messages: list[MessageData] = Field(description="The earliest first, of all branches.")


class ConversationFile(BaseModel):
    """A conversation with Parley, as it was exported."""

    format: Literal["parley.conversation"] = "parley.conversation"
    version: Literal[1] = 1
    exported_at: datetime
    notice: str = Field(description="Says to people that the answers were written by an AI.")
    conversation: ConversationData


def written(transcript: Transcript) -> str:
    """The whole tree as a JSON file. Signs that turn the direction of text stand in it as escapes."""
    text = json.dumps(as_data(transcript).model_dump(mode="json"), ensure_ascii=False, indent=1)
    return TURNING.sub(lambda match: f"\\u{ord(match[0]):04x}", text) + "\n"


def as_data(transcript: Transcript) -> ConversationFile:
    conversation, shown = transcript.conversation, set(transcript.shown)
    return ConversationFile(
        exported_at=timezone.now(),
        notice=wording.notice(),
        conversation=ConversationData(
            id=conversation.pk,
            title=str(conversation),
            assistant=conversation.assistant.name,
            created_at=conversation.created_at,
            active_at=conversation.active_at,
            tags=[tag.name for tag in conversation.tags.all()],
            archived=conversation.archived_at is not None,
            messages=[_message(entry, entry.id in shown) for entry in transcript.entries],
        ),
    )


def _message(entry: Entry, is_shown: bool) -> MessageData:
    facts: dict[str, Any] = {
        name: getattr(entry, name)
        for name in ("id", "parent_id", "role", "at", "state", "text", "reason", "mode", "model", "rating")
    }
    citations = [_citation(one) for one in entry.cited]
    is_written = entry.is_answer and bool(entry.text)
    return MessageData(**facts, is_shown=is_shown, written_by_ai=is_written, citations=citations)


def _citation(cited: Cited) -> CitationData:
    ids = {"passage_id": cited.passage_id or None, "file_id": cited.file_id or None}
    return CitationData(**asdict(cited) | ids, link=wording.link(cited))


def schema() -> str:
    """The format as a JSON schema."""
    return json.dumps(ConversationFile.model_json_schema(), indent=2) + "\n"
