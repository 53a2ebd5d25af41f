"""Embedding by a model of the registry: on its healthy workers in turn, the next one when one fails."""

from __future__ import annotations

import itertools
import logging
import os
import time
from collections.abc import Sequence
from functools import lru_cache
from uuid import UUID

from app.errors import UnavailableError
from app.inference.embedding.remote import SECONDS, TRIES, RemoteEmbedder, Vectors
from app.inference.routing.workers import workers_of_model
from app.inference.types import Target

REST_SECONDS = 10.0

log = logging.getLogger(__name__)
_turns = itertools.count()
_resting: dict[UUID, float] = {}


class PooledEmbedder:
    """``model`` is a name of the registry. Safe to use from many threads."""

    def __init__(self, model: str) -> None:
        self._model = model

    def dimensions(self) -> int:
        """Asks a worker: another model may stand behind the same name by now."""
        return int(self.embed(["dimensions"]).shape[1])

    def count_tokens(self, _text: str) -> int | None:
        """Not known here: servers have no common way to ask."""
        return None

    def embed(self, texts: Sequence[str], seconds: float = SECONDS) -> Vectors:
        """Rows in the order of ``texts``. Raises UnavailableError when no worker gives them."""
        targets = self._in_turn()
        # A server that is the only one gets more tries; where there are others, they are the second try.
        tries = TRIES if len(targets) == 1 else 1
        last = UnavailableError(f"No server of {self._model} takes requests.")
        for target in targets:
            try:
                return _embedder(os.getpid(), target, tries).embed(texts, seconds)
            except UnavailableError as error:
                _resting[target.id] = time.monotonic() + REST_SECONDS
                log.warning("worker %s of %s cannot embed: %s", target.id, self._model, error.message)
                last = error
        raise last

    def _in_turn(self) -> list[Target]:
        """All workers, the one whose turn it is first, those that failed a moment ago last."""
        targets = workers_of_model(self._model)
        if len(targets) < 2:
            return targets
        first = next(_turns) % len(targets)
        now = time.monotonic()
        return sorted(targets[first:] + targets[:first], key=lambda target: _resting.get(target.id, 0.0) > now)


@lru_cache(maxsize=32)
def _embedder(_process: int, target: Target, tries: int) -> RemoteEmbedder:
    """One client a worker and process, for as long as its address, name and key stay the same."""
    return RemoteEmbedder(target.address, target.upstream_name, target.api_key, tries)
