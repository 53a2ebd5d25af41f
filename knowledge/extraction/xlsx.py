"""Excel workbooks: each sheet under its name, each row as a line that names its columns, so that a row reads
alone. What is hidden is told apart, whole sheets as well as rows and columns.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import ParseError
from zipfile import BadZipFile

import openpyxl
from openpyxl.utils.exceptions import InvalidFileException

from knowledge.extraction.rows import write_rows
from knowledge.extraction.types import Extracted, ExtractionError, Limits
from knowledge.extraction.unpacking import check_archive
from knowledge.extraction.writing import Writer, one_line

MEDIA_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_COLUMNS = 200
_EMPTY_ROWS = 1000
_HIDDEN_ROW = re.compile(rb'<(?:\w+:)?row\b(?=[^<>]*\bhidden="(?:1|true)")[^<>]*\br="(\d{1,7})"')
_HIDDEN_COLUMNS = re.compile(rb'<(?:\w+:)?col\b(?=[^<>]*\bhidden="(?:1|true)")[^<>]*>')
_PIECE = 1 << 20
_TOLD = 12


def read(path: Path, limits: Limits) -> Extracted:
    check_archive(path, limits)
    writer = Writer(limits)
    try:
        with path.open("rb") as file:  # by name it would go by the ending, which a stored file has not
            book = openpyxl.load_workbook(file, read_only=True, data_only=True)
            for sheet in book.worksheets:
                if sheet.sheet_state == "visible":
                    writer.heading(sheet.title, 2)
                    write_rows(_visible(sheet, writer), writer, sheet.title)
                else:
                    _hide(sheet, writer)
            title = one_line(str(book.properties.title or ""))
    except (InvalidFileException, BadZipFile, KeyError, ValueError, TypeError, ParseError, SyntaxError) as error:
        raise ExtractionError("It is damaged: it cannot be opened as an Excel workbook.") from error
    return writer.extracted(title=title, media_type=MEDIA_TYPE)


def _hide(sheet: Any, writer: Writer) -> None:
    for _, row in islice(_rows(sheet), _TOLD):
        writer.hide(f"Hidden sheet {sheet.title}: " + "; ".join(value for value in row if value))


def _visible(sheet: Any, writer: Writer) -> Iterator[list[str]]:
    """The rows without those and the columns that are hidden, which are told as hidden."""
    rows, columns = _hidden(sheet)
    told = 0
    for number, row in _rows(sheet):
        unseen = [value for column, value in enumerate(row, 1) if value and (column in columns or number in rows)]
        if unseen and told < _TOLD:
            told += 1
            where = "row" if number in rows else "columns of row"
            writer.hide(f"Hidden {where} {number} of {sheet.title}: " + "; ".join(unseen))
        if number not in rows:
            yield ["" if column in columns else value for column, value in enumerate(row, 1)]


def _hidden(sheet: Any) -> tuple[set[int], set[int]]:
    """The numbers of the hidden rows and columns, from 1. openpyxl does not tell them while it reads row by row."""
    rows: set[int] = set()
    columns: set[int] = set()
    with sheet._get_source() as source:
        rest = b""
        while piece := source.read(_PIECE):
            piece = rest + piece
            rows.update(int(match[1]) for match in _HIDDEN_ROW.finditer(piece))
            for match in _HIDDEN_COLUMNS.finditer(piece):
                ends = dict(re.findall(rb'\b(min|max)="(\d{1,5})"', match[0]))
                first, last = int(ends.get(b"min", 0)), int(ends.get(b"max", 0))
                columns.update(range(first, min(last, _COLUMNS) + 1))
            rest = piece[max(piece.rfind(b"<"), 0) :][-10_000:]
    return rows, columns


def _rows(sheet: Any) -> Iterator[tuple[int, list[str]]]:
    """Rows with something in them and their numbers, from 1. A sheet may declare a million rows and hold three."""
    empty = 0
    for number, row in enumerate(sheet.iter_rows(max_col=_COLUMNS, values_only=True), 1):
        values = [_shown(value) for value in row]
        empty = 0 if any(values) else empty + 1
        if any(values):
            yield number, values
        elif empty > _EMPTY_ROWS:
            return


def _shown(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.10g}"
    if isinstance(value, datetime.datetime):
        return value.strftime("%Y-%m-%d %H:%M" if value.time() != datetime.time(0) else "%Y-%m-%d")
    return one_line(str(value))
