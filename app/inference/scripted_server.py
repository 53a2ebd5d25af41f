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
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from types import TracebackType
from typing import Any

import orjson
from aiohttp import web

from app.inference.scripted_words import Ranker, embed_words, rank_by_words

WORDS = ("The ", "answer ", "is ", "twenty", "-five ", "days", ", ", "as ", "the ", "handbook ", "says", ".")
TOKENS_CACHED = 0

Speaker = Sequence[str] | Callable[[dict[str, Any]], Sequence[str]]


@dataclass(frozen=True)
class Script:
    """What happens to one request. ``what`` is one of ``ACTS``; ``after`` counts the tokens said before it
    happens.

    ``tokens`` are what a full answer says, or a function of the request's body; ``pace`` is seconds between
    them, or for each text that is embedded.
    """

    what: str = "say"
    after: int = 0
    tokens: Speaker = WORDS
    pace: float = 0.0
    retry_after: str = ""


@dataclass
class Recorded:
    """One request as it was received, and how it ended."""

    body: dict[str, Any]
    headers: dict[str, str]
    peer: str = ""
    received_at: float = field(default_factory=time.monotonic)
    tokens_said: int = 0
    was_completed: bool = False
    was_cut_by_client: bool = False
    ended_at: float | None = None


def parse_script(name: str, base: Script) -> Script:
    """The script that a model's name asks for: "scripted:ACT" or "scripted:ACT-after-N"; any other name means
    ``base``.
    """
    prefix, _, wanted = name.partition(":")
    if prefix != "scripted" or not wanted:
        return base
    what, _, after = wanted.partition("-after-")
    if what not in ACTS:
        raise web.HTTPNotFound(text=orjson.dumps({"error": {"message": f"no script {what}"}}).decode())
    return replace(base, what=what, after=int(after or 0))


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
        self._ready.wait()
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
        """The one gauge of vLLM's that Parley reads."""
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
        return await _Turn(request, recorded, replace(script, tokens=())).act()

    async def _rerank(self, request: web.Request) -> web.StreamResponse:
        recorded, script = await self._receive(request)
        if script.what in ("say", "no-usage"):
            results = self.ranks(recorded.body)
            return web.json_response({"id": "rerank-scripted", "model": recorded.body.get("model"), "results": results})
        return await _Turn(request, recorded, replace(script, tokens=())).act()

    async def _complete(self, request: web.Request) -> web.StreamResponse:
        recorded, script = await self._receive(request)
        body = recorded.body
        tokens = script.tokens(body) if callable(script.tokens) else script.tokens
        try:
            return await _Turn(request, recorded, replace(script, tokens=tokens)).act()
        except (asyncio.CancelledError, ConnectionError):
            recorded.was_cut_by_client = not self._stopping.is_set()
            raise
        finally:
            recorded.ended_at = time.monotonic()


