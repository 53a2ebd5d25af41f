"""What programs send and get about the pool. Keys go in and never come out."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Literal
from uuid import UUID

from ninja import Field, Schema

Kind = Literal["openai", "vllm", "llama"]
Role = Literal["generate", "embed", "rerank", "expand", "guard"]


class FiguresOut(Schema):
    """Of the last half hour; rates are for a second and of the last half minute, shares 0 to 1."""

    running: float | None
    waiting: float | None
    cache_used: float | None
    tokens_out_rate: float | None
    tokens_in_rate: float | None
    prefix_share: float | None
    first_token_seconds: float | None
    ended: float
    failed: float


class WorkerOut(Schema):
    id: UUID
    address: str
    model: str
    kind: str = Field(description="openai, vllm or llama")
    state: str = Field(description="healthy, sick, draining or off")
    reason: str
    capacity: int
    running: int | None
    closed_seconds: float
    has_key: bool
    is_managed: bool
    is_embedded: bool
    adapters: list[str]
    last_seen_at: datetime | None
    figures: FiguresOut | None


class GroupOut(Schema):
    model: str
    role: str
    waiting: int | None
    assistants: list[str]
    workers: list[WorkerOut]


class PoolOut(Schema):
    models: list[GroupOut]
    are_figures_known: bool


class ServerIn(Schema):
    address: str = Field(max_length=400)
    model: str = Field("", max_length=300, description="As the server calls it. Empty: the only one it has.")
    name: str = Field("", max_length=200, description="As Parley calls it. Empty: as the server does.")
    role: Role = "generate"
    kind: Kind | None = None
    api_key: str = Field("", max_length=2000)
    capacity: int = 32


class NewServerIn(ServerIn):
    despite_failure: bool = False


class ServerChangeIn(Schema):
    address: str | None = Field(None, max_length=400)
    kind: Kind | None = None
    api_key: str | None = Field(None, max_length=2000, description="Empty forgets the key; null keeps it.")
    capacity: int | None = None
    despite_failure: bool = False


class StepOut(Schema):
    title: str
    outcome: Literal["good", "unsure", "bad"]
    message: str
    advice: str


class ModelOffered(Schema):
    name: str
    parent: str
    context_tokens: int | None


class ReportOut(Schema):
    is_usable: bool
    address: str
    kind: Kind
    model: str
    context_tokens: int | None
    first_token_seconds: float | None
    steps: list[StepOut]
    offered: list[ModelOffered]


class ModelOut(Schema):
    id: UUID
    name: str
    role: str
    upstream_name: str
    revision: str
    licence: str
    context_tokens: int | None
    base: str | None
    price_in: Decimal
    price_cached: Decimal
    price_out: Decimal
    watts: int | None
    is_demonstration: bool
    sees_images: bool
    files: dict[str, str]


class ModelsOut(Schema):
    items: list[ModelOut]
    next: None = None


class ModelChangeIn(Schema):
    role: Role | None = None
    upstream_name: str | None = Field(None, max_length=300)
    licence: str | None = Field(None, max_length=100)
    context_tokens: int | None = None
    query_prefix: str | None = Field(None, max_length=500)
    passage_prefix: str | None = Field(None, max_length=500)
    price_in: Decimal | None = None
    price_cached: Decimal | None = None
    price_out: Decimal | None = None
    watts: int | None = None
    sees_images: bool | None = None


class AssistantModelsIn(Schema):
    mode: Literal["quote", "generate"] | None = None
    model: str | None = None
    fallbacks: list[str] = Field(default_factory=list, max_length=20)
    canary: str | None = None
    canary_percent: int = Field(0, ge=0, le=100)
    repeats_answers: bool | None = None


class AssistantModelsOut(Schema):
    id: UUID
    slug: str
    mode: str
    model: str | None
    fallbacks: list[str]
    canary: str | None
    canary_percent: int
    repeats_answers: bool
