"""How the pool stands: the registry, what servers count, and what Parley's processes have there, put together.

Read for pages and programs. Figures are hints from Valkey: without it the registry alone is shown, and said so.
"""

from __future__ import annotations

import logging
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

import redis.exceptions
from django.conf import settings
from django.utils import timezone

from accounts.models import User
from accounts.rights import can, require
from app.errors import NotFoundError
from app.inference.models import Model, Worker, WorkerState
from app.inference.routing.counts import Counts, pool_counts
from app.inference.watching.figures import Figures, Sample, kept, summed
from app.inference.watching.watcher import HEARTBEAT_LATE
from app.web.valkey import quick_client
from chat.models import Assistant, Fallback

log = logging.getLogger(__name__)

FRESH_SECONDS = 20.0


@dataclass(frozen=True)
class Server:
    """One worker and its figures of the last half hour. ``figures`` are None where it tells nothing, or has not lately.

    ``outstanding`` is what all processes of Parley have there now, None where that is not known.
    """

    worker: Worker
    samples: Sequence[Sample] = ()
    figures: Figures | None = None
    outstanding: int | None = None
    closed_seconds: float = 0.0
    warning: str = ""

    @property
    def running(self) -> int | None:
        """Answers being written there: as Parley counts now, or as the server said last where that is more."""
        told = round(self.figures.running) if self.figures and self.figures.running is not None else None
        known = [count for count in (told, self.outstanding) if count is not None]
        return max(known, default=None)


@dataclass(frozen=True)
class Group:
    """One model and its servers. ``writes_for`` are the names of the assistants that have it in their chain."""

    model: Model
    servers: list[Server]
    writes_for: list[str] = field(default_factory=list)
    waiting: int | None = None

    @property
    def healthy(self) -> int:
        return sum(server.worker.state == WorkerState.HEALTHY for server in self.servers)


@dataclass(frozen=True)
class PoolState:
    groups: list[Group]
    are_figures_known: bool

    @property
    def servers(self) -> list[Server]:
        return [server for group in self.groups for server in group.servers]


def pool_state(actor: User) -> PoolState:
    """Every model that has a server, or that an assistant writes with, by name. As many statements for any number."""
    require(actor, "pool.administer")
    writes_for = _assistants_by_model()
    workers = list(Worker.objects.select_related("model").prefetch_related("adapters").order_by("address"))
    samples = _samples([worker.id for worker in workers])
    counts = pool_counts([worker.id for worker in workers], sorted({worker.model.name for worker in workers}))
    servers: dict[UUID, list[Server]] = defaultdict(list)
    models = {worker.model.id: worker.model for worker in workers}
    for worker in workers:
        servers[worker.model.id].append(_server(worker, (samples or {}).get(worker.id, []), counts))
    missing = Model.objects.filter(id__in=writes_for.keys() - models.keys(), base=None)
    models |= {model.id: model for model in missing}
    waiting = {name: count.waiting for name, count in counts.models.items()} if counts else {}
    groups = [
        Group(model, servers[model.id], writes_for.get(model.id, []), waiting.get(model.name))
        for model in sorted(models.values(), key=lambda model: model.name)
    ]
    return PoolState(groups, samples is not None)


def server_state(worker: Worker) -> Server:
    return _server(worker, (_samples([worker.id]) or {}).get(worker.id, []), pool_counts([worker.id], []))


def running_on(worker: Worker) -> int:
    """How many answers are being written there, as far as anybody knows."""
    return server_state(worker).running or 0


def get_worker(actor: User, worker_id: UUID) -> Worker:
    """Raises NotFoundError, also for whoever may not know of it."""
    worker = Worker.objects.select_related("model").filter(pk=worker_id).first()
    if worker is None or not can(actor, "pool.administer"):
        raise NotFoundError
    return worker


def get_model(actor: User, model_id: UUID) -> Model:
    """Raises NotFoundError, also for whoever may not know of it."""
    model = Model.objects.filter(pk=model_id).first()
    if model is None or not can(actor, "pool.administer"):
        raise NotFoundError
    return model


def get_assistant(actor: User, assistant_id: UUID) -> Assistant:
    """Raises NotFoundError, also for whoever may not know of it."""
    assistant = Assistant.objects.select_related("model", "canary").filter(pk=assistant_id).first()
    if assistant is None or not can(actor, "pool.administer"):
        raise NotFoundError
    return assistant


def _server(worker: Worker, samples: Sequence[Sample], counts: Counts | None) -> Server:
    is_fresh = bool(samples) and time.time() - samples[-1].at < FRESH_SECONDS
    own = counts.workers.get(worker.id) if counts else None
    return Server(
        worker=worker,
        samples=samples,
        figures=summed(samples) if is_fresh else None,
        outstanding=own.outstanding if own else None,
        closed_seconds=own.closed_seconds if own else 0.0,
        warning=_warning(worker),
    )


def _warning(worker: Worker) -> str:
    """What is odd about a server that answers."""
    if worker.state != WorkerState.HEALTHY or not worker.is_managed:
        return ""
    seen = worker.last_seen_at
    if seen is None or timezone.now() - seen > HEARTBEAT_LATE + timedelta(seconds=10):
        return "It answers, but the serve_model that started it says nothing any more."
    return ""


def _assistants_by_model() -> dict[UUID, list[str]]:
    found: dict[UUID, list[str]] = defaultdict(list)
    for name, *ids in Assistant.objects.filter(is_active=True).values_list("name", "model_id", "canary_id"):
        for model_id in ids:
            if model_id:
                found[model_id].append(name)
    chained = Fallback.objects.filter(assistant__is_active=True)
    for model_id, name in chained.values_list("model_id", "assistant__name"):
        found[model_id].append(name)
    return found


def _samples(worker_ids: Sequence[UUID]) -> dict[UUID, list[Sample]] | None:
    """None when Valkey does not answer."""
    if not worker_ids:
        return {}
    try:
        return kept(quick_client(settings.VALKEY_URL), worker_ids)
    except (redis.exceptions.RedisError, OSError) as error:
        log.warning("figures of the model servers cannot be read: %r", error)
        return None
