"""What this process tells a monitor of the pool; shown at /metrics. Counts of one process unless it says otherwise."""

from __future__ import annotations

import time
from collections.abc import Mapping
from uuid import UUID

from prometheus_client import Counter, Gauge, Histogram

from app.inference.routing.places import Places
from app.inference.types import Usage

SECONDS = (0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60)

FIRST_TOKEN = Histogram(
    "parley_pool_first_token_seconds", "From asking a worker to its text", ["model"], buckets=SECONDS
)
WAITED = Histogram("parley_pool_wait_seconds", "For a place on a worker", ["model"], buckets=SECONDS)
TOKENS = Counter("parley_pool_tokens", "By model; kind is in, cached or out", ["model", "kind"])
FAILURES = Counter("parley_pool_failures", "By worker and error code", ["worker", "code"])
RUNNING = Gauge("parley_pool_requests_running", "Requests on a worker", ["worker"])
OUTSTANDING = Gauge("parley_pool_requests_outstanding", "Requests of all processes on a worker", ["worker"])
LEFT_ALONE = Gauge("parley_pool_worker_left_alone", "1 while a worker gets nothing since it failed", ["worker"])
WAITING = Gauge("parley_pool_requests_waiting", "Requests that wait for a place", ["model"])
SHARED = Gauge("parley_pool_counts_are_shared", "0 while Valkey is gone and the process counts by itself")


def note_usage(usage: Usage) -> None:
    FIRST_TOKEN.labels(usage.model).observe(usage.first_token_seconds)
    counts = {"in": usage.tokens_in, "cached": usage.tokens_cached, "out": usage.tokens_out}
    for kind, count in counts.items():
        TOKENS.labels(usage.model, kind).inc(count or 0)


def note_state(places: Places, running: Mapping[UUID, int], waiting: Mapping[str, int]) -> None:
    """Set the gauges; workers that are known no more lose theirs."""
    now = time.monotonic()
    for gauge in (RUNNING, OUTSTANDING, LEFT_ALONE):
        gauge.clear()
    for worker, lane in places.local.lanes.items():
        RUNNING.labels(str(worker)).set(running.get(worker, 0))
        LEFT_ALONE.labels(str(worker)).set(now < lane.closed_until)
    for worker, count in places.outstanding.items():
        OUTSTANDING.labels(str(worker)).set(count)
    for model, count in waiting.items():
        WAITING.labels(model).set(count)
    SHARED.set(places.are_shared)
