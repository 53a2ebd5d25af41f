"""Rows of a sheet as text: each line names its columns, so that a row found alone can be read alone."""

from __future__ import annotations

from collections.abc import Iterator

from knowledge.extraction.writing import Writer

_ROWS = 50_000


def write_rows(rows: Iterator[list[str]], writer: Writer, name: str) -> None:
    """Rows as list items, ``Column: value; Column: value``. The first row with two or more values names the columns."""
    names: list[str] = []
    written = False
    for number, row in enumerate(rows):
        if number >= _ROWS:
            writer.notes.append(f"Only the first {_ROWS:,} rows of {name} were read.")
            return
        filled = [(column, value) for column, value in enumerate(row) if value]
        if not names and len(filled) > 1:
            names = row
        elif len(filled) == 1 and not names:
            writer.block(filled[0][1])
        elif filled:
            writer.block("- " + "; ".join(_named(names, column, value) for column, value in filled), after="\n")
            written = True
    if names and not written:
        writer.block("- " + "; ".join(value for value in names if value))


def _named(names: list[str], column: int, value: str) -> str:
    name = names[column] if column < len(names) else ""
    return f"{name.rstrip(':')}: {value}" if name else value
