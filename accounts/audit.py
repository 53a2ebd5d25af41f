"""The audit log's pen: an event is written in the transaction of its deed, so that neither is there without the other.

The database does the chaining (``audit_append``): every event carries the hash of the one before it in its shard, and
nobody, not even the tables' owner, may change or remove one. A shard stays locked until the transaction ends, so record
last; all events of one transaction go to one shard, so that two transactions never wait for each other's. Personal text
does not belong in a payload: ids, sizes, and ``digest`` of the rest.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Sequence
from contextvars import ContextVar
from functools import partial
from typing import Any

from django.conf import settings
from django.db import connection, models, transaction
from psycopg.types.json import Jsonb

from accounts.models import User
from app.web.statements import Write, together

SHARDS = 64
SYSTEM = "system"
_APPEND = "audit_append(%s, %s, %s, %s, %s, %s)"

request_id: ContextVar[str] = ContextVar("request_id", default="")


def record(
    *,
    actor: User | str,
    action: str,
    obj: models.Model | str | None = None,
    outcome: str = "ok",
    payload: dict[str, Any] | None = None,
) -> None:
    """Append one event. ``actor`` is a person, or the name of what acted by itself (``"system"``, ``"anonymous"``).

    Raises TransactionManagementError outside a transaction: an event without its deed's transaction proves nothing.
    """
    _require_transaction()
    values: list[Any] = [_named(actor), action, label(obj), outcome, request_id.get()[:64], _packed(payload)]
    with connection.cursor() as cursor:
        cursor.execute(f"select {_APPEND}", values)


def record_with(
    writes: Sequence[Write], *, actor: User | str, action: str, obj: models.Model, payload: dict[str, Any] | None = None
) -> bool:
    """Do ``writes`` and append their event in one statement; whether each of them touched a row.

    When one did not there is no event, and the caller leaves the transaction with an error. Else as ``record``.
    """
    _require_transaction()
    values = [_named(actor), action, label(obj), "ok", request_id.get()[:64], _packed(payload)]
    return together(writes, _APPEND, values)


def _require_transaction() -> None:
    if not connection.in_atomic_block:
        raise transaction.TransactionManagementError("an audit event is written in the transaction of its deed")


def _named(actor: User | str) -> str:
    return str(actor.pk) if isinstance(actor, models.Model) else actor


def _packed(payload: dict[str, Any] | None) -> Jsonb:
    return Jsonb(payload or {}, dumps=partial(json.dumps, default=str))


def label(obj: models.Model | str | None) -> str:
    """How the log names an object: ``conversation:0199…``; a string as it is, nothing as ''."""
    if isinstance(obj, models.Model):
        return f"{obj._meta.model_name}:{obj.pk}"
    return obj or ""


def digest(text: str) -> str:
    """Stands for personal text in a payload: the same for the same text here, and worth nothing elsewhere."""
    key = hashlib.sha256(b"parley audit digest" + settings.SECRET_KEY.encode()).digest()
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()[:32]
