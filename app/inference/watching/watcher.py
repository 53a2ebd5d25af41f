"""Asks every model server every few seconds how it is, and keeps what it counts.

One web process at a time does it, the one that holds a short lock in Valkey; where that is gone each process does,
which costs the servers a little and harms nothing. Rows are written when something has changed. That a server answers
here does not prove that it writes: the pool judges that by the progress of its streams, and leaves one whose streams
stand still whatever it says here.
"""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from dataclasses import dataclass
from datetime import timedelta

import aiohttp
import redis.asyncio
import redis.exceptions
from django.conf import settings
from django.utils import timezone

from app.errors import ParleyError
from app.inference.models import Worker, WorkerKind, WorkerState
from app.inference.registry import note_seen
from app.inference.routing.directory import target_of
from app.inference.types import Target
from app.inference.watching.figures import Reading, Sample, keep, read_metrics, sample_of
from app.inference.watching.probing import ProbeError, get, new_session, root_of
from app.web.threads import in_thread

log = logging.getLogger(__name__)

EVERY_SECONDS = 5.0
PATIENCE_SECONDS = 2.0
MOST_FAILURES = 2  # in a row; the second makes a server sick
LEADER = "parley:pool:watcher"
LEADS_SECONDS = 12
SEEN_AGAIN = timedelta(seconds=20)  # how old the last sign of life may be before it is written anew
HEARTBEAT_LATE = timedelta(seconds=20)
VALKEY_SECONDS = 0.5


@dataclass
class _Memory:
    """What is remembered of a server between two rounds."""

    failures: int = 0
    reading: Reading | None = None


@dataclass(frozen=True)
class _Look:
    """What one round found: ``problem`` is empty when the server answers as it should."""

    worker: Worker
    problem: str
    sample: Sample | None = None


class Watcher:
    """One for a process, on its event loop."""

    def __init__(self, every_seconds: float = EVERY_SECONDS) -> None:
        self._every = every_seconds
        self._name = uuid.uuid4().hex
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[None] | None = None
        self._memories: dict[uuid.UUID, _Memory] = {}

    def attach(self) -> None:
        """Watch from the running event loop. Calling again costs nothing."""
        loop = asyncio.get_running_loop()
        if self._loop is not loop:
            self._loop, self._memories = loop, {}
            self._task = loop.create_task(self._watch())

    async def detach(self) -> None:
        """Watch no longer; another process takes over."""
        task, self._task, self._loop = self._task, None, None
        while task and not task.done():
            task.cancel()  # again, should a library have taken the first for a deadline of its own
            await asyncio.wait([task], timeout=PATIENCE_SECONDS)

    async def look(self) -> None:
        """One round: ask all servers side by side, write down what has changed, keep what they count."""
        async with new_session() as session, _valkey() as client:
            await self._look(session, client)

    async def _watch(self) -> None:
        async with new_session() as session, _valkey() as client:
            try:
                while self._loop:
                    await asyncio.sleep(self._every)
                    try:
                        if await self._leads(client):
                            await self._look(session, client)
                        else:
                            self._memories.clear()
                    except Exception as error:  # noqa: BLE001 - the database may be restarting; watching outlives that
                        log.warning("watching the model servers failed, trying again: %r", error)
            finally:
                await self._give_up_lead(client)

    async def _look(self, session: aiohttp.ClientSession, client: redis.asyncio.Redis) -> None:
        watched = await in_thread(_load)
        self._memories = {worker.id: self._memories.get(worker.id, _Memory()) for worker, _ in watched}
        looks = await asyncio.gather(*(self._ask(session, worker, target) for worker, target in watched))
        changed = [look for look in looks if self._is_news(look)]
        if changed:
            await in_thread(_write, changed)
        samples = [(look.worker.id, look.sample) for look in looks if look.sample]
        if samples:
            try:
                await keep(client, samples)
            except (redis.exceptions.RedisError, OSError, TimeoutError) as error:
                log.debug("figures of the model servers are not kept: %r", error)

    async def _ask(self, session: aiohttp.ClientSession, worker: Worker, target: Target | None) -> _Look:
        if target is None:
            return _Look(worker, "Its key cannot be opened any more, because SECRET_KEY has changed. Enter it again.")
        problem, reading = await asyncio.gather(ask_health(session, target), _ask_figures(session, target))
        if reading is None:
            return _Look(worker, problem)
        memory = self._memories[worker.id]
        sample, memory.reading = sample_of(reading, memory.reading), reading
        return _Look(worker, problem, sample)

    def _is_news(self, look: _Look) -> bool:
        """Whether this look changes what the registry says of the server."""
        worker, memory = look.worker, self._memories[look.worker.id]
        memory.failures = memory.failures + 1 if look.problem else 0
        if worker.state not in (WorkerState.HEALTHY, WorkerState.SICK):
            return False
        seen = worker.last_seen_at
        if look.problem:
            is_abandoned = worker.is_managed and (seen is None or timezone.now() - seen > HEARTBEAT_LATE)
            return worker.state == WorkerState.HEALTHY and (memory.failures >= MOST_FAILURES or is_abandoned)
        if worker.state == WorkerState.SICK:
            return True
        # The last sign of life of a managed one is its serve_model's own.
        return not worker.is_managed and (seen is None or timezone.now() - seen > SEEN_AGAIN)

    async def _leads(self, client: redis.asyncio.Redis) -> bool:
        try:
            if await client.set(LEADER, self._name, nx=True, ex=LEADS_SECONDS):
                return True
            if await client.get(LEADER) != self._name.encode():
                return False
            return bool(await client.expire(LEADER, LEADS_SECONDS))
        except (redis.exceptions.RedisError, OSError, TimeoutError):
            return True

    async def _give_up_lead(self, client: redis.asyncio.Redis) -> None:
        try:
            if await client.get(LEADER) == self._name.encode():
                await client.delete(LEADER)
        except (redis.exceptions.RedisError, OSError, TimeoutError):
            pass  # it runs out by itself


