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
class Page(Generic[M]):
    """``items`` in order, and the cursor of the page after it, or None."""

    items: list[M]
    next: str | None


def newest_first(rows: QuerySet[M], *, by: str, limit: int, cursor: str | None) -> Page[M]:
    """A page of ``rows`` by the time field ``by`` and then id, newest first.

    Raises BadInputError when the cursor is not one of ours.
    """
    return _page(rows, by, limit, cursor, newest=True)


def earliest_first(rows: QuerySet[M], *, by: str, limit: int, cursor: str | None) -> Page[M]:
    """The same, earliest first."""
    return _page(rows, by, limit, cursor, newest=False)


def _page(rows: QuerySet[M], by: str, limit: int, cursor: str | None, *, newest: bool) -> Page[M]:
    limit = max(1, min(limit, MAX_LIMIT))
    after, sign = ("lt", "-") if newest else ("gt", "")
    if cursor:
        at, row_id = _read(cursor)
        # The first condition follows from the second, and is the one that an index can begin at.
        rows = rows.filter(**{f"{by}__{after}e": at})
        rows = rows.filter(Q(**{f"{by}__{after}": at}) | Q(**{by: at, f"pk__{after}": row_id}))
    found = list(rows.order_by(f"{sign}{by}", f"{sign}pk")[: limit + 1])
    items = found[:limit]
    last = _write(getattr(items[-1], by), items[-1].pk) if len(found) > limit else None
    return Page(items, last)


def _write(at: datetime, row_id: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps([at.isoformat(), str(row_id)]).encode()).decode().rstrip("=")


def _read(cursor: str) -> tuple[datetime, UUID]:
    try:
        at, row_id = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        # In UTC, because PostgreSQL refuses offsets that Python takes.
        return datetime.fromisoformat(at).astimezone(UTC), UUID(row_id)
    except (ValueError, TypeError, AttributeError, OverflowError, binascii.Error) as error:
        raise BadInputError("This cursor is not one that a list gave out; start again without it.") from error
