"""The model server of the stream benchmark: as little as can say tokens in time, which leaves the cores to the others.

It speaks as vLLM does (chunks of some 220 bytes, one a token, chunked transfer). Each token says when it was said:
five characters, about as long as a real one, with the time in tenths of a millisecond, in base 62, and a space.
Whoever reads it on the same machine knows how long it was under way, and whether one is missing. The model SENTENCES
says a sentence instead each time, so that screening lets the first one through at once.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import time

import orjson
import uvloop

DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
BASE = len(DIGITS)
TOKEN_CHARACTERS = 5
TICKS_PER_SECOND = 10_000
PERIOD = BASE**4 / TICKS_PER_SECOND  # seconds after which stamps begin again: 24 minutes
MODEL, SENTENCES = "bench", "bench-sentences"
_HEAD = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\nconnection: keep-alive\r\n"
    b"transfer-encoding: chunked\r\n\r\n"
)
_CHUNK = (
    '{"id":"chatcmpl-3f0c1a9e5b7d4c2f8e6a0b9d1c3e5f7a","object":"chat.completion.chunk","created":1760000000,'
    '"model":"bench","choices":[{"index":0,"delta":%s,"logprobs":null,"finish_reason":%s,"token_ids":null}]}'
)
_MODELS = {"object": "list", "data": [{"id": MODEL, "object": "model", "owned_by": "bench"}]}


def stamp() -> str:
    """The token that says now."""
    ticks = int(time.monotonic() * TICKS_PER_SECOND)
    return "".join(DIGITS[ticks // BASE**power % BASE] for power in (3, 2, 1, 0)) + " "


def _sentence() -> str:
    return "Yes. "


def age_of(token: str, arrived_at: float) -> float:
    """Seconds between saying ``token`` and ``arrived_at`` (time.monotonic of this machine)."""
    ticks = 0
    for digit in token[:4]:
        ticks = ticks * BASE + DIGITS.index(digit)
    age = (arrived_at - ticks / TICKS_PER_SECOND) % PERIOD
    return age if age < PERIOD / 2 else age - PERIOD  # a clock read earlier than it was stamped


def _framed(data: str) -> bytes:
    """One server-sent event as one chunk of the transfer."""
    event = f"data: {data}\n\n".encode()
    return b"%x\r\n%b\r\n" % (len(event), event)


_BEGIN = _HEAD + _framed(_CHUNK % ('{"role":"assistant","content":""}', "null"))
_BEFORE, _AFTER = _framed(_CHUNK % ('{"content":"ZZZZ "}', "null")).split(b"ZZZZ ")
_STOP = _framed(_CHUNK % ("{}", '"stop"'))
_END = _framed("[DONE]") + b"0\r\n\r\n"


def _usage(count: int) -> bytes:
    usage = {"prompt_tokens": 20, "completion_tokens": count, "total_tokens": 20 + count}
    return _framed(orjson.dumps({"id": "chatcmpl-1", "model": MODEL, "choices": [], "usage": usage}).decode())


class Speaker(asyncio.Protocol):
    """One connection: reads a request at a time, says ``max_tokens`` tokens, ``pace`` seconds apart."""

    def __init__(self, pace: float) -> None:
        self._pace = pace
        self._received = bytearray()
        self._next: asyncio.TimerHandle | None = None
        self._left = self._asked = 0
        self._is_quiet = False
        self._due = 0.0
        self._says = stamp

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: asyncio.Transport = transport  # type: ignore[assignment]  # TCP's are
        self._loop = asyncio.get_running_loop()

    def connection_lost(self, _error: Exception | None) -> None:
        if self._next:
            self._next.cancel()

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, found, rest = self._received.partition(b"\r\n\r\n")
        if not found:
            return
        length = _content_length(head)
        if len(rest) >= length:
            del self._received[: len(head) + 4 + length]
            self._answer(bytes(head), bytes(rest[:length]))

    def _answer(self, head: bytes, body: bytes) -> None:
        if not head.startswith(b"POST") or b"/chat/completions" not in head.split(b"\r\n", 1)[0]:
            self._send_json(_MODELS)
            return
        request = orjson.loads(body)
        self._left = self._asked = int(request.get("max_tokens") or request.get("max_completion_tokens") or 16)
        self._says = _sentence if request.get("model") == SENTENCES else stamp
        self._is_quiet = not (request.get("stream_options") or {}).get("include_usage")
        self._transport.write(_BEGIN)
        self._due = self._loop.time()
        self._say()

    def _say(self) -> None:
        self._transport.write(_BEFORE + self._says().encode() + _AFTER)
        self._left -= 1
        self._due += self._pace
        self._next = self._loop.call_at(self._due, self._say if self._left else self._end)

    def _end(self) -> None:
        self._transport.write(_STOP + (b"" if self._is_quiet else _usage(self._asked)) + _END)

    def _send_json(self, value: object) -> None:
        body = orjson.dumps(value)
        head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
        self._transport.write(head % len(body) + body)


def _content_length(head: bytes | bytearray) -> int:
    for line in bytes(head).lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line[15:])
    return 0


async def serve(port: int, pace: float) -> None:
    """Serve until cancelled."""
    server = await asyncio.get_running_loop().create_server(lambda: Speaker(pace), "127.0.0.1", port, backlog=1024)
    async with server:
        await server.serve_forever()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--pace", type=float, required=True, help="seconds between tokens")
    options = parser.parse_args()
    with contextlib.suppress(KeyboardInterrupt):
        uvloop.run(serve(options.port, options.pace))


if __name__ == "__main__":
    main()
