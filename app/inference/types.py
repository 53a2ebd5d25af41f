"""What goes into the model pool and what comes out of it, as plain values.

These cross the token path, so they are frozen dataclasses with slots and carry no behaviour.
"""

import uuid
from dataclasses import dataclass
from typing import Literal

Kind = Literal["openai", "vllm", "llama"]


@dataclass(frozen=True, slots=True)
class ChatMessage:
    """One turn as the model sees it. ``role`` is "system", "user" or "assistant"; ``images`` are data URLs."""

    role: str
    content: str
    images: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CompletionRequest:
    """One answer wanted from a model of the registry.

    ``fallbacks`` are the models that may write instead, in order, when no server of ``model`` can. ``continues`` is
    text of an earlier answer that this one goes on from. ``affinity`` is what should meet the same worker again (a
    conversation's id), so that its prefix cache is used. ``cache_salt`` keeps prefix caches of different groups apart,
    ``priority`` is smaller for the more urgent, and ``session_id`` names the conversation to routers behind the
    address; each is sent to workers that understand it.
    """

    model: str
    messages: tuple[ChatMessage, ...] | list[ChatMessage]
    fallbacks: tuple[str, ...] = ()
    continues: str = ""
    max_tokens: int = 1024
    temperature: float = 0.2
    affinity: str = ""
    session_id: str = ""
    cache_salt: str = ""
    priority: int = 0


@dataclass(frozen=True, slots=True)
class TextChunk:
    """The text of everything that arrived in one read: one token mostly, more when the reader is behind."""

    text: str


@dataclass(frozen=True, slots=True)
class Usage:
    """The end of a stream. Counts are the server's own, None where it does not tell; seconds are ours."""

    tokens_in: int | None
    tokens_cached: int | None
    tokens_out: int | None
    finish_reason: str
    model: str
    worker_id: uuid.UUID
    first_token_seconds: float
    total_seconds: float


@dataclass(frozen=True, slots=True)
class Waiting:
    """What a reader who waits for a place is told. ``place`` counts from 1, over all of Parley; ``seconds`` is an
    estimate from how long answers have taken, None while none is known.
    """

    place: int
    seconds: float | None


@dataclass(frozen=True, slots=True)
class Target:
    """A worker as the token path needs it: a copy of its row, with the key opened. Never logged or shown."""

    id: uuid.UUID
    address: str
    model: str
    upstream_name: str
    api_key: str | None
    capacity: int
    kind: Kind

    def __repr__(self) -> str:
        return f"Target({self.id}, {self.model})"


@dataclass(frozen=True, slots=True)
class Deadlines:
    """How long, in seconds, the pool waits for what.

    ``place`` is the longest in line, where a reader is told how it goes on. ``first_token`` counts while a worker has
    been asked, over all tries together; ``stall`` is between two pieces of text.
    """

    place: float = 60.0
    connect: float = 5.0
    first_token: float = 28.0
    stall: float = 20.0
    total: float = 600.0
