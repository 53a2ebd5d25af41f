"""The registry as the pool reads it: a copy a few seconds old, so that no answer waits for the database.

When the database does not answer, the last copy stays in use: model servers do not stop because PostgreSQL
does.
"""

import asyncio
import logging
from collections.abc import Callable
from uuid import UUID

from django.db import DatabaseError

from app.errors import ParleyError
from app.inference.models import Model, Worker
from app.inference.types import Kind, Target
from app.web.threads import in_thread

logger = logging.getLogger(__name__)

FRESH_SECONDS = 5.0
LONGEST_WAIT = 1.0
Targets = dict[str, list[Target]]


def load_targets() -> Targets:
    """Every worker that takes requests, by the names of its model and of the adapters that it has loaded."""
    targets: Targets = {}
    for worker in Worker.objects.taking_requests().select_related("model").prefetch_related("adapters"):
        adapters = [adapter for adapter in worker.adapters.all() if adapter.base_id == worker.model_id]
        try:
            for model in (worker.model, *adapters):
                targets.setdefault(model.name, []).append(target_of(worker, model))
        except ParleyError as error:
            logger.warning("worker %s cannot be used: %s", worker.id, error.message)
    return targets


def target_of(worker: Worker, model: Model | None = None) -> Target:
    """What a request to this worker needs, for its own model or an adapter of it. Raises BadInputError when its key
    cannot be opened any more.
    """
    kind: Kind = worker.kind  # type: ignore[assignment]  # the column's choices are these
    model = model or worker.model
    return Target(
        id=worker.id,
        address=worker.address.rstrip("/"),
        model=model.name,
        upstream_name=model.upstream_name,
        api_key=worker.open_api_key(),
        capacity=worker.capacity,
        kind=kind,
    )


class Directory:
    """One per event loop."""

    def __init__(self, load: Callable[[], Targets] = load_targets, fresh_seconds: float = FRESH_SECONDS) -> None:
        self._load = load
        self._fresh_seconds = fresh_seconds
        self._targets: Targets | None = None
        self._read_at = float("-inf")
        self._reading: asyncio.Task[None] | None = None

    async def targets(self, model: str) -> list[Target]:
        """The workers of ``model``, at most twice ``fresh_seconds`` old while the database answers.

        Raises the database's error when no copy has ever been read.
        """
        age = asyncio.get_running_loop().time() - self._read_at
        if not self.known(model):  # nobody is sent away on the strength of a copy
            await asyncio.shield(self._begin_reading())
        elif age > self._fresh_seconds:
            reading = self._begin_reading()
            if age > 2 * self._fresh_seconds:
                await asyncio.wait([reading], timeout=LONGEST_WAIT)
        return self.known(model)

    def known(self, model: str) -> list[Target]:
        """The workers of ``model`` in the copy that there is, however old."""
        return (self._targets or {}).get(model, [])

    def models_on(self, worker: UUID) -> list[str]:
        """The models that this worker serves, by the copy that there is."""
        return [name for name, targets in (self._targets or {}).items() if any(each.id == worker for each in targets)]

    def workers(self) -> list[UUID]:
        """All workers of the copy that there is."""
        return list({target.id: None for targets in (self._targets or {}).values() for target in targets})

    async def refresh(self) -> None:
        """Read the registry now: what was changed before this call is in the copy after it."""
        if self._reading and not self._reading.done():
            await asyncio.wait([self._reading])
        await asyncio.shield(self._begin_reading())

    async def close(self) -> None:
        if self._reading:
            await asyncio.wait([self._reading])

    def _begin_reading(self) -> asyncio.Task[None]:
        if self._reading is None or self._reading.done():
            self._reading = asyncio.create_task(self._read())
        return self._reading

    async def _read(self) -> None:
        try:
            self._targets = await in_thread(self._load)
        except DatabaseError as error:
            if self._targets is None:
                raise
            logger.warning("the model registry cannot be read, the last copy stays in use: %s", error)
        self._read_at = asyncio.get_running_loop().time()
