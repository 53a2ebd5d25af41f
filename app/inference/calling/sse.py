"""Server-sent events of OpenAI-compatible servers, read from bytes as they arrive.

Only what those servers use: ``data:`` lines that each hold one JSON object, comments, blank lines and
``[DONE]``. Every line is one event, as all of them send it, which spares a second buffer. The input may be
cut anywhere, inside a line break or a UTF-8 character too.
"""

from collections.abc import Iterator
from typing import Any

import orjson

from app.inference.errors import BrokenStreamError

LONGEST_LINE = 1_048_576
DONE = None


class EventReader:
    """Feed it bytes, get the parsed objects in order; ``DONE`` (None) stands for ``[DONE]``."""

    __slots__ = ("_rest",)

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> Iterator[dict[str, Any] | None]:
        """The events that ``data`` completes. Raises BrokenStreamError on bad JSON or a line over 1 MiB."""
        *lines, rest = (self._rest + data if self._rest else data).split(b"\n")
        self._rest = rest
        if len(rest) > LONGEST_LINE:
            raise BrokenStreamError("a line is longer than 1 MiB")
        for line in lines:
            if line.startswith(b"data:"):
                yield _parse(line[5:])


def _parse(payload: bytes) -> dict[str, Any] | None:
    if len(payload) > LONGEST_LINE:
        raise BrokenStreamError("a line is longer than 1 MiB")
    try:
        event = orjson.loads(payload)
    except orjson.JSONDecodeError as error:
        if payload.strip() == b"[DONE]":
            return DONE
        raise BrokenStreamError(f"not JSON: {error}") from error
    if not isinstance(event, dict):
        raise BrokenStreamError("an event is not a JSON object")
    return event
