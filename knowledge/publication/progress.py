"""How far the reading of a document is: a hint for its owner's page, kept in the cache for a minute, lost
without harm.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from django.core.cache import cache
from redis.exceptions import RedisError

_SECONDS = 90


@dataclass(frozen=True)
class Progress:
    """``stage`` in words, and the done part of the whole from 0 to 1."""

    stage: str
    fraction: float

    @property
    def percent(self) -> int:
        return round(self.fraction * 100)


def tell(document_id: UUID, stage: str, fraction: float) -> None:
    with contextlib.suppress(RedisError):
        cache.set(_key(document_id), [stage, fraction], _SECONDS)


def told(document_ids: Iterable[UUID]) -> dict[UUID, Progress]:
    """What is known of these documents; nothing when the cache does not answer."""
    keys = {_key(document_id): document_id for document_id in document_ids}
    if not keys:
        return {}
    with contextlib.suppress(RedisError):
        return {keys[key]: Progress(*value) for key, value in cache.get_many(list(keys)).items()}
    return {}


def _key(document_id: UUID) -> str:
    return f"knowledge:progress:{document_id}"