class _Turn:
    """One request being answered."""

    def __init__(self, request: web.Request, recorded: Recorded, script: Script) -> None:
        self.request, self.recorded, self.script = request, recorded, script
        self.tokens: Sequence[str] = script.tokens if not callable(script.tokens) else ()
        self.response: web.StreamResponse | None = None

    async def act(self) -> web.StreamResponse:
        script = self.script
        if status := STATUSES.get(script.what):
            headers = {"Retry-After": script.retry_after} if script.retry_after else {}
            if 300 <= status < 400:
                headers["Location"] = str(self.request.url)
            return web.json_response({"error": {"message": "scripted"}}, status=status, headers=headers)
        if script.what == "wrong-type":
            return web.Response(text="<html>Sign in to the hotel's network</html>", content_type="text/html")
        if script.what in ("say", "no-usage") and not self.recorded.body.get("stream"):
            return self._whole()
        if script.after:
            async for token in self._paced(self.tokens[: script.after]):
                await self._say(token)
        return await ACTS[script.what](self)

    def _whole(self) -> web.Response:
        message = {"role": "assistant", "content": "".join(self.tokens)}
        self.recorded.tokens_said, self.recorded.was_completed = len(self.tokens), True
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        return web.json_response(self._event([choice], "chat.completion") | {"usage": self._usage()})

    async def say(self) -> web.StreamResponse:
        await self._say_all()
        await self._write(self._event([{"index": 0, "delta": {}, "finish_reason": "stop"}]))
        if (self.recorded.body.get("stream_options") or {}).get("include_usage"):
            await self._write(self._event([]) | {"usage": self._usage()})
        return await self._finish(b"data: [DONE]\n\n")

    async def no_usage(self) -> web.StreamResponse:
        await self._say_all()
        await self._write(self._event([{"index": 0, "delta": {}, "finish_reason": "stop"}]))
        return await self._finish(b"data: [DONE]\n\n")

    async def wrong_model(self) -> web.StreamResponse:
        """A whole answer, by a model that nobody asked for."""
        self.recorded.body["model"] = "another"
        return await self.say()

    async def truncate(self) -> web.StreamResponse:
        await asyncio.sleep(0.05)  # so that what was written arrives before the end does
        return await self._finish(b"")

    async def die(self) -> web.StreamResponse:
        if transport := self.request.transport:
            transport.abort()
        await asyncio.sleep(3600)
        raise AssertionError("unreachable")

    async def cut(self) -> web.StreamResponse:
        """Close in the middle of a chunk, as a server that is stopped does."""
        await self._begin()
        if transport := self.request.transport:
            transport.write(b"ff\r\ndata: ")
            transport.close()
        return await self.hang()

    async def cut_length(self) -> web.StreamResponse:
        """Promise more bytes than come."""
        said = b"".join(self._line(self._event([_delta(token)])) for token in self.tokens)
        if transport := self.request.transport:
            head = f"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: {len(said) + 99}\r\n\r\n"
            transport.write(head.encode() + said)
            transport.close()
        return await self.hang()

    async def mute(self) -> web.StreamResponse:
        """Headers, and then nothing."""
        await self._begin()
        return await self.hang()

    async def other_model(self) -> web.StreamResponse:
        """Answer as another model than was asked for."""
        self.recorded.body["model"] = "some-other-model"
        return await self.say()

    async def hang(self) -> web.StreamResponse:
        await asyncio.sleep(3600)
        raise AssertionError("unreachable")

    async def pretend(self) -> web.StreamResponse:
        """Keep the connection alive with comments and empty events, and say nothing."""
        response = await self._begin()
        while True:
            await response.write(b": keep-alive\n\n")
            await self._write(self._event([{"index": 0, "delta": {"role": "assistant", "content": ""}}]))
            await asyncio.sleep(max(self.script.pace, 0.02))

    async def trickle(self) -> web.StreamResponse:
        """A whole answer, one byte at a time."""
        response = await self._begin()
        for token in self.tokens:
            for byte in self._line(self._event([{"index": 0, "delta": {"content": token}}])):
                await response.write(bytes([byte]))
                await asyncio.sleep(self.script.pace)
            self.recorded.tokens_said += 1
        return await self._finish(
            self._line(self._event([{"index": 0, "delta": {}, "finish_reason": "stop"}])) + b"data: [DONE]\n\n"
        )

    async def broken_json(self) -> web.StreamResponse:
        await (await self._begin()).write(b'data: {"choices": [{"delta": {"cont\n\n')
        return await self.hang()

    async def odd_json(self) -> web.StreamResponse:
        await (await self._begin()).write(b'data: {"choices": "none"}\n\n')
        return await self.hang()

    async def error_event(self) -> web.StreamResponse:
        await self._write({"error": {"message": "scripted failure", "code": 500}})
        return await self.hang()

    async def huge_line(self) -> web.StreamResponse:
        response = await self._begin()
        while True:
            await response.write(b"x" * 65_536)

    async def endless(self) -> web.StreamResponse:
        while True:
            await self._say("on ")
            await asyncio.sleep(self.script.pace)

    async def _say_all(self) -> None:
        async for token in self._paced(self.tokens[self.script.after :]):
            await self._say(token)

    async def _paced(self, tokens: Sequence[str]) -> AsyncIterator[str]:
        for token in tokens:
            yield token
            await asyncio.sleep(self.script.pace)

    async def _say(self, token: str) -> None:
        await self._write(self._event([_delta(token)]))
        self.recorded.tokens_said += 1

    async def _begin(self) -> web.StreamResponse:
        if self.response is None:
            self.response = web.StreamResponse(headers={"Content-Type": "text/event-stream; charset=utf-8"})
            await self.response.prepare(self.request)
        return self.response

    async def _write(self, event: dict[str, Any]) -> None:
        await (await self._begin()).write(self._line(event))

    async def _finish(self, last: bytes) -> web.StreamResponse:
        response = await self._begin()
        await response.write(last)
        await response.write_eof()
        self.recorded.was_completed = True
        return response

    def _line(self, event: dict[str, Any]) -> bytes:
        return b"data: " + orjson.dumps(event) + b"\n\n"

    def _event(self, choices: list[dict[str, Any]], kind: str = "chat.completion.chunk") -> dict[str, Any]:
        model = self.recorded.body.get("model")
        return {"id": "chatcmpl-scripted", "object": kind, "created": 0, "model": model, "choices": choices}

    def _usage(self) -> dict[str, Any]:
        asked = sum(len(str(turn.get("content", "")).split()) for turn in self.recorded.body.get("messages", []))
        said = len(self.tokens)
        counts = {"prompt_tokens": asked, "completion_tokens": said, "total_tokens": asked + said}
        return counts | {"prompt_tokens_details": {"cached_tokens": TOKENS_CACHED}}


def _delta(token: str) -> dict[str, Any]:
    return {"index": 0, "delta": {"content": token}, "finish_reason": None}


Act = Callable[[_Turn], Awaitable[web.StreamResponse]]
STATUSES = {
    "bad-request": 400,
    "unauthorized": 401,
    "not-found": 404,
    "busy": 429,
    "broken": 500,
    "unavailable": 503,
    "redirect": 307,
}
ACTS: dict[str, Act] = {
    **dict.fromkeys([*STATUSES, "wrong-type"], _Turn.say),
    "say": _Turn.say,
    "no-usage": _Turn.no_usage,
    "wrong-model": _Turn.wrong_model,
    "truncate": _Turn.truncate,
    "die": _Turn.die,
    "hang": _Turn.hang,
    "mute": _Turn.mute,
    "cut": _Turn.cut,
    "cut-length": _Turn.cut_length,
    "other-model": _Turn.other_model,
    "pretend": _Turn.pretend,
    "trickle": _Turn.trickle,
    "broken-json": _Turn.broken_json,
    "odd-json": _Turn.odd_json,
    "error-event": _Turn.error_event,
    "huge-line": _Turn.huge_line,
    "endless": _Turn.endless,
}


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
