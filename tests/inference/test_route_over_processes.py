"""Several processes, here several pools with a connection each, share workers: their capacity, their line, their
troubles.
"""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections.abc import AsyncIterator, Callable
from dataclasses import replace

import pytest
from django.conf import settings

from app.inference.errors import NoWorkerError, PoolFullError, UpstreamError
from app.inference.routing.counts import pool_counts
from app.inference.routing.directory import Directory
from app.inference.routing.places import Places, Timing
from app.inference.routing.pool import Pool
from app.inference.scripted_server import WORDS, ScriptedServer
from app.inference.types import CompletionRequest, Deadlines, Target, TextChunk, Usage, Waiting
from tests.inference.fixtures import PATIENT, QUICK, new_root, question, target, until
from tests.inference.own_valkey import OwnValkey, own_valkey

__all__ = ["own_valkey"]

ANSWER = "".join(WORDS)
StartServer = Callable[[], ScriptedServer]


@contextlib.asynccontextmanager
async def pools(
    count: int, *targets: Target, deadlines: Deadlines = PATIENT, url: str = "", root: str = ""
) -> AsyncIterator[list[Pool]]:
    by_model: dict[str, list[Target]] = {}
    for each in targets:
        by_model.setdefault(each.model, []).append(each)
    root, url = root or new_root(), url or settings.VALKEY_URL
    timing = Timing(renew=0.1, place=1.0, ticket=1.0, reply=2.0)
    made = [Pool(Directory(lambda: by_model), deadlines, Places(url, root=root, timing=timing)) for _ in range(count)]
    yield made
    for pool in made:
        await pool.close()


async def read(pool: Pool, request: CompletionRequest | None = None) -> tuple[str, Usage]:
    text, last = "", None
    async with await pool.stream(request or question()) as stream:
        async for piece in stream:
            last = piece
            text += piece.text if isinstance(piece, TextChunk) else ""
    assert isinstance(last, Usage)
    return text, last


def waiting_in(*pools: Pool) -> int:
    return sum(sum(pool._finder.waiting().values()) for pool in pools)


def running(server: ScriptedServer) -> int:
    return sum(recorded.ended_at is None for recorded in server.requests)


# --- capacity ------------------------------------------------------------------------------------------------------


async def test_capacity_holds_for_all_processes_together(scripted_server: ScriptedServer) -> None:
    scripted_server.script(tokens=["a "] * 5, pace=0.01)
    most = 0

    async def watch() -> None:
        nonlocal most
        while True:
            most = max(most, running(scripted_server))
            await asyncio.sleep(0.002)

    async with pools(3, target(scripted_server.url, capacity=4)) as (first, second, third):
        watching = asyncio.ensure_future(watch())
        answers = await asyncio.gather(*(read(pool) for pool in (first, second, third) for _ in range(12)))
        watching.cancel()
    assert [text for text, _ in answers] == ["a " * 5] * 36
    assert 2 <= most <= 4


async def test_valkey_killed_and_started_again_under_load_loses_no_answer(
    scripted_server: ScriptedServer, own_valkey: OwnValkey
) -> None:
    scripted_server.script(tokens=["a "] * 5, pace=0.005)
    deadlines = replace(PATIENT, place=120.0)
    async with pools(2, target(scripted_server.url, capacity=6), deadlines=deadlines, url=own_valkey.url) as both:
        answers = [asyncio.ensure_future(read(pool)) for pool in both for _ in range(25)]
        await asyncio.sleep(0.1)
        own_valkey.kill()
        await asyncio.sleep(0.3)
        await asyncio.to_thread(own_valkey.start)
        more = [asyncio.ensure_future(read(pool)) for pool in both for _ in range(25)]
        assert {text for text, _ in await asyncio.gather(*answers, *more)} == {"a " * 5}
        await until(lambda: all(pool._places.are_shared for pool in both))
        assert [await both[0]._places._valkey.ask("ZCARD", key) for key in await keys(both[0], "places:*")] in ([0], [])


async def keys(pool: Pool, pattern: str) -> list[bytes]:
    root = pool._places.root.replace("[", "\\[")
    found: list[bytes] = await pool._places._valkey.ask("KEYS", root + pattern)
    return found


# --- the line ------------------------------------------------------------------------------------------------------


async def test_who_waits_is_told_the_place_in_the_common_line(scripted_server: ScriptedServer) -> None:
    scripted_server.script("endless", pace=0.01)
    told: list[Waiting] = []
    async with pools(2, target(scripted_server.url, capacity=1)) as (ours, theirs):
        stream = await ours.stream(question())
        scripted_server.script()
        before = asyncio.ensure_future(read(theirs))
        await until(lambda: waiting_in(theirs) == 1)
        waiting = asyncio.ensure_future(ours.stream(question(), told.append))
        await until(lambda: bool(told))
        assert told == [Waiting(2, None)], "nothing is known yet of how long answers take"
        before.cancel()
        await until(lambda: len(told) > 1)
        assert told[1:] == [Waiting(1, None)]
        await stream.aclose()
        await (await waiting).aclose()


