"""What goes wrong with people and what they may use."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from app.errors import TooManyError


@dataclass(frozen=True, slots=True)
class Refusal:
    """Who was refused by which limit, in which of its periods."""

    actor_id: UUID
    limit_id: UUID
    holder_id: UUID
    began_at: datetime


class LimitReachedError(TooManyError):
    """A limit has no room for it. The message says which, when it turns and whom to ask."""

    code = "limit_reached"
    message = "A limit is reached."

    def __init__(self, message: str, *, retry_after: float, refusal: Refusal) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        self.refusal = refusal
