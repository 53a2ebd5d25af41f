"""The part of OpenAI's chat and embedding bodies that Parley takes. Anything else is refused, never passed upstream."""

from __future__ import annotations

from typing import Any, Literal

from ninja import Field, Schema
from pydantic import ConfigDict

from app.errors import ParleyError

GOVERNED = "Accepted for compatibility; the assistant's own setting holds."


class Closed(Schema):
    model_config = ConfigDict(extra="forbid")


class TextPart(Closed):
    type: Literal["text"]
    text: str


class ChatMessageIn(Closed):
    role: Literal["system", "developer", "user", "assistant"]
    content: str | list[TextPart]
    name: str | None = None

    def text(self) -> str:
        if isinstance(self.content, str):
            return self.content
        return "\n".join(part.text for part in self.content)


class StreamOptions(Closed):
    include_usage: bool = False


class ChatCompletionIn(Closed):
    """``model`` is the slug of an assistant. System messages give way to the assistant's own prompt."""

    model: str
    messages: list[ChatMessageIn] = Field(min_length=1, max_length=200)
    stream: bool = False
    stream_options: StreamOptions | None = None
    user: str | None = Field(None, description="Accepted for compatibility; the key says who asks.")
    n: Literal[1] = 1
    temperature: float | None = Field(None, description=GOVERNED)
    top_p: float | None = Field(None, description=GOVERNED)
    max_tokens: int | None = Field(None, description=GOVERNED)
    max_completion_tokens: int | None = Field(None, description=GOVERNED)
    frequency_penalty: float | None = Field(None, description=GOVERNED)
    presence_penalty: float | None = Field(None, description=GOVERNED)
    seed: int | None = Field(None, description=GOVERNED)
    stop: str | list[str] | None = Field(None, description=GOVERNED)


class EmbeddingIn(Closed):
    model: str = ""
    input: str | list[str]
    encoding_format: Literal["float", "base64"] = "float"
    user: str | None = None


class ModelList(Schema):
    object: str = "list"
    data: list[dict[str, Any]]


_KINDS = {429: "rate_limit_exceeded"}


def error_body(error: ParleyError) -> dict[str, Any]:
    """The JSON form of an error that clients of OpenAI's interface know."""
    kind = "server_error" if error.status >= 500 else _KINDS.get(error.status, "invalid_request_error")
    return {"error": {"message": error.message, "type": kind, "code": error.code, "param": None}}
