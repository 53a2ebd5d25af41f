"""Few and quick statements, for the path of an answer: prepared ones, and several writes in one.

PostgreSQL takes ten times longer to plan some of them than to run them, so they go through cursors that let the
connection prepare what it has seen before; everything else uses Django's own cursors, which never do. A deed that
touches several tables is one statement of several writes, made from the models, so that no column is forgotten.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
from django.db import DEFAULT_DB_ALIAS, connections, models
from django.db.backends.utils import CursorWrapper
from django.db.models.expressions import DatabaseDefault


@contextmanager
def prepared_cursor() -> Iterator[CursorWrapper]:
    """A cursor whose statements are prepared when the connection meets them again. Their text must be constant."""
    here = connections[DEFAULT_DB_ALIAS]
    here.ensure_connection()
    make: Any = here.make_debug_cursor if here.queries_logged else here.make_cursor
    with make(psycopg.Cursor(here.connection)) as cursor:
        yield cursor


@dataclass(frozen=True)
class Write:
    """One write as a part of a larger statement; it gives a row for each row it touched."""

    sql: str
    values: list[Any]


def inserting(rows: Sequence[models.Model]) -> Write:
    """Insert rows of one model, at least one, with every column as its field would save it."""
    here = connections[DEFAULT_DB_ALIAS]
    fields = rows[0]._meta.concrete_fields
    values: list[Any] = []
    lines: list[str] = []
    for row in rows:
        saved = [field.pre_save(row, True) for field in fields]
        cells = [_cell(value) for value in saved]
        values += [
            field.get_db_prep_save(value, here)
            for field, value, cell in zip(fields, saved, cells, strict=True)
            if cell == "%s"
        ]
        lines.append(f"({', '.join(cells)})")
    names = ", ".join(_quoted(field.column) for field in fields)
    sql = f"insert into {_quoted(rows[0]._meta.db_table)} ({names}) values {', '.join(lines)} returning 1"  # noqa: S608
    return Write(sql, values)


def _cell(value: Any) -> str:
    """How a value stands in the statement. What is nothing stands there itself: psycopg keeps statements of up to 50
    parameters in mind, and reads longer ones anew each time.
    """
    if isinstance(value, DatabaseDefault):
        return "default"
    if value is None:
        return "null"
    return "''" if isinstance(value, str) and not value else "%s"


def changing(model: type[models.Model], where: Mapping[str, Any], columns: Mapping[str, Any]) -> Write:
    """Change ``columns`` of the rows in which everything in ``where`` is so; None there means that there is nothing."""
    sets = [f"{_column(model, name)} = %s" for name in columns]
    tests = [f"{_column(model, name)} {'is null' if value is None else '= %s'}" for name, value in where.items()]
    values = [_for_database(model, name, value) for name, value in columns.items()]
    values += [_for_database(model, name, value) for name, value in where.items() if value is not None]
    sql = f"update {_quoted(model._meta.db_table)} set {', '.join(sets)} where {' and '.join(tests)} returning 1"  # noqa: S608
    return Write(sql, values)


def together(writes: Sequence[Write], last: str, values: Sequence[Any]) -> bool:
    """Do all ``writes`` and then, if each of them touched a row, evaluate ``last``: one statement. Whether they did.

    Each is counted to its end before ``last`` is looked at, so that locks are taken in this order. When it
    gives False some of them may have been done all the same: leave the transaction with an error.
    """
    parts = ", ".join(f"w{number} as ({write.sql})" for number, write in enumerate(writes))
    tests = " and ".join(f"(select count(*) from w{number}) > 0" for number in range(len(writes)))  # noqa: S608
    every = [value for write in writes for value in write.values]
    with prepared_cursor() as cursor:
        cursor.execute(f"with {parts} select {last} where {tests}", [*every, *values])
        return cursor.fetchone() is not None


def _for_database(model: type[models.Model], name: str, value: Any) -> Any:
    return _field(model, name).get_db_prep_save(value, connections[DEFAULT_DB_ALIAS])


def _column(model: type[models.Model], name: str) -> str:
    return _quoted(_field(model, name).column)


def _field(model: type[models.Model], name: str) -> models.Field[Any, Any]:
    field: models.Field[Any, Any] = model._meta.get_field(name)  # type: ignore[assignment]  # a column, no relation to it
    return field


def _quoted(name: str | None) -> str:
    return f'"{name}"'
