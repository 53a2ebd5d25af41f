"""A program at the socket: asks, and collects what it is told."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Any
from uuid import UUID

import orjson
from asgiref.sync import sync_to_async
from channels.testing import WebsocketCommunicator

from accounts.models import AuditEvent
from app.asgi import application
from chat.socket.renderings import SUBPROTOCOL

Frame = dict[str, Any]


class Reader:
    """One websocket as JSON. ``async with Reader(conversation_id, key=…) as reader``."""

    def __init__(self, conversation_id: UUID | str, *, key: str = "", after: int | None = None, **headers: str) -> None:
        query = "" if after is None else f"?after={after}"
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if key:
            sent["authorization"] = f"Bearer {key}"
        self.line = WebsocketCommunicator(
            application,
            f"/ws/conversations/{conversation_id}/{query}",
            headers=[(name.encode(), value.encode()) for name, value in sent.items()],
            subprotocols=[SUBPROTOCOL],
        )
        self.frames: list[Frame] = []
        self.close_code: int | None = None

    async def __aenter__(self) -> Reader:
        self.is_open, self.protocol = await self.line.connect(timeout=5)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.line.disconnect()

    async def send(self, **frame: Any) -> None:
        await self.line.send_to(text_data=orjson.dumps(frame).decode())

    async def ask(self, text: str, client_id: str | None = None) -> None:
        await self.send(type="ask", text=text, client_id=client_id)

    async def next(self, within: float = 10) -> Frame:
        message = await self.line.receive_output(within)
        if message["type"] == "websocket.close":
            self.close_code = message["code"]
            return {"type": "close", "code": message["code"]}
        frame: Frame = orjson.loads(message["text"])
        self.frames.append(frame)
        return frame

    async def until(self, kind: str, **data: Any) -> Frame:
        """Read on to the first frame of ``kind`` that holds ``data``."""
        while True:
            frame = await self.next()
            if frame["type"] == kind and data.items() <= frame.items():
                return frame
            assert frame["type"] != "close", f"closed with {frame} before {kind}"

    async def nothing(self, seconds: float = 0.4) -> bool:
        await asyncio.sleep(0)
        return bool(await self.line.receive_nothing(seconds))


@sync_to_async
def events_about(message_id: UUID | str, action: str) -> int:
    """How many audit events there are of ``action`` on this message."""
    return AuditEvent.objects.filter(action=action, object=f"message:{message_id}").count()


def text_of(frames: list[Frame]) -> str:
    return "".join(frame["text"] for frame in frames if frame["type"] == "delta")


def seqs_of(frames: list[Frame]) -> list[int]:
    return [frame["seq"] for frame in frames]
