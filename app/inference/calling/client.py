"""The token path to a model server: one POST, its server-sent events, plain text out.

The first text is passed on at once. After it the connection is read once a frame: in between, what comes waits in the
kernel, so that a token costs no call of its own and a slow reader no memory. Progress is text: comments, keep-alives
and empty events do not count, so a server that only pretends to live is left. Closing the generator closes the
connection at once, which is how a model server learns to stop computing.
"""

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

import orjson

from app.inference.calling.answers import Answer
from app.inference.calling.connections import Connection, Headers, LostConnectionError, Session
from app.inference.errors import (
    BusyError,
    RejectedError,
    StalledError,
    TooLongError,
    UnreachableError,
    UpstreamError,
    WrongModelError,
)
from app.inference.types import ChatMessage, CompletionRequest, Deadlines, Target, TextChunk, Usage
from app.web.frames import frame_clock

REFUSAL_BYTES = 500
REFUSAL_SECONDS = 1.0
GO_ON = "Go on exactly where your last message stopped, in the middle of a word if need be. Repeat nothing of it."


def new_session(deadlines: Deadlines | None = None) -> Session:
    """The connections that every stream of one event loop shares; the caller closes it."""
    return Session((deadlines or Deadlines()).connect)


async def stream_completion(
    session: Session,
    target: Target,
    request: CompletionRequest,
    deadlines: Deadlines | None = None,
    *,
    asked_at: float | None = None,
) -> AsyncGenerator[TextChunk | Usage, None]:
    """Text as it arrives, then exactly one Usage; or an UpstreamError, at any point, after the text before it.

    ``asked_at`` (event loop time) is when the reader began to wait, if that was before now.
    """
    reading = _Reading(target, deadlines or Deadlines(), asked_at)
    try:
        await reading.open(session, request)
        while text := await reading.text():
            yield TextChunk(text)
    finally:
        reading.close()
    yield reading.usage()


class _Reading:
    """One answer being read: takes what its connection brings, and wakes the one who waits for it."""

    def __init__(self, target: Target, deadlines: Deadlines, asked_at: float | None) -> None:
        self._loop, self._clock = asyncio.get_running_loop(), frame_clock()
        self._target, self._deadlines = target, deadlines
        self._answer = Answer(target)
        self._begun_at = self._loop.time()
        self._asked_at = self._begun_at if asked_at is None else asked_at
        self._first_text_at = self._progressed_at = 0.0
        self._connection: Connection | None = None
        self._refusal: _Refusal | None = None
        self._was_dropped = False
        self._may_read = True
        self._waiter: asyncio.Future[None] | None = None
        self._timer: asyncio.TimerHandle | None = None

    async def open(self, session: Session, request: CompletionRequest) -> None:
        """Send the request and wait for the first piece of the answer. Raises UpstreamError."""
        url = f"{self._target.address}/chat/completions"
        body, headers = _body(self._target, request), _headers(self._target, request)
        while True:
            self._connection, self._was_dropped = None, False
            try:
                async with asyncio.timeout_at(self._due_at()):
                    self._connection = await session.post(url, headers, body, self)
            except (OSError, ValueError) as error:
                if self._loop.time() >= self._due_at():
                    raise StalledError("no connection in time") from error
                raise UnreachableError(repr(error)) from error
            await self._wait()
            if not self._was_dropped:
                return

    async def text(self) -> str:
        """All that has come since the last call; waits for some. Empty at the end. Raises UpstreamError."""
        answer = self._answer
        if not answer.has_news:
            if self._first_text_at:
                self._progressed_at = self._loop.time()  # the reader's own slowness is not the server's
            if self._may_read and self._connection:
                self._connection.resume_reading()
            await self._wait()
        text = answer.text()
        if not text and answer.failure:
            raise answer.failure
        return text

    def close(self) -> None:
        """Let go of the connection: it can serve again after a whole answer, and is cut in the middle of one."""
        if self._timer:
            self._timer.cancel()
        if self._connection:
            if self._answer.is_over and not self._answer.failure:
                self._connection.leave()
            else:
                self._connection.abort()
            self._connection = None

    def usage(self) -> Usage:
        now, answer = self._loop.time(), self._answer
        return Usage(
            tokens_in=answer.count("prompt_tokens"),
            tokens_cached=answer.tokens_cached,
            tokens_out=answer.count("completion_tokens"),
            finish_reason=answer.finish_reason or "stop",
            model=self._target.model,
            worker_id=self._target.id,
            first_token_seconds=(self._first_text_at or now) - self._asked_at,
            total_seconds=now - self._asked_at,
        )

    # --- what the connection brings ---

    def take_head(self, status: int, headers: Headers) -> None:
        kind = headers.get(b"content-type", b"").partition(b";")[0].strip().lower()
        if status != 200 or kind != b"text/event-stream":
            self._refusal = _Refusal(status, kind.decode("latin-1"), headers, self._loop.time() + REFUSAL_SECONDS)
            self._arm()

    def take_body(self, data: bytes) -> None:
        if self._refusal:
            self._refusal.said += data
            if len(self._refusal.said) >= REFUSAL_BYTES:
                self._fail(self._refusal.error())
            return
        self._answer.take(data)
        self._note_news()

    def take_end(self, error: LostConnectionError | None) -> None:
        connection, self._connection = self._connection, None  # it may serve others from now on
        if self._refusal:
            self._answer.fail(self._refusal.error())
        elif error is None:
            self._answer.take_end()
        elif connection and connection.was_reused and not connection.has_response:
            self._was_dropped = True  # the server had closed the idle connection, and a new one will do
        else:
            self._answer.fail(UpstreamError(f"connection lost: {error}"))
        self._note_news()

    def _note_news(self) -> None:
        """Wake the reader when there is something for it, and read on a frame later."""
        answer = self._answer
        if answer.has_reasoned:
            answer.has_reasoned, self._progressed_at = False, self._loop.time()
        if not (answer.has_news or self._was_dropped):
            return
        if answer.length:
            self._progressed_at = self._loop.time()
            if not self._first_text_at:
                self._first_text_at = self._progressed_at
                self._arm()
        if not answer.is_over and not answer.finish_reason and self._may_read and self._connection:
            self._may_read = False
            self._connection.pause_reading()
            self._clock.call_next(self._next_frame)
        if self._waiter and not self._waiter.done():
            self._waiter.set_result(None)

    def _next_frame(self) -> None:
        self._may_read = True
        if self._waiter and self._connection:
            self._connection.resume_reading()

    # --- waiting, and for how long ---

    async def _wait(self) -> None:
        """Until there is news, or a deadline has passed, which is news too."""
        if self._answer.has_news or self._was_dropped:
            return
        if self._timer is None:
            self._arm()
        self._waiter = self._loop.create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def _due_at(self) -> float:
        if self._refusal:
            return self._refusal.due_at
        if self._progressed_at:
            return min(self._progressed_at + self._deadlines.stall, self._ends_at())
        return min(self._asked_at + self._deadlines.first_token, self._ends_at())

    def _ends_at(self) -> float:
        return self._begun_at + self._deadlines.total

    def _arm(self) -> None:
        if self._timer:
            self._timer.cancel()
        self._timer = self._loop.call_at(self._due_at(), self._check_deadline)

    def _check_deadline(self) -> None:
        """One timer a stream, which looks again when text has moved the deadline meanwhile."""
        self._timer = None
        if self._waiter is None:
            return
        now = self._loop.time()
        if now < self._due_at():
            self._arm()
        elif self._refusal:
            self._fail(self._refusal.error())
        elif now >= self._ends_at():
            self._fail(TooLongError("out of time"))
        else:
            self._fail(StalledError("no text within the deadline"))

    def _fail(self, error: UpstreamError) -> None:
        self._answer.fail(error)
        if self._connection:
            self._connection.abort()
        self._note_news()


