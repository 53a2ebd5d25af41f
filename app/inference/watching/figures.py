"""What a model server counts, as it says itself under ``/metrics``, and what became of it in the last half hour.

vLLM and llama.cpp name things differently; here they have one name each. A sample holds what stood at one moment and
what had been added since the sample before, so that any stretch of samples can be summed and a server that was started
again, whose counters begin anew, spoils nothing. Samples lie in Valkey: hints, gone with it and soon there again.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple
from uuid import UUID

import orjson
import redis.asyncio
from prometheus_client.parser import text_string_to_metric_families

KEEP = 360  # samples of a server, one every 5 s: half an hour
KEEP_SECONDS = 1800

INFINITY = float("inf")

Buckets = dict[float, float]

# What each name of a server's counts as. llama.cpp counts prompts without what it had in its cache, vLLM with it.
NAMES: dict[str, tuple[str, ...]] = {
    "vllm:num_requests_running": ("running",),
    "vllm:num_requests_waiting": ("waiting",),
    "vllm:kv_cache_usage_perc": ("cache_used",),
    "vllm:gpu_cache_usage_perc": ("cache_used",),  # until 0.10
    "vllm:prompt_tokens_total": ("tokens_in",),
    "vllm:generation_tokens_total": ("tokens_out",),
    "vllm:prefix_cache_queries_total": ("prefix_asked",),
    "vllm:prefix_cache_hits_total": ("prefix_found",),
    "vllm:gpu_prefix_cache_queries_total": ("prefix_asked",),
    "vllm:gpu_prefix_cache_hits_total": ("prefix_found",),
    "vllm:request_success_total": ("ended",),
    "llamacpp:requests_processing": ("running",),
    "llamacpp:requests_deferred": ("waiting",),
    "llamacpp:kv_cache_usage_ratio": ("cache_used",),
    "llamacpp:prompt_tokens_total": ("tokens_in", "prefix_asked"),
    "llamacpp:prompt_tokens_cached_total": ("tokens_in", "prefix_asked", "prefix_found"),
    "llamacpp:tokens_predicted_total": ("tokens_out",),
}
FIRST_TOKEN = "vllm:time_to_first_token_seconds_bucket"  # noqa: S105 - a token of text
WANTED = (*NAMES, FIRST_TOKEN)


@dataclass
class Reading:
    """One server's figures at a moment (seconds since 1970). None: it does not tell.

    ``cache_used`` is a share of 0 to 1. ``first_token`` counts answers by the seconds that their first token took at
    most, each counted once.
    """

    at: float
    running: float | None = None
    waiting: float | None = None
    cache_used: float | None = None
    tokens_in: float | None = None
    tokens_out: float | None = None
    prefix_asked: float | None = None
    prefix_found: float | None = None
    ended: float | None = None
    failed: float | None = None
    first_token: Buckets = field(default_factory=dict)


class Sample(NamedTuple):
    """Gauges of ``at``, and what was added in the ``seconds`` before it; 0 seconds for a first one.

    A tuple, because a page of a hundred servers reads 36,000 of them.
    """

    at: float
    seconds: float
    running: float | None
    waiting: float | None
    cache_used: float | None
    tokens_in: float
    tokens_out: float
    prefix_asked: float
    prefix_found: float
    ended: float
    failed: float
    first_token: Buckets


def read_metrics(text: str, at: float) -> Reading:
    """The figures in a Prometheus text. Raises ValueError when it is none.

    Engines of one server are added up; of how full their caches are the fullest counts.
    """
    lines = [line for line in text.splitlines() if line.startswith(WANTED)]
    reading = Reading(at)
    reached: Buckets = defaultdict(float)
    for family in text_string_to_metric_families("\n".join(lines) + "\n"):
        for sample in family.samples:
            if not math.isfinite(sample.value):
                continue
            if sample.name == FIRST_TOKEN:
                reached[float(sample.labels["le"])] += sample.value
            for name in NAMES.get(sample.name, ()):
                _note(reading, name, sample.value)
                if name == "ended" and sample.labels.get("finished_reason") == "error":
                    _note(reading, "failed", sample.value)
    reading.first_token = _once(reached)
    return reading


def _note(reading: Reading, name: str, value: float) -> None:
    before = getattr(reading, name) or 0.0
    setattr(reading, name, max(before, value) if name == "cache_used" else before + value)


def _once(reached: Buckets) -> Buckets:
    """Prometheus's buckets hold what the smaller ones hold too; these hold their own alone."""
    own, before = {}, 0.0
    for limit in sorted(reached):
        if reached[limit] > before:
            own[limit] = reached[limit] - before
        before = reached[limit]
    return own