async def test_the_estimate_follows_from_how_long_answers_took(scripted_server: ScriptedServer) -> None:
    told: list[Waiting] = []
    async with pools(1, target(scripted_server.url, capacity=1)) as (pool,):
        scripted_server.script(tokens=["a "] * 4, pace=0.1)
        await read(pool)
        counts = await asyncio.to_thread(pool_counts, [], ["m"], pool._places.root)
        assert counts
        usual = counts.models["m"].usual_seconds
        assert usual is not None and 0.2 < usual < 2
        scripted_server.script("endless", pace=0.01)
        async with await pool.stream(question()):
            waiting = [asyncio.ensure_future(pool.stream(question(), told.append)) for _ in range(2)]
            await until(lambda: len(told) == 2)
            assert [each.place for each in told] == [1, 2]
            assert told[0].seconds and told[1].seconds
            assert told[1].seconds == pytest.approx(2 * told[0].seconds)
            assert told[0].seconds == pytest.approx(usual, rel=0.01)
            for each in waiting:
                each.cancel()


async def test_a_wait_that_would_be_too_long_is_refused_at_once_and_says_when_to_come_back(
    scripted_server: ScriptedServer,
) -> None:
    worker = target(scripted_server.url, capacity=1)
    async with pools(1, worker, deadlines=replace(PATIENT, place=60.0)) as (pool,):
        scripted_server.script("endless", pace=0.01)
        async with await pool.stream(question()):
            pool._places._post("release", str(uuid.uuid4()), "none", "m", 90_000, "m")  # answers take 90 s
            with pytest.raises(PoolFullError) as full:
                await asyncio.wait_for(pool.stream(question()), 20)
            assert full.value.retry_after == pytest.approx(30.0)
            assert pool._places.local.stand([]) == []
            counts = await asyncio.to_thread(pool_counts, [worker.id], ["m"], pool._places.root)
            assert counts and counts.models["m"].waiting == 0 and counts.workers[worker.id].outstanding == 1


async def test_those_who_wait_in_several_processes_get_places_in_the_order_they_came(
    scripted_server: ScriptedServer,
) -> None:
    async with pools(3, target(scripted_server.url, capacity=1)) as all_of_them:
        scripted_server.script("endless", pace=0.01)
        stream = await all_of_them[0].stream(question())
        scripted_server.script()
        waiting = []
        for number, priority in enumerate([5, 0, 0, -1, 0, 0]):
            asked = question(f"{priority} {number}", priority=priority)
            waiting.append(asyncio.ensure_future(read(all_of_them[number % 3], asked)))
            await until(lambda joined=number + 1: waiting_in(*all_of_them) == joined)  # type: ignore[misc]
        await stream.aclose()
        await asyncio.gather(*waiting)
    asked = [recorded.body["messages"][0]["content"] for recorded in scripted_server.requests[1:]]
    assert asked == ["-1 3", "0 1", "0 2", "0 4", "0 5", "5 0"]


async def test_an_error_of_one_who_is_told_is_theirs_alone(scripted_server: ScriptedServer) -> None:
    def complain(_waiting: Waiting) -> None:
        raise ZeroDivisionError

    async with pools(1, target(scripted_server.url, capacity=1)) as (pool,):
        scripted_server.script("endless", pace=0.01)
        stream = await pool.stream(question())
        scripted_server.script()
        fine = asyncio.ensure_future(read(pool))
        with pytest.raises(ZeroDivisionError):
            await pool.stream(question(), complain)
        await stream.aclose()
        assert (await fine)[0] == ANSWER


# --- the chain -----------------------------------------------------------------------------------------------------


@pytest.fixture
def two_models(scripted_server: ScriptedServer, more_servers: StartServer) -> tuple[ScriptedServer, ScriptedServer]:
    """The servers of "m" and of "other"."""
    return scripted_server, more_servers()


def chain(**fields: object) -> CompletionRequest:
    return question(fallbacks=("other",), **fields)


def targets_of(servers: tuple[ScriptedServer, ScriptedServer]) -> tuple[Target, Target]:
    return target(servers[0].url, capacity=1), target(servers[1].url, model="other")


async def test_a_fallback_writes_when_the_model_has_no_worker(scripted_server: ScriptedServer) -> None:
    async with pools(1, target(scripted_server.url, model="other")) as (pool,):
        text, usage = await read(pool, chain())
        assert (text, usage.model) == (ANSWER, "other")
        with pytest.raises(NoWorkerError):
            await pool.stream(question())


async def test_the_model_itself_writes_while_it_can(two_models: tuple[ScriptedServer, ScriptedServer]) -> None:
    async with pools(1, *targets_of(two_models)) as (pool,):
        assert {(await read(pool, chain()))[1].model for _ in range(5)} == {"m"}


