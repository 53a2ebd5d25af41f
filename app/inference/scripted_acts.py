"""What a scripted server does with one request: a whole answer, or one of the ways in which an answer can fail."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import orjson
from aiohttp import web

WORDS = ("The ", "answer ", "is ", "twenty", "-five ", "days", ", ", "as ", "the ", "handbook ", "says", ".")
STOP = {"index": 0, "delta": {}, "finish_reason": "stop"}
DONE = b"data: [DONE]\n\n"

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


class Turn:
    """One request being answered."""

    def __init__(self, request: web.Request, recorded: Recorded, script: Script) -> None:
        self.request, self.recorded, self.script = request, recorded, script
        self.tokens = script.tokens(recorded.body) if callable(script.tokens) else script.tokens
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
        await self._write(self._event([STOP]))
        if (self.recorded.body.get("stream_options") or {}).get("include_usage"):
            await self._write(self._event([]) | {"usage": self._usage()})
        return await self._finish(DONE)

    async def no_usage(self) -> web.StreamResponse:
        await self._say_all()
        await self._write(self._event([STOP]))
        return await self._finish(DONE)

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
        return await self._finish(self._line(self._event([STOP])) + DONE)

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
        return counts | {"prompt_tokens_details": {"cached_tokens": 0}}


def _delta(token: str) -> dict[str, Any]:
    return {"index": 0, "delta": {"content": token}, "finish_reason": None}


Act = Callable[[Turn], Awaitable[web.StreamResponse]]
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
    **dict.fromkeys([*STATUSES, "wrong-type"], Turn.say),
    "say": Turn.say,
    "no-usage": Turn.no_usage,
    "wrong-model": Turn.wrong_model,
    "truncate": Turn.truncate,
    "die": Turn.die,
    "hang": Turn.hang,
    "mute": Turn.mute,
    "cut": Turn.cut,
    "cut-length": Turn.cut_length,
    "pretend": Turn.pretend,
    "trickle": Turn.trickle,
    "broken-json": Turn.broken_json,
    "odd-json": Turn.odd_json,
    "error-event": Turn.error_event,
    "huge-line": Turn.huge_line,
    "endless": Turn.endless,
}
