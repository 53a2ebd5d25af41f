"""The token path to a model server: one POST, its server-sent events, plain text out.

An HTTP client and a small event reader instead of an SDK, because every token passes here. Progress is text:
comments, keep-alives and empty events do not count, so a server that only pretends to live is left. Closing
the generator closes the connection at once, which is how a model server learns to stop computing.
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import aiohttp
import orjson

from app.inference.errors import (
    BrokenStreamError,
    BusyError,
    RejectedError,
    StalledError,
    TooLongError,
    UnreachableError,
    UpstreamError,
)
from app.inference.sse import DONE, EventReader
from app.inference.types import CompletionRequest, Deadlines, Target, TextChunk, Usage

LONGEST_ANSWER = 4_194_304  # characters
IDLE_SECONDS = 3.0  # uvicorn and llama.cpp close idle connections after 5
LAST_CHUNK_SECONDS = 0.1


def new_session(deadlines: Deadlines | None = None) -> aiohttp.ClientSession:
    """The HTTP session that every stream of one event loop shares; the caller closes it."""
    trace = aiohttp.TraceConfig()
    trace.on_connection_reuseconn.append(_note_reuse)
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=IDLE_SECONDS),
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=(deadlines or Deadlines()).connect),
        cookie_jar=aiohttp.DummyCookieJar(),
        headers={"Accept": "text/event-stream", "Accept-Encoding": "identity"},
        trace_configs=[trace],
    )


async def stream_completion(
    session: aiohttp.ClientSession,
    target: Target,
    request: CompletionRequest,
    deadlines: Deadlines | None = None,
    *,
    asked_at: float | None = None,
) -> AsyncGenerator[TextChunk | Usage, None]:
    """Text as it arrives, then exactly one Usage; or an UpstreamError, at any point.

    ``asked_at`` (event loop time) is when the reader began to wait, if that was before now.
    """
    now = asyncio.get_running_loop().time()
    answer = _Answer(target, deadlines or Deadlines(), now if asked_at is None else asked_at, now)
    response = await _open(session, target, request, answer)
    try:
        await _check(response)
        while not answer.is_complete:
            text = answer.take(await _read(response, answer))
            if text:
                yield TextChunk(text)
                answer.progressed_at = answer.loop.time()  # the reader's own slowness is not the server's
            if answer.failure:
                raise answer.failure
        await _read_to_end(response)
    finally:
        response.close()
    yield answer.usage()


@dataclass
class _Answer:
    """What has been read of one answer so far, and until when the next piece must come."""

    target: Target
    deadlines: Deadlines
    asked_at: float
    started_at: float
    progressed_at: float = 0.0
    first_token_at: float = 0.0
    length: int = 0
    is_complete: bool = False
    finish_reason: str = ""
    counts: dict[str, Any] = field(default_factory=dict)
    failure: UpstreamError | None = None
    reader: EventReader = field(default_factory=EventReader)
    loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.get_running_loop)

    def due_at(self) -> float:
        wait_until = (
            self.progressed_at + self.deadlines.stall
            if self.progressed_at
            else self.asked_at + self.deadlines.first_token
        )
        return min(wait_until, self.ends_at())

    def ends_at(self) -> float:
        return self.started_at + self.deadlines.total

    def take(self, data: bytes) -> str:
        """The text in ``data`` (empty bytes: the stream ended). A failure is kept, so that the text before it
        is not lost.
        """
        parts: list[str] = []
        try:
            for event in self.reader.feed(data) if data else self.reader.finish():
                if event is DONE:
                    self.is_complete = True
                    break
                if text := self._take_event(event):
                    parts.append(text)
            if not data:
                self._end()
        except UpstreamError as error:
            self.failure = error
        return self._note_text("".join(parts))

    def _take_event(self, event: dict[str, Any]) -> str:
        if error := event.get("error"):
            raise UpstreamError(f"error event: {str(error)[:500]}")
        try:
            if usage := event.get("usage"):
                self.counts = dict(usage)
            if not (choices := event.get("choices")):
                return ""
            self.finish_reason = choices[0].get("finish_reason") or self.finish_reason
            delta = choices[0].get("delta") or {}
            if delta.get("reasoning_content") or delta.get("reasoning"):
                self.progressed_at = self.loop.time()
            text = delta.get("content") or ""
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise BrokenStreamError(f"unexpected event: {error!r}") from error
        if not isinstance(text, str):
            raise BrokenStreamError("content is not text")
        return text

    def _end(self) -> None:
        if not (self.is_complete or self.finish_reason):
            raise BrokenStreamError("the stream ended in the middle of the answer")
        self.is_complete = True

    def _note_text(self, text: str) -> str:
        if text:
            self.progressed_at = self.loop.time()
            self.first_token_at = self.first_token_at or self.progressed_at
            self.length += len(text)
            if self.length > LONGEST_ANSWER:
                self.failure = TooLongError(f"over {LONGEST_ANSWER} characters")
        return text

    def usage(self) -> Usage:
        now = self.loop.time()
        details = self.counts.get("prompt_tokens_details")
        return Usage(
            tokens_in=_count(self.counts, "prompt_tokens"),
            tokens_cached=_count(details if isinstance(details, dict) else {}, "cached_tokens"),
            tokens_out=_count(self.counts, "completion_tokens"),
            finish_reason=self.finish_reason or "stop",
            model=self.target.model,
            worker_id=self.target.id,
            first_token_seconds=(self.first_token_at or now) - self.asked_at,
            total_seconds=now - self.asked_at,
        )


def _count(counts: dict[str, Any], name: str) -> int | None:
    value = counts.get(name)
    return value if isinstance(value, int) else None


def _body(target: Target, request: CompletionRequest) -> bytes:
    body: dict[str, Any] = {
        "model": target.upstream_name,
        "messages": [{"role": message.role, "content": message.content} for message in request.messages],
        "max_tokens": request.max_tokens,
        "temperature": request.temperature,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    if target.kind == "vllm":
        body |= {"priority": request.priority} if request.priority else {}
        body |= {"cache_salt": request.cache_salt} if request.cache_salt else {}
    if target.kind == "llama":
        body["cache_prompt"] = True
    return orjson.dumps(body)


def _headers(target: Target, request: CompletionRequest) -> dict[str, str]:
    headers = {"Content-Type": "application/json"}
    if target.api_key:
        headers["Authorization"] = f"Bearer {target.api_key}"
    if request.session_id and target.kind == "vllm":
        headers["X-Session-Id"] = request.session_id
    return headers


async def _open(
    session: aiohttp.ClientSession, target: Target, request: CompletionRequest, answer: _Answer
) -> aiohttp.ClientResponse:
    """Send the request; its response once the headers are there."""
    body, headers = _body(target, request), _headers(target, request)
    while True:
        connection = SimpleNamespace(was_reused=False)
        try:
            async with asyncio.timeout_at(answer.due_at()):
                return await session.post(
                    f"{target.address}/chat/completions",
                    data=body,
                    headers=headers,
                    allow_redirects=False,
                    trace_request_ctx=connection,
                )
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            raise UnreachableError(repr(error)) from error
        except aiohttp.ServerDisconnectedError as error:
            if not connection.was_reused:  # else the server had closed the idle connection, and a new one will do
                raise UpstreamError("closed the connection without an answer") from error
        except TimeoutError as error:
            raise StalledError("no answer to the request") from error
        except (aiohttp.ClientError, OSError) as error:
            raise UpstreamError(repr(error)) from error


async def _check(response: aiohttp.ClientResponse) -> None:
    """Raise the right error unless this is an event stream."""
    status = response.status
    if status == 200 and response.content_type == "text/event-stream":
        return
    detail = f"status {status}, {response.content_type}: {await _beginning(response)}"
    if status in (429, 503):
        raise BusyError(detail, retry_after=_seconds(response.headers.get("Retry-After", "")))
    if status in (400, 413, 422):
        raise RejectedError(detail)
    raise UpstreamError(detail)


async def _beginning(response: aiohttp.ClientResponse) -> str:
    with contextlib.suppress(aiohttp.ClientError, OSError, TimeoutError):
        async with asyncio.timeout(1.0):
            return (await response.content.read(500)).decode(errors="replace")
    return ""


def _seconds(text: str) -> float | None:
    return float(text) if text.isascii() and text.isdigit() else None


async def _read(response: aiohttp.ClientResponse, answer: _Answer) -> bytes:
    """The next bytes, empty at the end of the stream."""
    try:
        async with asyncio.timeout_at(answer.due_at()):
            return await response.content.readany()
    except TimeoutError as error:
        if answer.loop.time() >= answer.ends_at():
            raise TooLongError("out of time") from error
        raise StalledError("no text within the deadline") from error
    except (aiohttp.ClientError, OSError) as error:
        raise UpstreamError(f"connection lost: {error!r}") from error


async def _read_to_end(response: aiohttp.ClientResponse) -> None:
    """Read the empty last chunk after [DONE], so that the connection can be used again."""
    with contextlib.suppress(aiohttp.ClientError, OSError, TimeoutError):
        async with asyncio.timeout(LAST_CHUNK_SECONDS):
            while not response.content.at_eof():
                await response.content.readany()


async def _note_reuse(
    _session: aiohttp.ClientSession, context: SimpleNamespace, _params: aiohttp.TraceConnectionReuseconnParams
) -> None:
    context.trace_request_ctx.was_reused = True
