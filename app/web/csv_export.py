"""Tables as CSV that a spreadsheet can open without running anything: what looks like a formula is quoted."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Any

_STARTS_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "|")


def write_csv(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """RFC 4180, with a head. Numbers stay numbers; text that a spreadsheet would calculate gets an apostrophe."""
    into = io.StringIO()
    writer = csv.writer(into)
    writer.writerow([safe(column) for column in columns])
    writer.writerows([safe(cell) for cell in row] for row in rows)
    return into.getvalue()


def safe(cell: Any) -> Any:
    """The cell, or its text with an apostrophe in front where a program would take it for a formula."""
    return f"'{cell}" if isinstance(cell, str) and cell.lstrip(" ").startswith(_STARTS_FORMULA) else cell
