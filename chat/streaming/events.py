"""What a reader can be told about one answer, and how each telling is kept.

Every event of a message has a sequence number, from 1, without gaps. The message's row keeps the whole sequence as
``log``: a list of ``[seq, type, value]`` in which the value of a delta is the offset in the text where it ends, that of
a status its state and detail, and everything else is None because it stands in the row's own columns. So a reader can
resume from any number, long after the process that spoke is gone.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal, get_args
from uuid import UUID

import orjson

EventType = Literal["accepted", "status", "evidence", "delta", "citations", "done", "error"]
EVENT_TYPES: tuple[str, ...] = get_args(EventType)
LogEntry = list[Any]
MAX_FRAME_BYTES = 64 * 1024
DELTA_CHARACTERS = 8_000
MAX_DIGITS = 18  # of an event's number; Valkey's ids have 64 bits


@dataclass(slots=True)
class Event:
    """One telling. ``data`` is JSON-ready and never holds more than its reader may see. Nobody changes one."""

    message_id: UUID
    seq: int
    type: EventType
    data: dict[str, Any]
    _frame: str | None = field(default=None, init=False, repr=False, compare=False)

    @property
    def frame(self) -> str:
        """What a program gets, as JSON; encoded once, however many read it."""
        if self._frame is None:
            frame = {"type": self.type, "message_id": self.message_id, "seq": self.seq, **self.data}
            self._frame = orjson.dumps(frame).decode()
        return self._frame


def read_number(text: str) -> int | None:
    """The number of an event as a reader sends it back, or None when it is none."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= MAX_DIGITS else None


def in_frames(text: str) -> list[str]:
    """``text`` in pieces of which each fits into one frame, whatever its characters need in bytes."""
    return [text[begin : begin + DELTA_CHARACTERS] for begin in range(0, len(text), DELTA_CHARACTERS)]
