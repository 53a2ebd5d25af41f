"""Excel workbooks: each sheet under its name, each row as a line that names its columns, so that a row reads
alone.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator
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


def read(path: Path, limits: Limits) -> Extracted:
    check_archive(path, limits)
    writer = Writer(limits)
    try:
        with path.open("rb") as file:  # by name it would go by the ending, which a stored file has not
            book = openpyxl.load_workbook(file, read_only=True, data_only=True)
            for sheet in book.worksheets:
                if sheet.sheet_state == "visible":
                    writer.heading(sheet.title, 2)
                    write_rows(_rows(sheet), writer, sheet.title)
            title = one_line(str(book.properties.title or ""))
    except (InvalidFileException, BadZipFile, KeyError, ValueError, TypeError, ParseError, SyntaxError) as error:
        raise ExtractionError("It is damaged: it cannot be opened as an Excel workbook.") from error
    return writer.extracted(title=title, media_type=MEDIA_TYPE)


def _rows(sheet: Any) -> Iterator[list[str]]:
    """Rows with something in them. A sheet may declare a million rows and hold three."""
    empty = 0
    for row in sheet.iter_rows(max_col=_COLUMNS, values_only=True):
        values = [_shown(value) for value in row]
        empty = 0 if any(values) else empty + 1
        if any(values):
            yield values
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
