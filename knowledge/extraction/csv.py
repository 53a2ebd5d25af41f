"""Tables as CSV, with whatever separator; rows read like those of a workbook."""

from __future__ import annotations

import csv
from pathlib import Path

from knowledge.extraction.rows import write_rows
from knowledge.extraction.text import decode
from knowledge.extraction.types import Extracted, ExtractionError, Limits
from knowledge.extraction.writing import Writer, one_line

MEDIA_TYPE = "text/csv"


def read(path: Path, limits: Limits) -> Extracted:
    text = decode(path.read_bytes())
    try:
        dialect: type[csv.Dialect] = csv.Sniffer().sniff(text[:20_000], delimiters=",;\t|")
    except csv.Error:
        dialect = csv.excel
    writer = Writer(limits)
    rows = ([one_line(value) for value in row] for row in csv.reader(text.splitlines(), dialect) if any(row))
    try:
        write_rows(rows, writer, "the table")
    except csv.Error as error:
        raise ExtractionError("It is damaged: it cannot be read as CSV.") from error
    return writer.extracted(title="", media_type=MEDIA_TYPE)
