"""How the pool stands, over all processes of Parley, for those who look after it: what each worker has to do, which are
left alone, who waits.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.conf import settings
from redis.exceptions import RedisError

from app.inference.routing.places import ROOT, SCRIPT
from app.web.valkey import quick_client

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class WorkerCount:
    """``outstanding`` requests are there. After ``failures`` in a row it is left alone for ``closed_seconds`` more."""

    outstanding: int
    failures: int
    closed_seconds: float


@dataclass(frozen=True)
class ModelCount:
    """How many wait for a place, and how long an answer holds one (None: not known yet)."""

    waiting: int
    usual_seconds: float | None


@dataclass(frozen=True)
class Counts:
    processes: int
    workers: dict[UUID, WorkerCount]
    models: dict[str, ModelCount]


def pool_counts(workers: Sequence[UUID], models: Sequence[str], root: str = ROOT) -> Counts | None:
    """What all processes together have on these workers and waiting for these models. None when Valkey is gone."""
    names = [str(worker) for worker in workers]
    try:
        reply: Any = quick_client(settings.VALKEY_URL).eval(SCRIPT, 1, root, "state", len(names), *names, *models)
    except (RedisError, OSError) as error:
        log.warning("what model servers have to do is not known: %r", error)
        return None
    processes, of_workers, of_models = reply
    return Counts(
        processes,
        {
            worker: WorkerCount(outstanding, failures, closed / 1000)
            for worker, (outstanding, failures, closed) in zip(workers, of_workers, strict=True)
        },
        {
            model: ModelCount(waiting, None if usual < 0 else usual / 1000)
            for model, (waiting, usual) in zip(models, of_models, strict=True)
        },
    )
