"""A model server that follows a script: real HTTP in the OpenAI protocol, no model behind it.

Ships with Parley, because whoever connects a model server wants to see once how Parley behaves when it fails.
A script is named by the request's model ("scripted:die-after-3") or set on the server; it records what was
asked and who hung up.

python -m app.inference.scripted_server --port 8900
"""

import argparse
import asyncio
import contextlib
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from types import TracebackType
from typing import Any

import orjson
from aiohttp import web

from app.inference.scripted_acts import ACTS, WORDS, Recorded, Script, Turn, parse_script
from app.inference.scripted_words import Ranker, embed_words, rank_by_words

__all__ = ["WORDS", "ScriptedServer"]


class ScriptedServer:
    """Runs in a thread of its own between ``with``; ``url`` is the base URL that ends in /v1."""

    def __init__(self, port: int = 0, host: str = "127.0.0.1", dimensions: int = 8) -> None:
        self.url = ""
        self.dimensions = dimensions
        self.requests: list[Recorded] = []
        self.models = ["scripted"]
        self.ranks: Ranker = rank_by_words
        self._host, self._port = host, port
        self._base = Script()
        self._next: list[Script] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ready = threading.Event()
        self._stopping = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="scripted-server", daemon=True)

    def script(self, what: str = "say", **fields: Any) -> None:
        """What every request from now on gets; see ``Script``. Forgets what ``then`` has lined up."""
        self._base, self._next = Script(what, **fields), []

    def then(self, what: str, **fields: Any) -> None:
        """What only the next request gets, after those already lined up."""
        self._next.append(Script(what, **fields))

    def wait_for(self, true: Callable[[], bool], seconds: float = 5.0) -> bool:
        """Wait until ``true()``; False when it does not become so in time."""
        end = time.monotonic() + seconds
        while not true() and time.monotonic() < end:
            time.sleep(0.005)
        return true()

    def __enter__(self) -> "ScriptedServer":
        self._thread.start()
        if not self._ready.wait(30):
            raise TimeoutError(self._host, self._port)
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Refuse connections from now on and cut those that are open."""
        if self._loop and self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stopping.set)
            self._thread.join()

    def _run(self) -> None:
        asyncio.run(self.serve())

    async def serve(self) -> None:
        """Serve in the running event loop until stopped."""
        self._loop = asyncio.get_running_loop()
        app = web.Application(client_max_size=8_000_000)
        app.router.add_post("/v1/chat/completions", self._complete)
        app.router.add_post("/v1/embeddings", self._embed)
        app.router.add_post("/v1/rerank", self._rerank)
        app.router.add_get("/v1/models", self._list_models)
        app.router.add_get("/health", _say_healthy)
        app.router.add_get("/metrics", self._count)
        runner = web.AppRunner(app, handler_cancellation=True, access_log=None, shutdown_timeout=0.0)
        await runner.setup()
        site = web.TCPSite(runner, self._host, self._port)
        await site.start()
        port = runner.addresses[0][1]
        self.url = f"http://{self._host}:{port}/v1"
        self._ready.set()
        try:
            await self._stopping.wait()
        finally:
            await runner.cleanup()

    async def _count(self, _request: web.Request) -> web.Response:
        """What it runs, as vLLM says it."""
        running = sum(recorded.ended_at is None for recorded in self.requests)
        return web.Response(text=f'vllm:num_requests_running{{engine="0"}} {running}.0\n')

    async def _list_models(self, _request: web.Request) -> web.Response:
        return web.json_response({"object": "list", "data": [{"id": name, "object": "model"} for name in self.models]})

    async def _receive(self, request: web.Request) -> tuple[Recorded, Script]:
        body = orjson.loads(await request.read())
        peer = request.transport.get_extra_info("peername") if request.transport else None
        recorded = Recorded(body, dict(request.headers), str(peer))
        self.requests.append(recorded)
        base = self._next.pop(0) if self._next else self._base
        return recorded, parse_script(str(body.get("model", "")), base)

    async def _embed(self, request: web.Request) -> web.StreamResponse:
        recorded, script = await self._receive(request)
        if script.what in ("say", "no-usage"):
            await asyncio.sleep(script.pace * len(recorded.body["input"]))
            return web.json_response(embed_words(recorded.body, self.dimensions))
        return await Turn(request, recorded, replace(script, tokens=())).act()

    async def _rerank(self, request: web.Request) -> web.StreamResponse:
        recorded, script = await self._receive(request)
        if script.what in ("say", "no-usage"):
            results = self.ranks(recorded.body)
            return web.json_response({"id": "rerank-scripted", "model": recorded.body.get("model"), "results": results})
        return await Turn(request, recorded, replace(script, tokens=())).act()

    async def _complete(self, request: web.Request) -> web.StreamResponse:
        recorded, script = await self._receive(request)
        try:
            return await Turn(request, recorded, script).act()
        except (asyncio.CancelledError, ConnectionError):
            recorded.was_cut_by_client = not self._stopping.is_set()
            raise
        finally:
            recorded.ended_at = time.monotonic()


async def _say_healthy(_request: web.Request) -> web.Response:
    return web.Response(text="OK")


def main() -> None:
    parser = argparse.ArgumentParser(description="A model server that follows a script.")
    parser.add_argument("--port", type=int, default=8900)
    parser.add_argument("--what", default="say", choices=sorted(ACTS))
    parser.add_argument("--dimensions", type=int, default=8, help="of the vectors it makes")
    parser.add_argument("--pace", type=float, default=0.02, help="seconds between tokens")
    options = parser.parse_args()
    server = ScriptedServer(options.port, dimensions=options.dimensions)
    server.script(options.what, pace=options.pace)
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(server.serve())


if __name__ == "__main__":
    main()