class _Refusal:
    """An answer that is no event stream: what it says is read for a moment, for the log."""

    def __init__(self, status: int, kind: str, headers: Headers, due_at: float) -> None:
        self.due_at = due_at
        self.said = b""
        self._status, self._kind, self._headers = status, kind, headers

    def error(self) -> UpstreamError:
        said = self.said[:REFUSAL_BYTES].decode(errors="replace")
        detail = f"status {self._status}, {self._kind}: {said}"
        if self._status in (429, 503):
            return BusyError(detail, retry_after=_seconds(self._headers.get(b"retry-after", b"")))
        if self._status in (400, 413, 422):
            return RejectedError(detail)
        if self._status == 404:
            return WrongModelError(detail)
        return UpstreamError(detail)


def _seconds(text: bytes) -> float | None:
    return float(text) if text.isdigit() else None


def _body(target: Target, request: CompletionRequest) -> bytes:
    body: dict[str, Any] = {
        "model": target.upstream_name,
        "messages": [{"role": message.role, "content": _content(message)} for message in request.messages],
        "max_tokens": request.max_tokens,
        "temperature": request.temperature,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    if request.continues:
        body["messages"].append({"role": "assistant", "content": request.continues})
    if target.kind == "vllm":
        body |= {"priority": request.priority} if request.priority else {}
        body |= {"cache_salt": request.cache_salt} if request.cache_salt else {}
        body |= {"continue_final_message": True, "add_generation_prompt": False} if request.continues else {}
    elif target.kind == "llama":
        body["cache_prompt"] = True  # it goes on from a last message of the assistant by itself
    elif request.continues:
        body["messages"].append({"role": "user", "content": GO_ON})
    return orjson.dumps(body)


def _content(message: ChatMessage) -> str | list[dict[str, Any]]:
    """Text alone as it is; with images in parts, as the protocol has it."""
    if not message.images:
        return message.content
    images = [{"type": "image_url", "image_url": {"url": url}} for url in message.images]
    return [{"type": "text", "text": message.content}, *images]


def _headers(target: Target, request: CompletionRequest) -> dict[str, str]:
    headers = {
        "Content-Type": "application/json",
        "Accept": "text/event-stream",
        "Accept-Encoding": "identity",
        "User-Agent": "Parley",
    }
    if target.api_key:
        headers["Authorization"] = f"Bearer {target.api_key}"
    if request.session_id and target.kind == "vllm":
        headers["X-Session-Id"] = request.session_id
    return headers
