"""What goes wrong with people and what they may use."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from app.errors import NotAllowedError, TooManyError


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


class OutOfScopeError(NotAllowedError):
    """A key or token was not given what this takes; the message names what it lacks."""

    code = "out_of_scope"

    def __init__(self, what: str, needed: Iterable[str] = ()) -> None:
        either = " or ".join(sorted(needed))
        lacks = f"has not been given the right {either}" if either else "is limited, and this takes one that is not"
        super().__init__(f"This {what} {lacks}. Use another, or have it given one.")


class TooManyFailuresError(TooManyError):
    """Too many wrong keys came from one address. Right ones go on working."""

    code = "too_many_failures"
    message = "Too many wrong keys came from this address. Check the key, and wait before trying again."

    def __init__(self, *, retry_after: float) -> None:
        super().__init__()
        self.retry_after = retry_after
