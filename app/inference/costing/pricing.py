"""What models cost now, from a copy of the registry some seconds old: settling an answer asks no statement for it."""

from __future__ import annotations

import logging
import threading
import time

from django.db import DatabaseError

from app.inference.costing.costs import Prices
from app.inference.models import Model

FRESH_SECONDS = 10.0

log = logging.getLogger(__name__)
_lock = threading.Lock()
_copy: dict[str, Prices] = {}
_read_at = float("-inf")


def prices_of(model_name: str) -> Prices:
    """The prices of the model of this name; nothing for one that is not in the registry."""
    global _copy, _read_at
    with _lock:
        copy, age = _copy, time.monotonic() - _read_at
    if age >= FRESH_SECONDS:
        try:
            copy = {model.name: _prices(model) for model in Model.objects.all()}
        except DatabaseError as error:
            log.warning("prices cannot be read, the last copy stays in use: %s", error)
        with _lock:
            _copy, _read_at = copy, time.monotonic()
    return copy.get(model_name, Prices())


def forget() -> None:
    """Read anew at the next question, for whoever has just changed a price."""
    global _read_at
    with _lock:
        _read_at = float("-inf")


def _prices(model: Model) -> Prices:
    return Prices(model.price_in, model.price_cached, model.price_out, model.watts)
