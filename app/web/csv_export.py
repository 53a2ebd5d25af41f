"""Tables as CSV that a spreadsheet can open without running anything: what looks like a formula is quoted."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Sequence
from typing import IO, Any

# Also as wide characters, which spreadsheets in some languages take for the narrow ones.
_STARTS_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "|", "\uff1d", "\uff0b", "\uff0d", "\uff20")
_NOT_SEEN = " \u00a0\u200b\u200c\u200d\u2060\ufeff"  # what a program may leave out before it looks


def write_csv(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """RFC 4180, with a head. Numbers stay numbers; text that a spreadsheet would calculate gets an apostrophe."""
    into = io.StringIO()
    write = begin_csv(into, columns)
    for row in rows:
        write(row)
    return into.getvalue()


def begin_csv(into: IO[str], columns: Sequence[str]) -> Callable[[Iterable[Any]], Any]:
    """Write the head of such a table; what is given back writes a row."""
    writer = csv.writer(into)
    writer.writerow([safe(column) for column in columns])
    return lambda row: writer.writerow([safe(cell) for cell in row])


def safe(cell: Any) -> Any:
    """The cell, or its text with an apostrophe in front where a program would take it for a formula."""
    return f"'{cell}" if isinstance(cell, str) and cell.lstrip(_NOT_SEEN).startswith(_STARTS_FORMULA) else cell
