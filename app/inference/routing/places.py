"""The places on all workers, counted once for all of Parley: by ``places.lua`` in Valkey, one round trip a request.

Valkey is a hint here as elsewhere. When it does not answer within a tenth of a second, this process counts by itself
(``local_places``) and takes of each worker's capacity only its part among the processes it knew; what the others take
meanwhile, model servers refuse themselves. When Valkey is back, every process first says what it holds, and only two
of these tellings later the common count is asked again, so that it is whole by then. What a killed process held comes
free after some seconds, because nobody says any more that it is held.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

from app.inference.routing.lanes import LONGEST_PAUSE, Pause
from app.inference.routing.local_places import CLOSED_PATIENCE, LONGEST_LINE, Answer, Ask, LocalPlaces
from app.web.valkey import PATIENCE_SECONDS, OrderedConnection, Part, ValkeyGoneError

log = logging.getLogger(__name__)

ROOT = "parley:{pool}:"
SCRIPT = Path(__file__).with_name("places.lua").read_text()
TELLINGS_UNTIL_WHOLE = 2


@dataclass(frozen=True)
class Timing:
    """In seconds: how often a process says what it holds, when a place and a ticket are forgotten that nobody speaks of
    any more, and how long Valkey may take for a reply.
    """

    renew: float = 2.0
    place: float = 10.0
    ticket: float = 5.0
    reply: float = PATIENCE_SECONDS


class Places:
    """One per process and event loop."""

    def __init__(self, url: str, *, root: str = ROOT, timing: Timing | None = None) -> None:
        self.local = LocalPlaces()
        self.outstanding: dict[UUID, int] = {}  # over all processes, as of the last renewal
        self.timing = timing or Timing()
        self.root = root
        self._name = secrets.token_hex(6)
        self._numbers = itertools.count(1)
        self._valkey = OrderedConnection(url, self.timing.reply)
        self._script = ""
        self._tellings = TELLINGS_UNTIL_WHOLE  # since Valkey was last lost
        self._opening: asyncio.Task[None] | None = None

    @property
    def are_shared(self) -> bool:
        """Whether the common count is asked; False while this process counts by itself."""
        return self._valkey.is_open and self._tellings >= TELLINGS_UNTIL_WHOLE

    def next_ticket(self) -> tuple[str, int]:
        """A name that no other ticket of any process has, and its number among those of this one."""
        number = next(self._numbers)
        return f"{self._name}:{number}", number

    async def take(self, ask: Ask) -> Answer:
        """A place for ``ask``, or where it stands in line. Never waits for Valkey longer than a moment."""
        await self._be_opened()
        if not self.are_shared:
            return self.local.take(ask)
        try:
            reply = await self._valkey.ask(*self._command("take", *_packed(ask, self.timing)))
        except asyncio.CancelledError:
            self.leave(ask)
            raise
        except ValkeyGoneError as error:
            self._note_gone(error)
            return self.local.take(ask)
        return self._note(ask, reply)

    def leave(self, ask: Ask) -> None:
        """Wait no longer; a place that has been given meanwhile is given back."""
        self.local.leave(ask)
        self._post("leave", ask.model, ask.ticket, *(str(each.worker) for each in ask.candidates))

    async def stand(self, asks: Sequence[Ask]) -> list[int]:
        """Where each of these, all for one model, stands in line now; they count as waiting for some seconds more."""
        local = self.local.stand(asks)
        if not (asks and self.are_shared):
            return local
        waiting = [part for ask in asks for part in (ask.ticket, _priority(ask))]
        command = self._command("stand", asks[0].model, _milliseconds(self.timing.ticket), *waiting)
        try:
            places: list[int] = await self._valkey.ask(*command)
        except ValkeyGoneError as error:
            self._note_gone(error)
            return local
        return places

    def release(self, worker: UUID, place: str, models: Sequence[str], *, was_answer: bool) -> None:
        """Give a place back. ``models`` are those that the worker serves, the one that was used first; only what was
        an answer tells how long answers take.
        """
        seconds = self.local.release(worker, place, models[0], was_answer=was_answer)
        held = _milliseconds(seconds) if was_answer else -1
        self._post("release", str(worker), place, models[0], held, *models)

    def fail(self, worker: UUID, pause: Pause) -> None:
        """The worker failed, or asked for a pause: every process leaves it alone for a while."""
        self.local.fail(worker, pause)
        longest = _milliseconds(LONGEST_PAUSE)
        self._post("fail", str(worker), _milliseconds(pause.seconds), longest, int(pause.is_failure))

    def heal(self, worker: UUID) -> None:
        """A worker that had failed answers again."""
        self.local.heal(worker)
        self._post("heal", str(worker))

    async def renew(self, workers: Sequence[UUID]) -> None:
        """Say what this process holds, and hear what all hold on ``workers``. Opens Valkey again when it was gone."""
        self.local.keep(workers)
        await self._be_opened()
        try:
            if not self._valkey.is_open:
                self._note_gone(ValkeyGoneError("the connection was lost"))
                await self._connect()
            await self._tell(workers)
        except ValkeyGoneError as error:
            self._note_gone(error)
            return
        self._tellings += 1
        if self._tellings == TELLINGS_UNTIL_WHOLE:
            log.warning("the places of model servers are counted together again")

    async def close(self) -> None:
        """Give back what is still held, and leave."""
        if self._opening:
            await asyncio.wait([self._opening])
        for worker, lane in self.local.lanes.items():
            for place in lane.held:
                self._post("release", str(worker), place, "", -1)
        self._post("quit", self._name)
        await self._valkey.close()

    async def _be_opened(self) -> None:
        """Wait until the connection has been tried for the first time."""
        if self._opening is None:
            self._opening = asyncio.get_running_loop().create_task(self._open())
        if not self._opening.done():
            await asyncio.wait([self._opening])

    async def _open(self) -> None:
        try:
            await self._connect()
            await self._tell([])
        except ValkeyGoneError as error:
            self._note_gone(error)

    async def _connect(self) -> None:
        await self._valkey.open()
        self._script = (await self._valkey.ask("SCRIPT", "LOAD", SCRIPT)).decode()

    async def _tell(self, workers: Sequence[UUID]) -> None:
        """What is held here, by worker; and hear of the others."""
        held = self.local.lanes
        told = [*held, *(worker for worker in workers if worker not in held)]
        parts: list[Part] = []
        for worker in told:
            places = held[worker].held if worker in held else {}
            parts += [str(worker), len(places), *places]
        lasting = _milliseconds(self.timing.place)
        sharers, outstanding = await self._valkey.ask(*self._command("renew", self._name, lasting, lasting, *parts))
        self.local.sharers = max(1, int(sharers))
        self.outstanding = dict(zip(told, map(int, outstanding), strict=True))

    def _command(self, operation: str, *arguments: Part) -> tuple[Part, ...]:
        return ("EVALSHA", self._script, 1, self.root, operation, *arguments)

    def _post(self, operation: str, *arguments: Part) -> None:
        if self._valkey.is_open:
            self._valkey.post(*self._command(operation, *arguments))

    def _note(self, ask: Ask, reply: list[int]) -> Answer:
        index, place, opens, usual, places, failures, outstanding = reply
        if not index:
            if place:
                self.local.join(ask)
            return Answer(None, place, _seconds(opens), _seconds(usual), places)
        worker = ask.candidates[index - 1].worker
        self.local.leave(ask)
        lane = self.local.lane(worker)
        lane.failures, lane.closed_until = failures, 0.0
        self.local.hold(worker, ask.ticket)
        return Answer(worker, 0, None, _seconds(usual), places, failures, outstanding)

    def _note_gone(self, error: ValkeyGoneError) -> None:
        if self._tellings >= TELLINGS_UNTIL_WHOLE:
            log.warning("Valkey does not count the places of model servers, this process counts its own: %s", error)
        self._tellings = 0


def _packed(ask: Ask, timing: Timing) -> list[Part]:
    """The arguments of ``take`` in places.lua."""
    longest = LONGEST_LINE if ask.may_wait else 0
    lasting = [_milliseconds(seconds) for seconds in (CLOSED_PATIENCE, timing.ticket, timing.place)]
    candidates: list[Any] = [part for each in ask.candidates for part in (str(each.worker), each.capacity)]
    return [ask.model, ask.ticket, _priority(ask), longest, int(ask.by_affinity), *lasting, *candidates]


def _priority(ask: Ask) -> int:
    return max(-1000, min(1000, ask.priority))


def _milliseconds(seconds: float) -> int:
    return max(1, round(seconds * 1000))


def _seconds(milliseconds: int) -> float | None:
    return None if milliseconds < 0 else milliseconds / 1000
