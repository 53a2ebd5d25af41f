"""The ASGI application: HTTP to Django, websockets to Channels, and the process's own answers to its event loop."""

import gc
import os
import re
from typing import Any

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "app.settings")
http = get_asgi_application()

from channels.routing import ProtocolTypeRouter, URLRouter  # noqa: E402
from django.conf import settings  # noqa: E402

from accounts.open_lines import EndOpenLines  # noqa: E402
from accounts.sockets import SignedIn  # noqa: E402
from app.inference.watching.watcher import watcher  # noqa: E402
from app.refusals import access_over  # noqa: E402
from app.web.bodies import LimitBodies  # noqa: E402
from app.web.headers import SafeHeaders  # noqa: E402
from chat.routing import websocket_urlpatterns  # noqa: E402
from chat.writing.runner import runner  # noqa: E402

FORM_BYTES = 1_000_000  # what a form may add to its largest file
# The addresses that take files; every other one takes words.
TAKES_FILES = re.compile(
    r"/files/|/c/new|/c/[^/]+/ask|/knowledge/sources/[^/]+/upload/"
    r"|/api/v1/sources/[^/]+/documents|/api/v1/conversations/[^/]+/files"
)


def most_bytes(path: str) -> int:
    """How large the body of a request to this address may be."""
    largest = settings.UPLOAD_MAX_BYTES if TAKES_FILES.fullmatch(path) else settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    return int(largest) + FORM_BYTES


class Parley:
    """Routes by protocol. Any first scope makes the loop a writer of answers and a watcher of model servers; the end of
    the lifespan drains it.
    """

    def __init__(self) -> None:
        limited = LimitBodies(http, most_bytes)
        self._routes = ProtocolTypeRouter(
            {
                "http": SafeHeaders(EndOpenLines(limited, access_over)),
                "websocket": SignedIn(URLRouter(websocket_urlpatterns)),
            }
        )

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        if runner.attach():
            runner.warm_up()
            watcher.attach()
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        else:
            await self._routes(scope, receive, send)

    async def _live(self, receive: Any, send: Any) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                keep_collections_short()
                runner.read_ahead()
                await send({"type": "lifespan.startup.complete"})
            elif message["type"] == "lifespan.shutdown":
                await watcher.detach()
                await runner.drain()
                await send({"type": "lifespan.shutdown.complete"})
                return


def keep_collections_short() -> None:
    """What is loaded by now stays. Looking through it again and again for garbage would hold up every stream for a
    fifth of a second each time; and most of what a token makes is gone by itself.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)


application = Parley()
