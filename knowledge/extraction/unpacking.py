"""Office files are zip archives: how much they really hold is counted by unpacking, never believed."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path

from knowledge.extraction.types import ExtractionError, Limits

_MEMBERS = 10_000
_PIECE = 1 << 20
_COMPOUND = b"\xd0\xcf\x11\xe0"  # how Office wraps what is protected with a password, and its formats before 2007


def check_archive(path: Path, limits: Limits) -> None:
    """Unpack every part into nothing, counting. Raises ExtractionError past the limits or for a damaged archive."""
    left = limits.unpacked_bytes
    with path.open("rb") as file:
        if file.read(4) == _COMPOUND:
            raise ExtractionError("It is protected with a password, or in a format from before 2007.")
    try:
        with zipfile.ZipFile(path) as archive:
            if len(archive.infolist()) > _MEMBERS:
                raise ExtractionError(f"It holds more than {_MEMBERS:,} parts.")
            for member in archive.infolist():
                with archive.open(member) as stream:
                    while piece := stream.read(_PIECE):
                        left -= len(piece)
                        if left < 0:
                            raise ExtractionError(
                                f"It unpacks to more than {limits.unpacked_bytes // 2**20} MB; no real document does."
                            )
    except (zipfile.BadZipFile, NotImplementedError, EOFError, OSError, RuntimeError, zlib.error) as error:
        raise ExtractionError(_why(error)) from error


def _why(error: Exception) -> str:
    if "encrypted" in str(error) or "password" in str(error):
        return "It is protected with a password."
    return "It is damaged: its archive cannot be unpacked."
