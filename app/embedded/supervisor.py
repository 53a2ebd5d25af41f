"""Starts, watches and stops everything that `make run` runs. Why it is our own: docs/decisions/0002-supervisor.md.

A part that ends on its own is started again, later each time; one that keeps ending brings everything down with
the reason, because a Parley that half works is harder to understand than one that says what is wrong. Nothing
outlives this process.
"""

import asyncio
import contextlib
import signal
import subprocess
import time
from collections import deque
from collections.abc import Callable, Coroutine, Iterable
from typing import Any

from app.embedded.console import Console
from app.embedded.errors import EmbeddedError
from app.embedded.guarding import Guard
from app.embedded.processes import Part, describe_exit, kill_group, spawn

_CRASHES_TOLERATED = 5  # within _CRASH_WINDOW seconds
_CRASH_WINDOW = 60.0
_FIRST_PAUSE = 0.2
_LONGEST_PAUSE = 10.0
_POLL_SECONDS = 0.05


class Stopped(Exception):
    """Somebody asked for the end while things were starting."""


class _Running:
    """One started process of a part."""

    def __init__(self, part: Part, process: subprocess.Popen[bytes]) -> None:
        self.part = part
        self.process = process
        self.ended = asyncio.Event()


class Supervisor:
    """Holds the running parts. Use it as an async context manager; leaving it stops everything."""

    def __init__(self, console: Console, lock: int) -> None:
        self._console = console
        self._running: dict[str, _Running] = {}
        self._keepers: list[asyncio.Task[None]] = []
        self._stop = asyncio.Event()
        self._reason: EmbeddedError | None = None
        self._guard = Guard(lock)

    async def __aenter__(self) -> "Supervisor":
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, self._asked_to_stop)
        loop.add_signal_handler(signal.SIGCHLD, self._reap)
        self._guard.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        self._stop.set()
        for keeper in self._keepers:
            keeper.cancel()
        await asyncio.gather(*self._keepers, return_exceptions=True)
        await self._stop_all()
        self._guard.close()

    async def start(self, *parts: Part) -> None:
        """Start these at once and wait until all answer; from then on they are kept running.

        Raises EmbeddedError when one does not come up, Stopped when the end was asked for meanwhile.
        """
        await self._unless_stopped(*(self._start_one(part) for part in parts))

    async def run(self, *parts: Part) -> None:
        """Run parts that end by themselves, together. Raises EmbeddedError with the last words of one that fails."""
        await self._unless_stopped(*(self._run_one(part) for part in parts))

    async def until(self, condition: Callable[[], bool], *, seconds: float, complaint: Callable[[], str]) -> None:
        """Wait until `condition` (which may block for a second) holds. Raises EmbeddedError(complaint()) when late."""
        await self._unless_stopped(self._until(condition, seconds, complaint))

    async def wait(self) -> None:
        """Until somebody asks for the end. Raises EmbeddedError when a part keeps ending."""
        await self._stop.wait()
        if self._reason is not None:
            raise self._reason

    async def _unless_stopped(self, *work: Coroutine[Any, Any, None]) -> None:
        tasks = [asyncio.ensure_future(each) for each in work]
        stop = asyncio.ensure_future(self._stop.wait())
        try:
            pending = set(tasks)
            while pending and not stop.done():
                done, _ = await asyncio.wait({*pending, stop}, return_when=asyncio.FIRST_COMPLETED)
                for task in done & pending:
                    task.result()
                pending -= done
        finally:
            for task in (*tasks, stop):
                task.cancel()
            await asyncio.gather(*tasks, stop, return_exceptions=True)
        if self._reason is not None:
            raise self._reason
        if self._stop.is_set():
            raise Stopped

    async def _until(self, condition: Callable[[], bool], seconds: float, complaint: Callable[[], str]) -> None:
        deadline = time.monotonic() + seconds
        while not await asyncio.to_thread(condition):
            if time.monotonic() > deadline:
                raise EmbeddedError(complaint())
            await asyncio.sleep(_POLL_SECONDS)

    async def _start_one(self, part: Part) -> None:
        running = await self._spawn(part)
        await self._wait_until_ready(running)
        self._keepers.append(asyncio.ensure_future(self._keep(running)))

    async def _run_one(self, part: Part) -> None:
        running = await self._spawn(part)
        await running.ended.wait()
        if running.process.returncode:
            raise self._gave_up(part, running.process.returncode)

    async def _spawn(self, part: Part) -> _Running:
        if part.before_start is not None:
            await asyncio.to_thread(part.before_start)
        if self._stop.is_set():
            raise Stopped
        running = _Running(part, spawn(part))
        self._running[part.name] = running
        self._tell_guardian()
        loop = asyncio.get_running_loop()
        await loop.connect_read_pipe(lambda: _Lines(part, self._console), running.process.stdout)
        self._reap()  # it may have ended before it was known here
        return running

    async def _wait_until_ready(self, running: _Running) -> None:
        part = running.part
        deadline = time.monotonic() + part.start_seconds
        while part.is_ready is not None and not await asyncio.to_thread(part.is_ready):
            if running.ended.is_set():
                raise self._gave_up(part, running.process.returncode)
            if time.monotonic() > deadline:
                raise EmbeddedError(f"{part.name} does not answer after {part.start_seconds:.0f} s.")
            await asyncio.sleep(_POLL_SECONDS)

    async def _keep(self, running: _Running) -> None:
        """Start a part again whenever it ends, until it does so too often."""
        part, crashes = running.part, deque[float]()
        while True:
            await running.ended.wait()
            crashes.append(time.monotonic())
            while crashes[-1] - crashes[0] > _CRASH_WINDOW:
                crashes.popleft()
            exit_words = describe_exit(running.process.returncode)
            if len(crashes) >= _CRASHES_TOLERATED:
                self._reason = self._gave_up(part, running.process.returncode)
                self._stop.set()
                return
            pause = min(_LONGEST_PAUSE, _FIRST_PAUSE * 3 ** (len(crashes) - 1))
            self._console.say(f"{part.name} ended ({exit_words}); starting it again in {pause:.1f} s.")
            await asyncio.sleep(pause)
            try:
                running = await self._spawn(part)
            except EmbeddedError as error:
                self._reason = error
                self._stop.set()
                return

    def _gave_up(self, part: Part, code: int) -> EmbeddedError:
        said = "".join(f"\n  {line}" for line in self._console.last_lines(part.name)) or " nothing"
        return EmbeddedError(f"{part.name} does not stay up ({describe_exit(code)}). Its last words:{said}")

    def _reap(self) -> None:
        """Note which processes have ended, and end what they left of their groups."""
        for running in self._running.values():
            if not running.ended.is_set() and running.process.poll() is not None:
                kill_group(running.process.pid)
                running.ended.set()
                self._tell_guardian()
        if not self._stop.is_set():
            self._guard.start()

    def _asked_to_stop(self) -> None:
        if self._stop.is_set():  # asked twice: no more patience
            for running in self._live():
                kill_group(running.process.pid)
        self._stop.set()

    async def _stop_all(self) -> None:
        """Everything but the stores first, then those, so that the last writes still find them."""
        stores = {"postgres", "valkey"}
        await self._end(running for running in self._live() if running.part.name not in stores)
        await self._end(self._live())

    async def _end(self, those: Iterable[_Running]) -> None:
        await asyncio.gather(*(self._end_one(running) for running in list(those)))

    async def _end_one(self, running: _Running) -> None:
        with contextlib.suppress(ProcessLookupError):
            running.process.send_signal(running.part.stop_signal)
        try:
            await asyncio.wait_for(running.ended.wait(), running.part.stop_seconds)
        except TimeoutError:
            self._console.say(f"{running.part.name} did not stop in {running.part.stop_seconds:.0f} s and is killed.")
            kill_group(running.process.pid)
            await running.ended.wait()

    def _live(self) -> list[_Running]:
        return [running for running in self._running.values() if not running.ended.is_set()]

    def _tell_guardian(self) -> None:
        self._guard.tell((running.process, running.part) for running in self._live())


class _Lines(asyncio.Protocol):
    """Cuts what a part writes into lines."""

    def __init__(self, part: Part, console: Console) -> None:
        self._part = part
        self._console = console
        self._rest = b""

    def data_received(self, data: bytes) -> None:
        *lines, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > 65_536:
            lines, self._rest = [*lines, self._rest], b""
        for line in lines:
            self._write(line)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._rest:
            self._write(self._rest)

    def _write(self, line: bytes) -> None:
        text = line.decode(errors="replace").rstrip("\r")
        self._console.line(self._part.name, text, quiet=self._part.is_quiet)
