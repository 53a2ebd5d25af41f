"""Where a running answer speaks: numbers its events, tells them, and has them saved as it goes (``saving``).

Text comes here at the pace of frames already (``app.inference.calling.client``) and goes out at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from app.inference.types import Waiting
from app.web.threads import in_thread
from chat.models import Message
from chat.streaming import telling
from chat.streaming.events import Event, EventType, in_frames
from chat.streaming.streams import Stream
from chat.writing import leases
from chat.writing.saving import saver

TOLD_AGAIN_SECONDS = 10.0


class Outlet:
    """The voice of one run. All its methods belong to the event loop."""

    def __init__(self, message: Message, stream: Stream, on_stop: Callable[[], None]) -> None:
        self.message = message
        self.stream = stream
        self.text = message.text
        self.log = list(message.log)
        self.first_text_at: float | None = None
        self.end = on_stop
        self._place, self._told_place_at = 0, 0.0

    async def retell(self) -> None:
        """Give this process's readers what earlier owners of the answer already said."""
        saver().add(self)
        await self.stream.prepare()
        for event in telling.retell(self.message):
            self.stream.publish(event)

    async def status(self, state: str, detail: str = "") -> None:
        data = {"state": state, "detail": detail} if detail else {"state": state}
        self._place = 0
        self._tell("status", data, logged=data)

    @property
    def is_waiting(self) -> bool:
        """Whether a place in line was the last that was told."""
        return self._place > 0

    def waiting(self, waiting: Waiting) -> None:
        """Tell a place in line: the first, every other one, and now and then how long it may still take."""
        now = asyncio.get_running_loop().time()
        if waiting.place == self._place and now < self._told_place_at + TOLD_AGAIN_SECONDS:
            return
        self._place, self._told_place_at = waiting.place, now
        seconds = None if waiting.seconds is None else round(waiting.seconds)
        data = telling.as_kept({"state": "waiting", "place": waiting.place, "seconds": seconds})
        self._tell("status", data, logged=data)

    async def evidence(self, passages: list[dict[str, Any]]) -> None:
        """Show passages. They are in the row before anybody hears of them."""
        self.message.evidence = passages
        await in_thread(leases.write, self.message, evidence=passages)
        self._tell("evidence", {"passages": passages})

    async def delta(self, text: str) -> None:
        """Say more of the answer; empty text says nothing."""
        for piece in in_frames(text):
            self.text += piece
            self._tell("delta", {"text": piece}, logged=len(self.text))
        if text and self.first_text_at is None:
            self.first_text_at = asyncio.get_running_loop().time()

    def draft(self) -> leases.Draft:
        return leases.Draft(self.message, self.message.fence, self.text, list(self.log))

    async def settle(self) -> None:
        """Save no more; the row's end is written by others."""
        saver().remove(self)

    async def close_with(self, told: list[Event]) -> None:
        """Pass on the last events, which the final transaction numbered and wrote."""
        for event in told:
            self.stream.publish(event)

    def _tell(self, kind: EventType, data: dict[str, Any], logged: object = None) -> None:
        seq = telling.append(self.log, kind, logged)
        self.stream.publish(Event(self.message.id, seq, kind, data))
