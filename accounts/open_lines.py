"""What is open over HTTP, and how it ends: event streams, downloads and answers that are waited for.

Whoever calls is noted in the request's ASGI scope where they are let in: by their session in
``accounts.signing_in.gate``, by key or token in ``accounts.authentication``. From then on the layer below knows whose
answer it is sending, so no view has to think of it. When access ends (``accounts.signals.access_ended``) every answer
that has begun and is that person's, or of that key or session, is cut off in the middle; one that lasts longer than
its key or token is as well. Sockets have a channel of their own and do the same (``chat.socket.consumers``).
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections import deque
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from datetime import datetime
from threading import Lock
from typing import Any, TypeVar
from uuid import UUID

from django.http import HttpRequest
from django.utils import timezone

from accounts.models import User
from app.errors import NotSignedInError
from app.web.headers import App, Send

T = TypeVar("T")

OVER = "Your access ended while this was open. Sign in again, or use another key."
LINE = "line"  # the scope's word for who is calling
LONGEST_TIMER = 30 * 24 * 3600.0  # seconds; nothing is open as long
REMEMBERED_SECONDS = 60.0  # an end that comes before the answer it concerns has begun
# What this process says of itself when it tells the others of an end, so that it does not hear its own news.
PROCESS = secrets.token_hex(8)


@dataclass(eq=False)
class Line:
    """One request's caller. ``key`` is what a key or token is known by, ``session`` the id of a device."""

    user_id: UUID
    key: str = ""
    session: str = ""
    until: datetime | None = None
    is_cut: bool = False
    noted_at: float = field(default_factory=time.monotonic)
    _loop: asyncio.AbstractEventLoop | None = None
    _task: asyncio.Task[Any] | None = None
    _timer: asyncio.TimerHandle | None = None

    def begin(self, task: asyncio.Task[Any] | None, *, is_long: bool) -> None:
        """From now on ``task`` ends with the access.

        ``is_long``: it ends even where the access did between the caller's being let in and now. What is short may be
        the answer to the very deed that ended it, such as a new password, and goes out.
        """
        self._loop, self._task = asyncio.get_running_loop(), task
        if self.until is not None and self._timer is None:
            left = max(0.0, (self.until - timezone.now()).total_seconds())
            self._timer = self._loop.call_later(min(left, LONGEST_TIMER), self._cut)
        _open.add(self)
        if is_long and _open.has_ended(self):
            self.cut_soon()

    def is_of(self, key: str, session: str) -> bool:
        """Whether the end of this key or session, or of all where neither is said, is its own."""
        return (not key or self.key == key) and (not session or self.session == session)

    def end(self) -> None:
        """It is over by itself."""
        if self._timer is not None:
            self._timer.cancel()
        _open.discard(self)

    def cut_soon(self) -> None:
        """From any thread."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._cut)

    def _cut(self) -> None:
        if self._task is not None and not self._task.done():
            self.is_cut = True
            self._task.cancel()


class _Open:
    """The lines of this process, by person, and the ends of the last minute."""

    def __init__(self) -> None:
        self._lines: dict[UUID, set[Line]] = {}
        self._ends: deque[tuple[float, UUID, str, str]] = deque()
        self._lock = Lock()

    def add(self, line: Line) -> None:
        with self._lock:
            self._lines.setdefault(line.user_id, set()).add(line)

    def discard(self, line: Line) -> None:
        with self._lock:
            rest = self._lines.get(line.user_id, set())
            rest.discard(line)
            if not rest:
                self._lines.pop(line.user_id, None)

    def note_end(self, user_id: UUID, key: str, session: str) -> list[Line]:
        """Remember it; the lines that it concerns."""
        now = time.monotonic()
        with self._lock:
            while self._ends and self._ends[0][0] < now - REMEMBERED_SECONDS:
                self._ends.popleft()
            self._ends.append((now, user_id, key, session))
            return [line for line in self._lines.get(user_id, ()) if line.is_of(key, session)]

    def has_ended(self, line: Line) -> bool:
        with self._lock:
            return any(
                at >= line.noted_at and user_id == line.user_id and line.is_of(key, session)
                for at, user_id, key, session in self._ends
            )


_open = _Open()


def note_caller(request: HttpRequest, user: User, *, session: str | None = None) -> None:
    """Whose request this is. Without ``session`` it is a program's, whose key or token the person carries."""
    scope: dict[str, Any] | None = getattr(request, "scope", None)
    if scope is None:  # no ASGI request: nothing here sends it in pieces
        return
    if user.scope is not None:
        scope[LINE] = Line(user.pk, key=user.scope.line, until=user.scope.until)
    else:
        scope[LINE] = Line(user.pk, session=session or "")


async def while_open(request: HttpRequest, work: Coroutine[Any, Any, T]) -> T:
    """What ``work`` comes to, for an operation whose answer takes long to begin.

    Raises NotSignedInError when the access ends before that.
    """
    task = asyncio.create_task(work)
    line: Line | None = getattr(request, "scope", {}).get(LINE)
    if line is not None:
        line.begin(task, is_long=True)
    try:
        return await task
    except asyncio.CancelledError:
        if line is not None and line.is_cut:
            raise NotSignedInError(OVER) from None
        raise
    finally:
        task.cancel()


def end_lines(*, user_id: UUID, key: str = "", session: str = "") -> int:
    """Cut off what this person has open here, or what one key or session of theirs has; how many lines that were."""
    ended = _open.note_end(user_id, key, session)
    for line in ended:
        line.cut_soon()
    return len(ended)


class EndOpenLines:
    """An ASGI layer: an answer that has begun ends with the access of whoever it goes to.

    A stream of events ends with one more, which ``told`` makes for the path. Other answers break off short of their
    end, so that nobody takes them for whole.
    """

    def __init__(self, app: App, told: Callable[[str], bytes]) -> None:
        self._app, self._told = app, told

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Send) -> None:
        answer = _Answer(scope, send)
        try:
            await self._app(scope, receive, answer.send)
        finally:
            line: Line | None = scope.get(LINE)
            if line is not None:
                line.end()
        if line is not None and line.is_cut and answer.is_stream and not answer.is_whole:
            await send({"type": "http.response.body", "body": self._told(scope["path"])})


class _Answer:
    """How far an answer has come."""

    def __init__(self, scope: dict[str, Any], send: Send) -> None:
        self._scope, self._send = scope, send
        self.is_whole = self.is_stream = False

    async def send(self, message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            said = {name.lower(): value for name, value in message.get("headers", ())}
            self.is_stream = said.get(b"content-type", b"").startswith(b"text/event-stream")
            line: Line | None = self._scope.get(LINE)
            if line is not None:
                is_long = self.is_stream or b"content-disposition" in said
                line.begin(asyncio.current_task(), is_long=is_long)
        await self._send(message)
        self.is_whole = message["type"] == "http.response.body" and not message.get("more_body")