def _valkey() -> redis.asyncio.Redis:
    return redis.asyncio.from_url(
        settings.VALKEY_URL, socket_timeout=VALKEY_SECONDS, socket_connect_timeout=VALKEY_SECONDS
    )


def _load() -> list[tuple[Worker, Target | None]]:
    """Every server that is not switched off; without a target where its key cannot be opened."""
    found: list[tuple[Worker, Target | None]] = []
    for worker in Worker.objects.exclude(state=WorkerState.OFF).select_related("model"):
        try:
            found.append((worker, target_of(worker)))
        except ParleyError:
            found.append((worker, None))
    return found


def _write(looks: list[_Look]) -> None:
    for look in looks:
        note_seen(look.worker, is_healthy=not look.problem, reason=look.problem)
        if look.problem:
            log.warning("worker %s of %s is sick: %s", look.worker.id, look.worker.model.name, look.problem)
        elif look.worker.state == WorkerState.SICK:
            log.info("worker %s of %s is healthy again", look.worker.id, look.worker.model.name)


async def ask_health(session: aiohttp.ClientSession, target: Target, seconds: float = PATIENCE_SECONDS) -> str:
    """What is wrong with a server, in words; "" when it answers as it should.

    vLLM and llama.cpp are asked under ``/health``; of any other server that it lists its models, or at least has
    something else to say than that it failed.
    """
    is_known = target.kind in (WorkerKind.VLLM, WorkerKind.LLAMA)
    url = f"{root_of(target.address)}/health" if is_known else f"{target.address}/models"
    try:
        answer = await get(session, url, api_key=target.api_key, seconds=seconds)
    except ProbeError as error:
        return error.message
    if answer.status in (401, 403):
        return f"It refuses the key (status {answer.status})."
    if 300 <= answer.status < 400:
        return f"It sends requests elsewhere (status {answer.status}). Change its address."
    if answer.status == 503 and is_known:
        return "It is loading its model, or its engine has ended (status 503)."
    if answer.status >= 500 or (is_known and answer.status != 200):
        return f"It answers with status {answer.status}."
    return ""


async def _ask_figures(session: aiohttp.ClientSession, target: Target) -> Reading | None:
    if target.kind not in (WorkerKind.VLLM, WorkerKind.LLAMA):
        return None
    try:
        url = f"{root_of(target.address)}/metrics"
        answer = await get(session, url, api_key=target.api_key, seconds=PATIENCE_SECONDS)
        if answer.status != 200:
            return None
        return await asyncio.to_thread(read_metrics, answer.body.decode(errors="replace"), time.time())
    except ProbeError:
        return None
    except (ValueError, KeyError) as error:
        log.debug("the figures of worker %s cannot be read: %r", target.id, error)
        return None


watcher = Watcher()