def sample_of(reading: Reading, before: Reading | None) -> Sample:
    """What ``reading`` says, and what it adds to the reading before it."""
    earlier = before or reading
    is_anew = (reading.tokens_out or 0) < (earlier.tokens_out or 0) or (reading.tokens_in or 0) < (
        earlier.tokens_in or 0
    )
    if before is not None and is_anew:
        earlier = Reading(before.at)  # it was started again: all that it counts has been since

    def added(name: str) -> float:
        now = getattr(reading, name)
        return 0.0 if now is None else max(0.0, now - (getattr(earlier, name) or 0.0))

    return Sample(
        at=round(reading.at, 1),
        seconds=round(reading.at - earlier.at, 2),
        running=reading.running,
        waiting=reading.waiting,
        cache_used=reading.cache_used,
        tokens_in=added("tokens_in"),
        tokens_out=added("tokens_out"),
        prefix_asked=added("prefix_asked"),
        prefix_found=added("prefix_found"),
        ended=added("ended"),
        failed=added("failed"),
        first_token={
            limit: count - earlier.first_token.get(limit, 0.0)
            for limit, count in reading.first_token.items()
            if count > earlier.first_token.get(limit, 0.0)
        },
    )


# --- what stretches of samples say --------------------------------------------------------------------------------


def median(first_token: Buckets) -> float | None:
    """Seconds that half of the first tokens took at most, by a straight line inside the bucket; None without any."""
    wanted = sum(first_token.values()) / 2
    if not wanted:
        return None
    reached, floor = 0.0, 0.0
    for limit in sorted(first_token):
        if reached + first_token[limit] >= wanted:
            if limit == INFINITY:
                return floor
            lower = max((edge for edge in EDGES if edge < limit), default=0.0)
            return lower + (limit - lower) * (wanted - reached) / first_token[limit]
        reached, floor = reached + first_token[limit], limit
    return floor


# vLLM's own edges, to know where a bucket begins when the one below it is empty.
EDGES = (
    *(0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0, 20.0, 40.0, 80.0),
    *(160.0, 640.0, 2560.0),
)


@dataclass(frozen=True, slots=True)
class Figures:
    """A stretch of samples, summed: rates are for a second, shares 0 to 1. None: nothing was said of it."""

    at: float
    running: float | None
    waiting: float | None
    cache_used: float | None
    tokens_out_rate: float | None
    tokens_in_rate: float | None
    prefix_share: float | None
    first_token_seconds: float | None
    ended: float
    failed: float


def summed(samples: Sequence[Sample], rate_seconds: float = 30.0) -> Figures | None:
    """All samples together; rates over the last ``rate_seconds`` alone, since they are read as "now"."""
    if not samples:
        return None
    last = samples[-1]
    recent = [one for one in samples if one.at > last.at - rate_seconds]
    seconds = sum(one.seconds for one in recent)
    first_token: Buckets = defaultdict(float)
    for one in samples:
        for limit, count in one.first_token.items():
            first_token[limit] += count
    asked = sum(one.prefix_asked for one in samples)
    return Figures(
        at=last.at,
        running=last.running,
        waiting=last.waiting,
        cache_used=last.cache_used,
        tokens_out_rate=sum(one.tokens_out for one in recent) / seconds if seconds else None,
        tokens_in_rate=sum(one.tokens_in for one in recent) / seconds if seconds else None,
        prefix_share=sum(one.prefix_found for one in samples) / asked if asked else None,
        first_token_seconds=median(first_token),
        ended=sum(one.ended for one in samples),
        failed=sum(one.failed for one in samples),
    )


# --- Valkey -------------------------------------------------------------------------------------------------------


def _key(worker_id: UUID) -> str:
    return f"parley:pool:figures:{worker_id}"


async def keep(client: redis.asyncio.Redis, samples: Iterable[tuple[UUID, Sample]]) -> None:
    """Append a sample to each of these servers, in one round trip. Raises RedisError."""
    pipe = client.pipeline(transaction=False)
    for worker_id, sample in samples:
        packed = orjson.dumps([*sample[:-1], list(sample.first_token.items())])  # writes null for infinity
        pipe.rpush(_key(worker_id), packed)
        pipe.ltrim(_key(worker_id), -KEEP, -1)
        pipe.expire(_key(worker_id), KEEP_SECONDS)
    await pipe.execute()


def kept(client: redis.Redis, worker_ids: Sequence[UUID]) -> dict[UUID, list[Sample]]:
    """The samples of these servers, oldest first; empty lists for those without. Raises RedisError."""
    pipe = client.pipeline(transaction=False)
    for worker_id in worker_ids:
        pipe.lrange(_key(worker_id), 0, -1)
    return {worker_id: _unpacked(items) for worker_id, items in zip(worker_ids, pipe.execute(), strict=True)}


def _unpacked(items: Sequence[bytes]) -> list[Sample]:
    return [
        Sample._make([*values[:-1], {INFINITY if edge is None else edge: count for edge, count in values[-1]}])
        for values in orjson.loads(b"[" + b",".join(items) + b"]")
    ]
