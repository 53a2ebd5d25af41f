"""A limit on request bodies, counted as they arrive, before Django spools a byte of them to disk.

An ASGI layer: Django's own limits do not cover files, and nothing in front of a small installation would. Only the few
addresses that take files may be sent as much as a file has; a body that drips is given up, so that nobody holds a place
by sending next to nothing.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

import orjson

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
App = Callable[..., Awaitable[None]]

PATIENCE_SECONDS = 30.0  # for any body
SLOWEST_BYTES_A_SECOND = 2_000  # what a longer one must keep up with


class BodyTooLargeError(Exception):
    """More came than was announced or is allowed."""


class BodyTooSlowError(Exception):
    """It would never have been whole."""


class LimitBodies:
    """Refuses a request with more body than its path may have: at once when it announces them, else when they come."""

    def __init__(self, app: App, most: Callable[[str], int], patience_seconds: float = PATIENCE_SECONDS) -> None:
        self._app, self._most, self._patience = app, most, patience_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        most = self._most(scope.get("path", ""))
        announced = dict(scope["headers"]).get(b"content-length", b"0")
        if announced.isdigit() and (len(announced) > 18 or int(announced) > most):
            await _too_large(send, most)
            return
        body = _Body(receive, most, self._patience)
        has_begun = False

        async def watched(message: dict[str, Any]) -> None:
            nonlocal has_begun
            has_begun = True
            await send(message)

        try:
            await self._app(scope, body.receive, watched)
        except BodyTooLargeError:
            if not has_begun:
                await _too_large(send, most)
        except BodyTooSlowError:
            if not has_begun:
                await _refuse(send, 408, "too_slow", "The body of this request came too slowly. Send it again.")


class _Body:
    """What has come of one request's body, and by when more of it must."""

    def __init__(self, receive: Receive, most: int, patience_seconds: float) -> None:
        self._receive, self._most, self._patience = receive, most, patience_seconds
        self._begun_at = time.monotonic()
        self._count, self._is_whole = 0, False

    async def receive(self) -> dict[str, Any]:
        if self._is_whole:  # from here on one waits for the caller to leave, as long as that takes
            return await self._receive()
        allowed = self._patience + self._count / SLOWEST_BYTES_A_SECOND
        try:
            message = await asyncio.wait_for(self._receive(), max(0.0, self._begun_at + allowed - time.monotonic()))
        except TimeoutError as error:
            raise BodyTooSlowError from error
        self._count += len(message.get("body", b""))
        if self._count > self._most:
            raise BodyTooLargeError
        self._is_whole = not message.get("more_body")
        return message


async def _too_large(send: Send, most: int) -> None:
    message = f"A request to this address can carry {most / 1_000_000:.1f} MB. Send less."
    await _refuse(send, 413, "too_large", f"{message} How large a file may be is set by UPLOAD_MAX_BYTES.")


async def _refuse(send: Send, status: int, code: str, message: str) -> None:
    body = orjson.dumps({"error": {"code": code, "message": message, "retry": status == 408}})
    headers = [(b"content-type", b"application/json"), (b"connection", b"close")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
