"""A short question to a worker on the side: within a deadline, and never an error.

What helps (a reranker, a small model that rewords, one that finds a title) may be absent, slow or broken; whoever asks
then goes on without it. So every failure is None and a line in the log, and a worker that failed three times in a row
is left alone for half a minute. The request runs on an event loop of its own thread, where giving up really ends it: a
server that sends one byte a second would hold a blocking client for hours.
"""

from __future__ import annotations

import asyncio
import atexit
import concurrent.futures
import contextlib
import logging
import os
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeVar
from uuid import UUID

import aiohttp
import orjson

from app.inference.models import Role
from app.inference.routing.workers import workers_of_model, workers_of_role
from app.inference.types import Target

T = TypeVar("T")

SECONDS = 1.5
MOST_FAILURES = 3
PAUSE_SECONDS = 30.0
LONGEST_ANSWER = 2_000_000  # bytes

log = logging.getLogger(__name__)


def ask_role(
    role: Role, path: str, body: dict[str, Any], read: Callable[[Any], T], seconds: float = SECONDS
) -> T | None:
    """``POST path`` of a healthy worker of this role, the next one when one fails, all within ``seconds``.

    ``read`` makes the result of the decoded JSON and may raise ValueError, TypeError, LookupError or AttributeError for
    what it cannot use. None when there is no worker, or none answers well in time.
    """
    return _ask(workers_of_role(role), path, body, read, seconds)


def ask_model(
    name: str, path: str, body: dict[str, Any], read: Callable[[Any], T], seconds: float = SECONDS
) -> T | None:
    """The same of a healthy worker of the model of this name."""
    return _ask(workers_of_model(name), path, body, read, seconds)


def _ask(
    workers: Sequence[Target], path: str, body: dict[str, Any], read: Callable[[Any], T], seconds: float
) -> T | None:
    ends_at = time.monotonic() + seconds
    targets = [target for target in workers if _breaker(target.id).is_closed()]
    for number, target in enumerate(targets, start=1):
        breaker = _breaker(target.id)
        left = ends_at - time.monotonic()
        if left <= 0:
            break
        try:
            # One that is not the last hope gets half of the time that is left.
            result = read(_post(target, path, body, left if number == len(targets) else left / 2))
        except (
            aiohttp.ClientError,
            OSError,  # with TimeoutError
            ValueError,
            TypeError,
            LookupError,
            AttributeError,
        ) as error:
            breaker.note_failure()
            log.warning("worker %s of %s gave no help: %r", target.id, target.model, error)
        else:
            breaker.note_success()
            return result
    return None


@dataclass
class _Breaker:
    failures: int = 0
    open_until: float = 0.0

    def is_closed(self) -> bool:
        return time.monotonic() >= self.open_until

    def note_failure(self) -> None:
        self.failures += 1
        if self.failures >= MOST_FAILURES:
            self.open_until = time.monotonic() + PAUSE_SECONDS

    def note_success(self) -> None:
        self.failures = 0


@lru_cache(maxsize=256)
def _breaker(_worker: UUID) -> _Breaker:
    """This process's own: nothing is shared, so nothing can be wrong about it."""
    return _Breaker()


def _post(target: Target, path: str, body: dict[str, Any], seconds: float) -> Any:
    """The decoded answer. Raises TimeoutError, aiohttp.ClientError, or ValueError for what is no JSON."""
    future = asyncio.run_coroutine_threadsafe(_request(target, path, body), _loop(os.getpid()))
    try:
        return future.result(seconds)
    except concurrent.futures.TimeoutError as error:
        raise TimeoutError("no answer in time") from error
    finally:
        future.cancel()


async def _request(target: Target, path: str, body: dict[str, Any]) -> Any:
    headers = {"Content-Type": "application/json"}
    if target.api_key:
        headers["Authorization"] = f"Bearer {target.api_key}"
    async with _session().post(
        f"{target.address}{path}",
        data=orjson.dumps({"model": target.upstream_name, **body}),
        headers=headers,
        allow_redirects=False,
    ) as response:
        data = await response.content.read(LONGEST_ANSWER + 1)
        while not response.content.at_eof() and len(data) <= LONGEST_ANSWER:
            data += await response.content.read(LONGEST_ANSWER + 1 - len(data))
        if response.status != 200 or len(data) > LONGEST_ANSWER:
            raise ValueError(f"status {response.status}, {len(data)} bytes: {data[:200]!r}")
        return orjson.loads(data)


_sessions: dict[asyncio.AbstractEventLoop, aiohttp.ClientSession] = {}


def _session() -> aiohttp.ClientSession:
    loop = asyncio.get_running_loop()
    if loop not in _sessions:
        _sessions[loop] = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(keepalive_timeout=3.0),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=30.0),
        )
    return _sessions[loop]


@lru_cache(maxsize=1)
def _loop(_process: int) -> asyncio.AbstractEventLoop:
    """Runs in a thread of its own for as long as the process; a forked child makes its own."""
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, name="asides", daemon=True).start()
    atexit.register(_close, loop)
    return loop


def _close(loop: asyncio.AbstractEventLoop) -> None:
    if session := _sessions.pop(loop, None):
        with contextlib.suppress(concurrent.futures.TimeoutError):
            asyncio.run_coroutine_threadsafe(session.close(), loop).result(1.0)
