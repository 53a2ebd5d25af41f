"""Places are counted once for all processes: the count in Valkey does what the count of one process does, gives no
place twice, loses none for ever, and lets nobody starve.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import sys
import textwrap
import time
import uuid
from collections import Counter
from collections.abc import AsyncIterator

from django.conf import settings
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from app.inference.routing.lanes import Pause
from app.inference.routing.local_places import Answer, Ask, Candidate, LocalPlaces
from app.inference.routing.places import Places, Timing
from tests.inference.fixtures import new_root
from tests.inference.own_valkey import OwnValkey, own_valkey

__all__ = ["own_valkey"]

WORKERS = tuple(Candidate(uuid.UUID(int=number + 1), capacity) for number, capacity in enumerate((1, 2, 3)))
QUICK = Timing(renew=0.1, place=0.5, ticket=0.5, reply=2.0)
TINY_PAUSE = Pause(0.001, is_failure=True)
LONG_PAUSES = (Pause(20.0, is_failure=True), Pause(2.0, is_failure=False))


@contextlib.asynccontextmanager
async def sharing(count: int, url: str = "", root: str = "", timing: Timing = QUICK) -> AsyncIterator[list[Places]]:
    """Places of so many processes, which here are of one event loop each with its own connection."""
    root = root or new_root()
    all_of_them = [Places(url or settings.VALKEY_URL, root=root, timing=timing) for _ in range(count)]
    yield all_of_them
    for places in all_of_them:
        await places.close()


def ask_of(places: Places, workers: tuple[Candidate, ...] = WORKERS, **fields: object) -> Ask:
    ticket, number = places.next_ticket()
    return Ask("m", ticket, number, workers, **fields)  # type: ignore[arg-type]


def give_back(places: Places, answer: Answer, ask: Ask, *, was_answer: bool = False) -> None:
    assert answer.worker
    places.release(answer.worker, ask.ticket, [ask.model], was_answer=was_answer)


# --- the same as in one process ------------------------------------------------------------------------------------

deeds = st.lists(
    st.one_of(
        st.tuples(
            st.just("take"), st.permutations(WORKERS), st.integers(-1, 1), st.booleans(), st.booleans(), st.booleans()
        ),
        st.tuples(st.just("again"), st.integers(0, 30)),
        st.tuples(st.just("release"), st.integers(0, 30), st.booleans()),
        st.tuples(st.just("leave"), st.integers(0, 30)),
        st.tuples(st.just("fail"), st.sampled_from(WORKERS), st.sampled_from(LONG_PAUSES)),
        st.tuples(st.just("stumble"), st.sampled_from(WORKERS)),
        st.tuples(st.just("heal"), st.sampled_from(WORKERS)),
    ),
    max_size=25,
)


class Twins:
    """The shared count and one that is known to be right, made to do the same."""

    def __init__(self, shared: Places) -> None:
        self.shared, self.alone = shared, LocalPlaces()
        self.held: list[tuple[uuid.UUID, Ask]] = []
        self.waiting: list[Ask] = []

    async def do(self, deed: tuple[object, ...]) -> None:
        await getattr(self, str(deed[0]))(*deed[1:])

    async def take(
        self, workers: list[Candidate], priority: int, by_affinity: bool, may_wait: bool, is_other: bool
    ) -> None:
        ticket, number = self.shared.next_ticket()
        model = "other" if is_other else "m"
        await self._ask(Ask(model, ticket, number, tuple(workers), priority, by_affinity, may_wait))

    async def again(self, index: int) -> None:
        if self.waiting:
            await self._ask(self.waiting.pop(index % len(self.waiting)))

    async def release(self, index: int, was_answer: bool) -> None:
        if self.held:
            worker, ask = self.held.pop(index % len(self.held))
            self.shared.release(worker, ask.ticket, [ask.model, "other"], was_answer=was_answer)
            self.alone.release(worker, ask.ticket, ask.model, was_answer=was_answer)

    async def leave(self, index: int) -> None:
        if self.waiting:
            ask = self.waiting.pop(index % len(self.waiting))
            self.shared.leave(ask)
            self.alone.leave(ask)

    async def fail(self, worker: Candidate, pause: Pause) -> None:
        self.shared.fail(worker.worker, pause)
        self.alone.fail(worker.worker, pause)

    async def stumble(self, worker: Candidate) -> None:
        """Fail, and come to the end of the pause."""
        if self.alone.lane(worker.worker).failures < 3:
            await self.fail(worker, TINY_PAUSE)
            await asyncio.sleep(0.012)

    async def heal(self, worker: Candidate) -> None:
        self.shared.heal(worker.worker)
        self.alone.heal(worker.worker)

    async def _ask(self, ask: Ask) -> None:
        said, right = await self.shared.take(ask), self.alone.take(ask)
        assert self.shared.are_shared
        assert plain(said) == plain(right)
        if said.worker:
            self.held.append((said.worker, ask))
        elif said.place:
            self.waiting.append(ask)


def plain(answer: Answer) -> tuple[object, ...]:
    """All but what a clock decides."""
    has_usual = answer.usual_seconds is not None
    opens = answer.opens_in is not None
    return answer.worker, answer.place, answer.places, answer.failures, answer.outstanding, has_usual, opens


@given(deeds)
@examples(max_examples=80, deadline=None)
def test_the_shared_count_says_what_the_count_of_one_process_says(todo: list[tuple[object, ...]]) -> None:
    async def run() -> None:
        async with sharing(1, timing=Timing(place=60, ticket=60, reply=2)) as (shared,):
            await shared.take(ask_of(shared, (), may_wait=False))  # which opens the connection
            twins = Twins(shared)
            for deed in todo:
                await twins.do(deed)

    asyncio.run(run())


# --- many processes ------------------------------------------------------------------------------------------------


@given(st.integers(0, 2**32), st.integers(2, 5), st.integers(5, 40))
@examples(max_examples=8, deadline=None)
def test_processes_that_come_and_die_never_hold_more_than_there_is_and_lose_nothing(
    seed: int, processes: int, requests: int
) -> None:
    chance = random.Random(seed)
    held: Counter[uuid.UUID] = Counter()

    async def one_request(places: Places) -> None:
        ask = ask_of(places, priority=chance.choice([0, 0, 5]), by_affinity=chance.random() < 0.5)
        while not (answer := await places.take(ask)).worker:
            if chance.random() < 0.02:
                places.leave(ask)
                return
            await asyncio.sleep(0.005)
        taken_at = time.monotonic()
        held[answer.worker] += 1
        assert held[answer.worker] <= next(each.capacity for each in WORKERS if each.worker == answer.worker)
        try:
            await asyncio.sleep(chance.random() * 0.01)
        except asyncio.CancelledError:  # its process died: the place is kept for it for as long as was said
            await asyncio.sleep(taken_at + 0.9 * QUICK.place - time.monotonic())
            held[answer.worker] -= 1
        else:
            held[answer.worker] -= 1
            give_back(places, answer, ask, was_answer=True)

    async def run() -> None:
        async with sharing(processes) as all_of_them:
            doomed = [asyncio.ensure_future(one_request(all_of_them[-1])) for _ in range(requests)]
            busy = asyncio.gather(*(one_request(chance.choice(all_of_them[:-1])) for _ in range(requests)))
            await asyncio.sleep(chance.random() * 0.05)
            for request in doomed:
                request.cancel()
            await asyncio.wait_for(busy, 20)
            await asyncio.wait(doomed)
            await asyncio.sleep(0.2 * QUICK.place)
            assert await free_places(all_of_them[0]) == 6

    asyncio.run(run())


async def free_places(places: Places) -> int:
    """How many can be taken now, after what nobody holds any more came free."""
    asks = [ask_of(places, may_wait=False) for _ in range(8)]
    answers = [await places.take(ask) for ask in asks]
    return sum(answer.worker is not None for answer in answers)


async def given_in_the_end(places: Places, ask: Ask) -> Answer:
    """What is given back elsewhere comes free a moment later."""
    for _ in range(40):
        answer = await places.take(ask)
        if answer.worker:
            return answer
        await asyncio.sleep(0.05)
    raise AssertionError("no place came free")


async def test_what_a_killed_process_held_comes_free() -> None:
    root = new_root()
    program = textwrap.dedent(f"""
        import asyncio, uuid
        from app.inference.routing.local_places import Ask, Candidate
        from app.inference.routing.places import Places, Timing

        async def hold():
            places = Places({settings.VALKEY_URL!r}, root={root!r}, timing=Timing(0.1, 0.5, 0.5))
            for _ in range(2):
                ticket, number = places.next_ticket()
                await places.take(Ask("m", ticket, number, (Candidate(uuid.UUID(int=1), 2),)))
            ticket, number = places.next_ticket()
            await places.take(Ask("m", ticket, number, (Candidate(uuid.UUID(int=1), 2),)))
            print("held", flush=True)
            while True:
                await asyncio.sleep(0.1)
                await places.renew([])

        asyncio.run(hold())
    """)
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", program, stdout=asyncio.subprocess.PIPE)
    assert process.stdout and await asyncio.wait_for(process.stdout.readline(), 60) == b"held\n"
    async with sharing(1, root=root) as (places,):
        ask = ask_of(places, (Candidate(uuid.UUID(int=1), 2),))
        await asyncio.sleep(0.7)
        answer = await places.take(ask)
        assert (answer.worker, answer.place) == (None, 1), "what lives keeps its places; who only waited is forgotten"
        process.kill()
        await process.wait()
        await given_in_the_end(places, ask)


async def test_the_line_is_one_and_in_order_of_priority_and_arrival() -> None:
    async with sharing(3) as all_of_them:
        only = (Candidate(uuid.uuid4(), 1),)
        first = ask_of(all_of_them[0], only)
        answer = await all_of_them[0].take(first)
        asks = []
        for number, priority in enumerate([5, 0, 0, -1, 0]):
            places = all_of_them[number % 3]
            ask = ask_of(places, only, priority=priority)
            await places.take(ask)
            asks.append((priority, number, ask, places))
        order = sorted(asks, key=lambda each: each[:2])
        for _, _, ask, places in reversed(order[1:]):
            give_back(all_of_them[0], answer, first)
            assert not (await places.take(ask)).worker, "nobody goes before their turn"
        for _, _, ask, places in order:
            give_back(places, await given_in_the_end(places, ask), ask)


async def test_a_newcomer_does_not_overtake_those_who_wait() -> None:
    async with sharing(2) as (ours, theirs):
        only = (Candidate(uuid.uuid4(), 1),)
        running, waiting = ask_of(ours, only), ask_of(ours, only)
        answer = await ours.take(running)
        assert (await ours.take(waiting)).place == 1
        give_back(ours, answer, running)
        assert not (await theirs.take(ask_of(theirs, only, may_wait=False))).worker
        assert not (await theirs.take(ask_of(theirs, only, priority=3))).worker
        assert (await ours.take(waiting)).worker


async def test_a_failed_worker_is_tried_by_one_request_of_all_processes() -> None:
    async with sharing(2) as (ours, theirs):
        only = (Candidate(uuid.uuid4(), 8),)
        running = ask_of(ours, only)
        await ours.take(running)
        ours.fail(only[0].worker, Pause(0.05, is_failure=True))
        assert (await ours.take(ask_of(ours, only, may_wait=False))).opens_in is not None
        assert (await theirs.take(ask_of(theirs, only, may_wait=False))).opens_in is not None
        await asyncio.sleep(0.1)
        probe = ask_of(theirs, only)
        answer = await theirs.take(probe)
        assert answer.worker and answer.failures == 1
        assert not (await ours.take(ask_of(ours, only, may_wait=False))).worker
        theirs.heal(only[0].worker)
        await asyncio.sleep(0.02)
        assert (await ours.take(ask_of(ours, only, may_wait=False))).worker


# --- without Valkey ------------------------------------------------------------------------------------------------


async def test_without_valkey_each_process_takes_its_part(own_valkey: OwnValkey) -> None:
    async with sharing(2, own_valkey.url) as both:
        only = (Candidate(uuid.uuid4(), 4),)
        for places in both:
            await places.take(ask_of(places, only))
        for places in both:
            await places.renew([])
        own_valkey.kill()
        for places in both:
            taken = [bool((await places.take(ask_of(places, only, may_wait=False))).worker) for _ in range(3)]
            assert taken == [True, False, False], "two of four each, one of which it had"


async def test_when_valkey_is_back_all_say_first_what_they_hold(own_valkey: OwnValkey) -> None:
    async with sharing(2, own_valkey.url) as both:
        only = (Candidate(uuid.uuid4(), 4),)
        for places in both:
            await places.take(ask_of(places, only))
        own_valkey.kill()
        own_valkey.start()
        await asyncio.sleep(0.05)
        for places in both:
            await places.renew([])
            assert not places.are_shared, "the others may not have said yet what they hold"
        for places in both:
            await places.renew([])
            assert places.are_shared
        answers = [await both[0].take(ask_of(both[0], only, may_wait=False)) for _ in range(3)]
        assert [bool(answer.worker) for answer in answers] == [True, True, False]


async def test_a_valkey_that_says_nothing_holds_nobody_up(own_valkey: OwnValkey) -> None:
    async with sharing(1, own_valkey.url, timing=Timing()) as (places,):
        only = (Candidate(uuid.uuid4(), 100),)
        await places.take(ask_of(places, only))
        own_valkey.stop_for_a_while()
        try:
            async with asyncio.timeout(1):
                answers = [await places.take(ask_of(places, only)) for _ in range(20)]
            assert all(answer.worker for answer in answers)
        finally:
            own_valkey.go_on()


async def test_a_process_that_ends_gives_back_at_once_what_it_held() -> None:
    root, only = new_root(), (Candidate(uuid.uuid4(), 1),)
    async with sharing(1, root=root) as (theirs,):
        async with sharing(1, root=root) as (ours,):
            assert (await ours.take(ask_of(ours, only))).worker
            assert not (await theirs.take(ask_of(theirs, only, may_wait=False))).worker
        assert (await theirs.take(ask_of(theirs, only, may_wait=False))).worker


async def test_one_who_stops_asking_in_the_middle_holds_nothing() -> None:
    async with sharing(2) as (ours, theirs):
        only = (Candidate(uuid.uuid4(), 1),)
        for places in (ours, theirs):
            give_back(places, await places.take(ask := ask_of(places, only)), ask)
        for _ in range(20):
            asking = asyncio.ensure_future(ours.take(ask_of(ours, only)))
            await asyncio.sleep(0)
            asking.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await asking
        give_back(ours, await ours.take(ask := ask_of(ours, only)), ask)
        await asyncio.sleep(0.02)
        assert (await theirs.take(ask_of(theirs, only, may_wait=False))).worker
