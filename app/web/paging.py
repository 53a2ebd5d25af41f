"""Keyset paging: a page starts after the last row of the one before, so depth costs nothing."""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar
from uuid import UUID

from django.db.models import Model, Q, QuerySet

from app.errors import BadInputError

MAX_LIMIT = 200
M = TypeVar("M", bound=Model)


@dataclass(frozen=True)
class Order:
    """By a field or annotation that is never null, then by id. ``kind`` is the type of its values."""

    by: str
    descending: bool = False
    kind: type[datetime] | type[str] | type[int] = datetime


@dataclass(frozen=True)
class Page(Generic[M]):
    """``items`` in order, and the cursor of the page after it, or None."""

    items: list[M]
    next: str | None


def newest_first(rows: QuerySet[M], *, by: str, limit: int, cursor: str | None) -> Page[M]:
    """A page of ``rows`` by the time field ``by`` and then id, newest first.

    Raises BadInputError when the cursor is not one of ours.
    """
    return ordered(rows, Order(by, descending=True), limit=limit, cursor=cursor)


def earliest_first(rows: QuerySet[M], *, by: str, limit: int, cursor: str | None) -> Page[M]:
    """The same, earliest first."""
    return ordered(rows, Order(by), limit=limit, cursor=cursor)


def ordered(rows: QuerySet[M], order: Order, *, limit: int, cursor: str | None) -> Page[M]:
    """A page of ``rows`` in any order. Raises BadInputError when the cursor is not one of this order."""
    limit = max(1, min(limit, MAX_LIMIT))
    by = order.by
    after, sign = ("lt", "-") if order.descending else ("gt", "")
    if cursor:
        at, row_id = read_cursor(cursor, order.kind)
        # The first condition follows from the second, and is the one that an index can begin at.
        rows = rows.filter(**{f"{by}__{after}e": at})
        rows = rows.filter(Q(**{f"{by}__{after}": at}) | Q(**{by: at, f"pk__{after}": row_id}))
    found = list(rows.order_by(f"{sign}{by}", f"{sign}pk")[: limit + 1])
    items = found[:limit]
    last = write_cursor(getattr(items[-1], by), items[-1].pk) if len(found) > limit else None
    return Page(items, last)


def write_cursor(at: Any, row_id: Any) -> str:
    """Where a page that ended with this row goes on."""
    value = at.isoformat() if isinstance(at, datetime) else at
    return base64.urlsafe_b64encode(json.dumps([value, str(row_id)]).encode()).decode().rstrip("=")


def read_cursor(cursor: str, kind: type = datetime) -> tuple[Any, UUID]:
    """The last row of the page before. Raises BadInputError when the cursor is not one of this kind."""
    try:
        at, row_id = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        if kind is datetime:
            # In UTC, because PostgreSQL refuses offsets that Python takes.
            return datetime.fromisoformat(at).astimezone(UTC), UUID(row_id)
        if not isinstance(at, kind) or isinstance(at, bool) or not _fits(at):
            raise ValueError("not a value of this order")
        return at, UUID(row_id)
    except (ValueError, TypeError, AttributeError, OverflowError, binascii.Error) as error:
        raise BadInputError("This cursor is not one that a list gave out; start again without it.") from error


def _fits(value: object) -> bool:
    """Whether PostgreSQL takes it: no zero bytes, no lone surrogates (which have no UTF-8), no number past integers."""
    if isinstance(value, int):
        return abs(value) < 2**31
    return not isinstance(value, str) or b"\0" not in value.encode()
