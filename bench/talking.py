"""A program at a conversation's socket: asks, and keeps what it is told of one answer."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import aiohttp
import orjson

from bench.harness import BenchError
from bench.people import Line

JSON_PROTOCOL = "parley.v1+json"
LONGEST_SECONDS = 300.0


@dataclass
class Answer:
    """One answer as its reader saw it. Times are time.monotonic()."""

    message_id: str = ""
    text: str = ""
    state: str = ""
    first_at: float = 0.0
    ended_at: float = 0.0

    def note(self, event: dict[str, Any]) -> None:
        """Raises BenchError when a frame was refused."""
        kind = event["type"]
        if kind == "error" and event["seq"] == 0:
            raise BenchError(f"Refused: {event}")
        self.message_id = self.message_id or str(event.get("message_id") or "")
        if kind == "delta":
            self.first_at = self.first_at or time.monotonic()
            self.text += event["text"]
        elif kind == "done":
            self.state, self.ended_at = event["state"], time.monotonic()


def open_line(
    session: aiohttp.ClientSession, line: Line
) -> AbstractAsyncContextManager[aiohttp.ClientWebSocketResponse]:
    return session.ws_connect(line.url, protocols=(JSON_PROTOCOL,), headers=line.headers)


async def send(socket: aiohttp.ClientWebSocketResponse, **frame: str) -> None:
    if frame["type"] == "ask":
        frame["client_id"] = uuid4().hex
    await socket.send_str(orjson.dumps(frame).decode())


async def next_event(socket: aiohttp.ClientWebSocketResponse) -> dict[str, Any]:
    """Raises BenchError when the line ends."""
    frame = await socket.receive(timeout=LONGEST_SECONDS)
    if frame.type is not aiohttp.WSMsgType.TEXT:
        raise BenchError(f"The line ended: {frame.type.name} {frame.data}")
    event: dict[str, Any] = orjson.loads(frame.data)
    return event


async def ask(
    session: aiohttp.ClientSession, line: Line, text: str, on_first: Callable[[], None] = lambda: None
) -> Answer:
    """Ask and read the answer to its end; ``on_first`` is called with its first text."""
    async with open_line(session, line) as socket:
        await send(socket, type="ask", text=text)
        return await read_to_end(socket, Answer(), on_first)


async def read_to_end(
    socket: aiohttp.ClientWebSocketResponse, answer: Answer, on_first: Callable[[], None] = lambda: None
) -> Answer:
    while not answer.state:
        had_text = bool(answer.text)
        answer.note(await next_event(socket))
        if answer.text and not had_text:
            on_first()
    return answer