@pytest.mark.parametrize("what", ["die", "broken", "unavailable", "hang"])
async def test_a_fallback_writes_when_the_models_workers_fail(
    two_models: tuple[ScriptedServer, ScriptedServer], what: str
) -> None:
    two_models[0].script(what)
    async with pools(1, *targets_of(two_models), deadlines=QUICK) as (pool,):
        for _ in range(3):
            assert (await read(pool, chain()))[1].model == "other"
        assert len(two_models[0].requests) == 1, "later ones do not wait for the model to fail again"


async def test_a_short_queue_does_not_send_anybody_to_the_fallback(
    two_models: tuple[ScriptedServer, ScriptedServer],
) -> None:
    two_models[0].script(tokens=["a "] * 4, pace=0.05)
    async with pools(1, *targets_of(two_models)) as (pool,):
        answers = await asyncio.gather(*(read(pool, chain()) for _ in range(3)))
    assert {usage.model for _, usage in answers} == {"m"}


async def test_a_long_queue_does(two_models: tuple[ScriptedServer, ScriptedServer]) -> None:
    two_models[0].script("endless", pace=0.01)
    long = replace(PATIENT, place=60.0)
    async with pools(1, *targets_of(two_models), deadlines=long) as (pool,), await pool.stream(question()):
        pool._places._post("release", str(uuid.uuid4()), "none", "m", 30_000, "m")  # answers take 30 s
        text, usage = await read(pool, chain())
        assert (text, usage.model) == (ANSWER, "other")
        counts = await asyncio.to_thread(pool_counts, [], ["m"], pool._places.root)
        assert counts and counts.models["m"].waiting == 0


async def test_what_fails_everywhere_is_told_after_few_tries(
    two_models: tuple[ScriptedServer, ScriptedServer], more_servers: StartServer
) -> None:
    servers = [*two_models, more_servers(), more_servers(), more_servers()]
    for server in servers:
        server.script("broken")
    more = [target(server.url) for server in servers[2:]]
    async with pools(1, *targets_of(two_models), *more) as (pool,):
        with pytest.raises(UpstreamError):
            await pool.stream(chain())
    assert [len(server.requests) for server in servers][1] == 1, "the fallback had its turn"
    assert sum(len(server.requests) for server in servers) == 3


# --- trouble -------------------------------------------------------------------------------------------------------


async def test_all_processes_leave_a_failed_worker_alone(
    scripted_server: ScriptedServer, more_servers: StartServer
) -> None:
    broken = more_servers()
    broken.script("broken")
    async with pools(3, target(scripted_server.url), target(broken.url)) as all_of_them:
        while not broken.requests:
            await read(all_of_them[0])
        for pool in all_of_them:
            assert [(await read(pool))[0] for _ in range(5)] == [ANSWER] * 5
        assert len(broken.requests) == 1


async def test_a_busy_worker_alone_is_asked_again_after_its_pause(scripted_server: ScriptedServer) -> None:
    scripted_server.then("busy")
    async with pools(1, target(scripted_server.url)) as (pool,):
        assert (await read(pool))[0] == ANSWER
        assert len(scripted_server.requests) == 2


async def test_those_who_were_with_a_dead_worker_wait_for_a_place_elsewhere(
    scripted_server: ScriptedServer, more_servers: StartServer
) -> None:
    dead = more_servers()
    dead.stop()
    scripted_server.script(tokens=["a "] * 3, pace=0.02)
    workers = target(scripted_server.url, capacity=1), target(dead.url, capacity=20)
    async with pools(2, *workers) as both:
        answers = await asyncio.gather(*(read(pool, question(affinity=f"{n}")) for pool in both for n in range(6)))
    assert [text for text, _ in answers] == ["a a a "] * 12


async def test_a_worker_whose_streams_stand_still_gets_nothing_new_until_they_move(
    scripted_server: ScriptedServer, more_servers: StartServer
) -> None:
    stuck, fine = scripted_server, more_servers()
    deadlines = replace(PATIENT, stall=2.0)
    workers = target(stuck.url), target(fine.url)
    async with pools(2, *workers, deadlines=deadlines) as (ours, theirs):
        stuck.script("hang", after=1)
        fine.script("hang", after=1)
        first = await ours.stream(question())
        fine.script()
        stuck.script()
        waiting = asyncio.ensure_future(_rest(first))
        lane = ours._places.local.lane(first.worker_id)
        await until(lambda: lane.failures > 0)
        assert not waiting.done(), "the stream itself has until its own deadline"
        other = next(worker.id for worker in workers if worker.id != first.worker_id)
        assert {(await read(theirs, question(affinity=str(n))))[1].worker_id for n in range(10)} == {other}
        with pytest.raises(UpstreamError):
            await waiting


async def _rest(stream: object) -> None:
    async for _ in stream:  # type: ignore[attr-defined]
        pass
