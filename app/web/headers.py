"""What every answer tells the browser, whatever made it: a page, an error, a file, a refusal before Django is asked.

A view that knows better says so in its own answer, which is left as it is. What says nothing about being kept is kept
nowhere: neither on the disk of a shared machine nor by a proxy in between. See docs/decisions/0029.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import Any

# What a browser might ask its person for; Parley needs none of it. Writing to the clipboard is left out, since buttons
# copy answers; and what not every browser knows, since each page would warn of it.
_REFUSED = (
    "accelerometer",
    "autoplay",
    "camera",
    "display-capture",
    "encrypted-media",
    "geolocation",
    "gyroscope",
    "hid",
    "idle-detection",
    "local-fonts",
    "magnetometer",
    "microphone",
    "midi",
    "payment",
    "picture-in-picture",
    "screen-wake-lock",
    "serial",
    "usb",
    "xr-spatial-tracking",
)

ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "X-Frame-Options": "DENY",
    "X-Permitted-Cross-Domain-Policies": "none",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": ", ".join(f"{name}=()" for name in _REFUSED),
}
# An answer that says nothing else is kept by nobody, and where no page of ours is, there is nothing to run or to load.
UNLESS_SAID = {"Cache-Control": "no-store", "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'"}

_ADDED = [(name.lower().encode(), value.encode()) for name, value in (ALWAYS | UNLESS_SAID).items()]

Send = Callable[[dict[str, Any]], Awaitable[None]]
App = Callable[..., Awaitable[None]]


class SafeHeaders:
    """An ASGI layer around everything that answers over HTTP."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Send) -> None:
        async def completed(message: dict[str, Any]) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": complete(message.get("headers", []))}
            await send(message)

        await self._app(scope, receive, completed)


def complete(headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """The headers of an answer, and those that it lacks."""
    own = list(headers)
    named = {name.lower() for name, _ in own}
    return own + [(name, value) for name, value in _ADDED if name not in named]
