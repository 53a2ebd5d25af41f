"""What a safetensors file says it holds, read from its header alone.

The format (huggingface.co/docs/safetensors) is eight bytes with the header's length, a JSON header with each tensor's
type, shape and place, and then the numbers. A file that is not exactly so is something else under that name.
"""

import json
import math
from pathlib import Path
from typing import Any

from app.inference.errors import UnsafeModelError

LONGEST_HEADER = 100_000_000  # bytes; the format's own limit
Shapes = dict[str, tuple[int, ...]]


def read_shapes(path: Path) -> Shapes:
    """The shape of every tensor by its name. Raises UnsafeModelError when this is no safetensors file."""
    size = path.stat().st_size
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if not 2 <= length <= min(LONGEST_HEADER, size - 8):
            raise UnsafeModelError(f"{path.name} is not a safetensors file, or is cut off.")
        head = file.read(length)
    try:
        entries = json.loads(head)
        return {name: _shape(entry, size - 8 - length) for name, entry in entries.items() if name != "__metadata__"}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise UnsafeModelError(f"{path.name} is not a safetensors file, or is cut off.") from error


def _shape(entry: dict[str, Any], room: int) -> tuple[int, ...]:
    """Raises ValueError when the tensor would lie outside of the file."""
    begin, end = entry["data_offsets"]
    shape = tuple(int(size) for size in entry["shape"])
    if not 0 <= begin <= end <= room or math.prod(shape) < 0:
        raise ValueError
    return shape
