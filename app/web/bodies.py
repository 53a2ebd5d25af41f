"""A limit on request bodies, counted as they arrive, before Django spools a byte of them to disk.

An ASGI layer: Django's own limits do not cover files, and nothing in front of a small installation would.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import orjson

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
App = Callable[..., Awaitable[None]]


class BodyTooLargeError(Exception):
    """More came than was announced or is allowed."""


class LimitBodies:
    """Refuses a request with more than ``max_bytes`` of body: at once when it announces them, else when they come."""

    def __init__(self, app: App, max_bytes: int) -> None:
        self._app, self._max_bytes = app, max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        announced = dict(scope["headers"]).get(b"content-length", b"0")
        if announced.isdigit() and int(announced) > self._max_bytes:
            await self._refuse(send)
            return
        received, has_begun = 0, False

        async def counted() -> dict[str, Any]:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > self._max_bytes:
                raise BodyTooLargeError
            return message

        async def watched(message: dict[str, Any]) -> None:
            nonlocal has_begun
            has_begun = True
            await send(message)

        try:
            await self._app(scope, counted, watched)
        except BodyTooLargeError:
            if not has_begun:
                await self._refuse(send)

    async def _refuse(self, send: Send) -> None:
        megabytes = self._max_bytes // 1_000_000
        message = f"A request can carry {megabytes} MB. Send less, or have the limit raised (UPLOAD_MAX_BYTES)."
        body = orjson.dumps({"error": {"code": "too_large", "message": message, "retry": False}})
        headers = [(b"content-type", b"application/json"), (b"connection", b"close")]
        await send({"type": "http.response.start", "status": 413, "headers": headers})
        await send({"type": "http.response.body", "body": body})
