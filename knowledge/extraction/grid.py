"""Tables among the lines of a page, which knows none: only cells that stand under each other.

A table is taken for one only where that is clear: rows between at least four rules of the same length, or at least
three lines in a row whose parts leave the same gaps free. Columns of prose leave a gap as well; they are known by
how much stands in them, and are read one after the other.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import mean, median

from knowledge.extraction.pdf_lines import Cell, Line, cells_of

_ROWS = 3
_PROSE = 30
_LONG_CELL = 60
_BETWEEN_ROWS = 3.2
_RULES = 400
Rule = tuple[float, float, float]
Span = tuple[float, float]


@dataclass(frozen=True)
class Grid:
    """A table: the texts of its rows, each with a text (or "") for every column."""

    rows: list[list[str]]


def with_tables(lines: Sequence[Line], rules: Sequence[Rule]) -> list[Line | Grid]:
    """The lines of a page in their order, with tables in the place of theirs."""
    pieces: list[Line | Grid] = []
    rest: list[Line | Grid] = list(lines)
    for field in _ruled_fields(rules):
        rest = _take_ruled(rest, field)
    run: list[Line] = []
    for piece in rest:
        if isinstance(piece, Grid):
            pieces += [*_gapped(run), piece]
            run = []
        else:
            run.append(piece)
    return [*pieces, *_gapped(run)]


def _ruled_fields(rules: Sequence[Rule]) -> list[tuple[Span, list[float]]]:
    """Groups of at least four rules of the same length above each other: from where to where, and their heights."""
    groups: dict[tuple[int, int], list[Rule]] = {}
    for rule in _joined(rules[:_RULES]):
        groups.setdefault((round(rule[0] / 4), round(rule[1] / 4)), []).append(rule)
    fields = []
    for group in groups.values():
        heights = sorted({round(height) for _, _, height in group}, reverse=True)
        heights = [height for index, height in enumerate(heights) if not index or heights[index - 1] - height > 4]
        if len(heights) > _ROWS:
            fields.append(
                ((min(rule[0] for rule in group), max(rule[1] for rule in group)), [float(h) for h in heights])
            )
    return fields


def _joined(rules: Iterable[Rule]) -> list[Rule]:
    """Rules that touch on one height as one: each cell may draw its own."""
    joined: list[Rule] = []
    for left, right, height in sorted(rules, key=lambda rule: (round(rule[2]), rule[0])):
        last = joined[-1] if joined else None
        if last and abs(last[2] - height) < 1.5 and left - last[1] < 3:
            joined[-1] = (last[0], max(last[1], right), last[2])
        else:
            joined.append((left, right, height))
    return joined


def _take_ruled(lines: list[Line | Grid], field: tuple[Span, list[float]]) -> list[Line | Grid]:
    """The lines with those between the rules of a field made to a table, if they are one."""
    (left, right), heights = field
    inside = [
        line
        for line in lines
        if isinstance(line, Line)
        and line.left > left - 3
        and line.right < right + 3
        and heights[-1] - 1 < line.baseline < heights[0]
    ]
    columns = _columns(cell for line in inside for cell in cells_of(line))
    if len(columns) < 2:
        return lines
    rows = [[""] * len(columns) for _ in heights[1:]]
    for line in inside:
        row = next(index for index, height in enumerate(heights[1:]) if line.baseline > height - 1)
        for cell in cells_of(line):
            place = _column_of(cell, columns)
            rows[row][place] = f"{rows[row][place]} {cell.text}".strip()
    if not _is_filled(rows):
        return lines
    first = next(index for index, line in enumerate(lines) if any(line is other for other in inside))
    kept = [line for line in lines if not any(line is other for other in inside)]
    return [*kept[:first], Grid(rows), *kept[first:]]


def _is_filled(rows: list[list[str]]) -> bool:
    """Whether it is more than a form: enough rows say more than one thing, and no column stands nearly empty."""
    if sum(1 for row in rows if sum(map(bool, row)) > 1) < _ROWS:
        return False
    return all(sum(map(bool, column)) >= max(2, len(rows) * 0.3) for column in zip(*rows, strict=True))


def _columns(cells: Iterable[Cell]) -> list[Span]:
    """The stretches of a line that cells take up in any row; between them runs a gap through all rows."""
    columns: list[Span] = []
    for left, right in sorted((cell.left, cell.right) for cell in cells):
        if columns and left <= columns[-1][1] + 2:
            columns[-1] = (columns[-1][0], max(columns[-1][1], right))
        else:
            columns.append((left, right))
    return columns


def _column_of(cell: Cell, columns: list[Span]) -> int:
    return next((index for index, column in enumerate(columns) if cell.left <= column[1] + 0.1), len(columns) - 1)


def _gapped(lines: list[Line]) -> list[Line | Grid]:
    """Lines with those made to a table that leave the same gaps free."""
    pieces: list[Line | Grid] = []
    at = 0
    while at < len(lines):
        if not lines[at].cells:
            pieces.append(lines[at])
            at += 1
            continue
        end = _end_of_rows(lines, at)
        pieces += _as_table(lines[at:end])
        at = end
    return pieces


def _end_of_rows(lines: list[Line], start: int) -> int:
    """Where the rows that begin at ``start`` end: the next lines that keep at least two columns apart."""
    cells = list(lines[start].cells)
    count = len(cells)
    end = last_row = start + 1
    while end < len(lines):
        before, line = lines[end - 1], lines[end]
        fall = before.baseline - line.baseline
        if not line.size * 0.5 < fall < line.size * _BETWEEN_ROWS:
            break
        columns = _columns([*cells, *cells_of(line)])
        if len(columns) < 2 or len(columns) < min(count, len(_columns(cells))) - (0 if line.cells else 1):
            break
        if not line.cells and not _is_within(line, _columns(cells)):
            break
        cells += cells_of(line)
        end += 1
        if line.cells:
            last_row = end
    return last_row


def _is_within(line: Line, columns: list[Span]) -> bool:
    """Whether a line of one part stays inside one column."""
    return any(column[0] - 2 <= line.left and line.right <= column[1] + 2 for column in columns)


def _as_table(lines: list[Line]) -> list[Line | Grid]:
    columns = _columns(cell for line in lines for cell in cells_of(line))
    full = [line for line in lines if len(line.cells) > 1]
    if len(full) < _ROWS or len(columns) < 2:
        return list(lines)
    texts: list[list[str]] = [[] for _ in columns]
    for line in full:
        for cell in line.cells:
            texts[_column_of(cell, columns)].append(cell.text)
    lengths = [mean(map(len, column)) if column else 0.0 for column in texts]
    if len(columns) == 2 and min(lengths) >= _PROSE:
        return list(_one_after_other(lines, columns))
    if max(lengths) > _LONG_CELL and min(lengths) > 3:
        return list(lines)
    rows = _rows(lines, columns)
    return [Grid(rows)] if _is_filled(rows) else list(lines)


def _rows(lines: list[Line], columns: list[Span]) -> list[list[str]]:
    """A line for each row; a line of one part close under another goes on with its cell."""
    falls = [before.baseline - line.baseline for before, line in pairwise(lines) if line.cells]
    usual = median(falls) if falls else 0.0
    rows: list[list[str]] = []
    for index, line in enumerate(lines):
        goes_on = index and not line.cells and lines[index - 1].baseline - line.baseline < usual * 0.85
        if not goes_on:
            rows.append([""] * len(columns))
        for cell in cells_of(line):
            place = _column_of(cell, columns)
            rows[-1][place] = f"{rows[-1][place]} {cell.text}".strip()
    return rows


def _one_after_other(lines: list[Line], columns: list[Span]) -> Iterable[Line]:
    for number in range(len(columns)):
        for line in lines:
            for cell in cells_of(line):
                if _column_of(cell, columns) == number:
                    yield Line(cell.text, line.size, line.baseline, cell.left, cell.right)
