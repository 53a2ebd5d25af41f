"""Where a running answer speaks: numbers its events, gathers tokens into frames, and saves as it goes.

The first text goes out at once; after it, what arrives within 33 ms goes out together. Every 1.5 seconds the text so
far is saved in the row, which also renews the lease and asks whether the reader wants to stop.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any

from app.web.threads import in_thread
from chat import leases, telling
from chat.events import Event, EventType, in_frames
from chat.models import Message
from chat.streams import Stream

FRAME_SECONDS = 0.033
CHECKPOINT_SECONDS = 1.5


class Outlet:
    """The voice of one run. All its methods belong to the event loop."""

    def __init__(self, message: Message, stream: Stream, on_stop: Callable[[], None]) -> None:
        self.message = message
        self.stream = stream
        self.text = message.text
        self.log = list(message.log)
        self.first_text_at: float | None = None
        self._on_stop = on_stop
        self._waiting = ""
        self._speaking = asyncio.Lock()
        self._flusher: asyncio.Task[None] | None = None
        self._saver: asyncio.Task[None] | None = None
        self._saved_seq = message.seq

    async def retell(self) -> None:
        """Give this process's readers what earlier owners of the answer already said."""
        for event in telling.retell(self.message):
            await self.stream.publish(event)

    async def status(self, state: str, detail: str = "") -> None:
        data = {"state": state, "detail": detail} if detail else {"state": state}
        await self._say("status", data, logged=data)

    async def evidence(self, passages: list[dict[str, Any]]) -> None:
        """Show passages. They are in the row before anybody hears of them."""
        self.message.evidence = passages
        await in_thread(leases.write, self.message.id, self.message.fence, evidence=passages)
        await self._say("evidence", {"passages": passages})

    async def delta(self, text: str) -> None:
        """Say more of the answer; empty text says nothing."""
        if not text:
            return
        self._waiting += text
        if self.first_text_at is None:
            self.first_text_at = asyncio.get_running_loop().time()
            await self.flush()
            self._saver = asyncio.create_task(self._save_now_and_then())
        elif self._flusher is None or self._flusher.done():
            self._flusher = asyncio.create_task(self._flush_soon())

    async def flush(self) -> None:
        async with self._speaking:
            text, self._waiting = self._waiting, ""
            for piece in in_frames(text):
                self.text += piece
                await self._publish("delta", {"text": piece}, len(self.text))

    async def settle(self) -> None:
        """Say what is left and stop the clockwork; the row's end is written by others."""
        if self._flusher:
            await self._flusher
        if self._saver:
            self._saver.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._saver
        await self.flush()

    async def close_with(self, told: list[Event]) -> None:
        """Pass on the last events, which the final transaction numbered and wrote."""
        for event in told:
            await self.stream.publish(event)

    async def _say(self, kind: EventType, data: dict[str, Any], logged: object = None) -> None:
        async with self._speaking:
            await self._publish(kind, data, logged)

    async def _publish(self, kind: EventType, data: dict[str, Any], logged: object) -> None:
        seq = telling.append(self.log, kind, logged)
        await self.stream.publish(Event(self.message.id, seq, kind, data))

    async def _flush_soon(self) -> None:
        await asyncio.sleep(FRAME_SECONDS)
        await self.flush()

    async def _save_now_and_then(self) -> None:
        while True:
            await asyncio.sleep(CHECKPOINT_SECONDS)
            async with self._speaking:
                columns = {"text": self.text, "log": list(self.log), "seq": self.log[-1][0]}
            try:
                wants_stop = await in_thread(leases.checkpoint, self.message.id, self.message.fence, **columns)
            except leases.LeaseLostError:
                wants_stop = True
            if wants_stop:
                self._on_stop()
                return
