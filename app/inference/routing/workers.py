"""The registry as sync code reads it: which servers take requests now, from a copy a few seconds old.

Searching asks on every question whether there is a reranker; that must not cost a statement each time. The pool of
answers has its own copy for each event loop (``directory``).
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from django.db import DatabaseError

from app.errors import ParleyError
from app.inference.models import Role, Worker
from app.inference.routing.directory import load_targets, target_of
from app.inference.types import Target

FRESH_SECONDS = 3.0

log = logging.getLogger(__name__)
_lock = threading.Lock()
_copies: dict[str, tuple[float, list[Target]]] = {}


def workers_of_role(role: Role) -> list[Target]:
    """The healthy workers of the first model (by name) of this role that has any; empty when nobody plays it."""
    targets = _known(f"role {role}", lambda: _read(model__role=role))
    return [target for target in targets if target.model == targets[0].model]


def workers_of_model(name: str) -> list[Target]:
    """The healthy workers of the model of this name, which may be an adapter."""
    return _known(f"model {name}", lambda: _read(model__name=name) or load_targets().get(name, []))


def forget() -> None:
    """Read the registry anew at the next question, for whoever has just changed it."""
    with _lock:
        _copies.clear()


def _known(key: str, read: Callable[[], list[Target]]) -> list[Target]:
    with _lock:
        read_at, targets = _copies.get(key, (float("-inf"), []))
    if time.monotonic() - read_at < FRESH_SECONDS:
        return targets
    try:
        targets = read()
    except DatabaseError as error:
        log.warning("the model registry cannot be read, the last copy stays in use: %s", error)
    with _lock:
        _copies[key] = (time.monotonic(), targets)
    return targets


def _read(**columns: str) -> list[Target]:
    found = Worker.objects.taking_requests().filter(**columns).select_related("model")
    targets = []
    for worker in found.order_by("model__name", "address"):
        try:
            targets.append(target_of(worker))
        except ParleyError as error:
            log.warning("worker %s cannot be used: %s", worker.id, error.message)
    return targets
