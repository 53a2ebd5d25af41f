"""Those who read answers in the stream benchmark: many at once, over Parley's socket or as server-sent events.

They note when each token came, and between the first token of the last reader and the end of the first they ask how
much the process under test has computed: that is what streaming costs, asking and settling left out.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field

import aiohttp
import orjson

from bench.harness import BenchError
from bench.people import Line
from bench.talking import JSON_PROTOCOL
from bench.upstream import MODEL, TOKEN_CHARACTERS, age_of

LONGEST_SECONDS = 240.0
SETTLE_SECONDS = 0.2
OPENING_SECONDS = 0.1  # a reader asks on a line that is open: what opening it computes is no part of the answer
SHORTEST_WINDOW_SECONDS = 0.5
SPREAD_SECONDS = 0.02  # asking in step, readers would be answered in step, which is cheaper than life
QUESTION = "Please tell me about the rules for travelling by train."
_ADDED = re.compile(r'beforeend:#open-[^"]*"[^>]*>(.*?)</div>', re.DOTALL)
_OPEN = re.compile(r'id="open-[^"]*"[^>]*>(.*?)</div>', re.DOTALL)
_CLOSED = re.compile(r'beforeend:#closed-[^"]*"[^>]*>(.*?)</div>', re.DOTALL)
_TOKEN = re.compile(r"\b[0-9A-Za-z]{4}\b")
_TAG = re.compile(r"<[^>]+>")


@dataclass
class Reading:
    """What one reader saw. Times are time.monotonic()."""

    asked_at: float = 0.0
    first_at: float = 0.0
    arrivals: list[float] = field(default_factory=list)
    ages: list[float] = field(default_factory=list)
    wire_bytes: int = 0
    text_bytes: int = 0
    out_of_order: int = 0
    _said_at: float = 0.0

    @property
    def first_seconds(self) -> float:
        return self.first_at - self.asked_at

    def note_text(self, text: str) -> None:
        now = time.monotonic()
        self.first_at = self.first_at or now
        self.text_bytes += len(text.encode())
        for begin in range(0, len(text), TOKEN_CHARACTERS):
            age = age_of(text[begin : begin + TOKEN_CHARACTERS], now)
            self.out_of_order += now - age < self._said_at - 0.001
            self._said_at = now - age
            self.arrivals.append(now)
            self.ages.append(age)


class Crowd:
    """Where the readers of one run stand together."""

    def __init__(self, count: int) -> None:
        self.readings = [Reading() for _ in range(count)]
        self.all_begun, self.one_ended = asyncio.Event(), asyncio.Event()
        self._waiting = count

    def note_begun(self) -> None:
        self._waiting -= 1
        if self._waiting == 0:
            self.all_begun.set()

    def note_text(self, reading: Reading, text: str) -> None:
        is_first = not reading.first_at
        reading.note_text(text)
        if is_first:
            self.note_begun()


@dataclass(frozen=True)
class Streamed:
    """One run of many readers. CPU figures are seconds of the process under test; ``window`` is the time (monotonic)
    in which all of them were read to."""

    readings: Sequence[Reading]
    window: tuple[float, float]
    window_cpu: float
    window_tokens: float
    whole_cpu: float

    @property
    def tokens(self) -> int:
        return sum(len(reading.arrivals) for reading in self.readings)

    @property
    def micros_while_streaming(self) -> float:
        """Of the whole run where there was no such time: who is overloaded ends the first answer before the last has
        begun.
        """
        return self.window_cpu / self.window_tokens * 1e6 if self.window_tokens else self.micros_in_all

    @property
    def micros_in_all(self) -> float:
        return self.whole_cpu / self.tokens * 1e6

    @property
    def firsts(self) -> list[float]:
        """Milliseconds from asking to the first text."""
        return [reading.first_seconds * 1e3 for reading in self.readings]

    @property
    def ages(self) -> list[float]:
        """Milliseconds that each token after the first was under way."""
        return [age * 1e3 for reading in self.readings for age in reading.ages[1:]]

    @property
    def bytes_over_text(self) -> float:
        return sum(reading.wire_bytes for reading in self.readings) / sum(r.text_bytes for r in self.readings)

    def lost(self, said: int) -> int:
        return sum(max(0, said - len(reading.arrivals)) for reading in self.readings)

    @property
    def out_of_order(self) -> int:
        return sum(reading.out_of_order for reading in self.readings)


Reader = Callable[[Crowd, Reading, int], Awaitable[None]]


async def read_together(count: int, reader: Reader, cpu: Callable[[], float], *, needs_window: bool = True) -> Streamed:
    """Let ``count`` readers ask within 20 ms. Raises BenchError when one does not get its whole answer in time.

    ``reader`` gets the crowd, its own reading and its number, and returns when its answer has ended. Short answers
    have no time in which all are being read to, and do without (``needs_window``).
    """
    crowd = Crowd(count)

    async def read(number: int) -> None:
        await reader(crowd, crowd.readings[number], number)
        crowd.one_ended.set()

    began_cpu = cpu()
    try:
        async with asyncio.timeout(LONGEST_SECONDS), asyncio.TaskGroup() as group:
            window = group.create_task(_watch(crowd, cpu)) if needs_window else None
            for number in range(count):
                group.create_task(read(number))
    except TimeoutError:
        raise BenchError(f"{count} readers did not get their answers within {LONGEST_SECONDS:.0f} s.") from None
    except ExceptionGroup as failures:  # one reader's failure ends them all; the first says why
        raise failures.exceptions[0] from None
    window_cpu, begin, end = window.result() if window else (0.0, 0.0, 0.0)
    inside = sum(begin <= at < end for reading in crowd.readings for at in reading.arrivals)
    return Streamed(crowd.readings, (begin, end), window_cpu, inside, cpu() - began_cpu)


async def _watch(crowd: Crowd, cpu: Callable[[], float]) -> tuple[float, float, float]:
    """CPU seconds, begin and end of the time in which every reader was being read to."""
    await crowd.all_begun.wait()
    await asyncio.sleep(SETTLE_SECONDS)
    begin, began_cpu = time.monotonic(), cpu()
    await crowd.one_ended.wait()
    end, ended_cpu = time.monotonic(), cpu()
    return (ended_cpu - began_cpu, begin, end) if end - begin > SHORTEST_WINDOW_SECONDS else (0.0, 0.0, 0.0)


def sse_reader(session: aiohttp.ClientSession, url: str, max_tokens: int) -> Reader:
    """Asks a model server, or what stands in front of it."""
    body = {
        "model": MODEL,
        "messages": [{"role": "user", "content": QUESTION}],
        "max_tokens": max_tokens,
        "stream": True,
        "stream_options": {"include_usage": True},
    }

    async def read(crowd: Crowd, reading: Reading, number: int) -> None:
        await _spread(crowd, number)
        reading.asked_at = time.monotonic()
        async with session.post(f"{url}/chat/completions", json=body) as response:
            async for line in response.content:
                reading.wire_bytes += len(line)
                if line.startswith(b'data: {"'):
                    choices = orjson.loads(line[6:])["choices"]
                    if choices and (text := choices[0]["delta"].get("content")):
                        crowd.note_text(reading, text)

    return read


def json_reader(session: aiohttp.ClientSession, lines: Sequence[Line]) -> Reader:
    """Asks in a conversation each, as a program does. The lines are opened before anybody asks."""
    together = asyncio.Barrier(len(lines))

    async def read(crowd: Crowd, reading: Reading, number: int) -> None:
        async with _open(session, lines[number], JSON_PROTOCOL) as line:
            await together.wait()
            await asyncio.sleep(OPENING_SECONDS)
            await _spread(crowd, number)
            reading.asked_at = time.monotonic()
            await line.send_str(_question(number))
            async for frame in line:
                reading.wire_bytes += _frame_bytes(frame.data)
                event = orjson.loads(frame.data)
                if event["type"] == "delta":
                    crowd.note_text(reading, event["text"])
                elif event["type"] in ("done", "error"):
                    _check_done(event)
                    return

    return read


def html_reader(session: aiohttp.ClientSession, lines: Sequence[Line]) -> Reader:
    """The same as a browser, which gets HTML."""
    together = asyncio.Barrier(len(lines))

    async def read(crowd: Crowd, reading: Reading, number: int) -> None:
        page = _Page()
        async with _open(session, lines[number], None) as line:
            await together.wait()
            await asyncio.sleep(OPENING_SECONDS)
            await _spread(crowd, number)
            reading.asked_at = time.monotonic()
            await line.send_str(_question(number))
            async for frame in line:
                reading.wire_bytes += _frame_bytes(frame.data)
                if new := page.take(frame.data):
                    crowd.note_text(reading, new)
                if 'data-state="done"' in frame.data:
                    return

    return read


class _Page:
    """As much of a browser as it takes to know which tokens a frame shows for the first time."""

    def __init__(self) -> None:
        self._closed = self._shown = 0

    def take(self, html: str) -> str:
        closed = [token for part in _CLOSED.findall(html) for token in _tokens(part)]
        new = [token for part in _ADDED.findall(html) for token in _tokens(part)]
        if opened := _OPEN.search(html):
            whole = closed + _tokens(opened[1])
            new = whole[max(0, self._shown - self._closed) :]
        self._closed += len(closed)
        self._shown += len(new)
        return "".join(f"{token} " for token in new)


def _tokens(html: str) -> list[str]:
    return _TOKEN.findall(_TAG.sub("", html))


def _open(
    session: aiohttp.ClientSession, line: Line, protocol: str | None
) -> AbstractAsyncContextManager[aiohttp.ClientWebSocketResponse]:
    return session.ws_connect(line.url, protocols=(protocol,) if protocol else (), headers=line.headers)


async def _spread(crowd: Crowd, number: int) -> None:
    await asyncio.sleep(SPREAD_SECONDS * number / len(crowd.readings))


def _question(number: int) -> str:
    return orjson.dumps({"type": "ask", "text": QUESTION, "client_id": f"bench-{number}"}).decode()


def _frame_bytes(text: str) -> int:
    """A websocket frame from the server: its text and its head."""
    size = len(text.encode())
    return size + (2 if size < 126 else 4 if size < 65_536 else 10)


def _check_done(event: dict[str, object]) -> None:
    if event.get("state") != "done":
        raise BenchError(f"An answer did not end well: {event}")
