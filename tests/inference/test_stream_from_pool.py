"""A request meets the pool: other workers are tried while nothing is shown, places are counted, waiting ends."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import replace

import pytest

from app.inference.errors import (
    BusyError,
    NoWorkerError,
    PoolFullError,
    RejectedError,
    UnreachableError,
    UpstreamError,
)
from app.inference.routing.directory import Directory
from app.inference.routing.lanes import Pause
from app.inference.routing.local_places import CLOSED_PATIENCE
from app.inference.routing.pool import Pool
from app.inference.scripted_server import WORDS, ScriptedServer
from app.inference.types import CompletionRequest, Deadlines, TextChunk, Usage
from tests.inference.fixtures import PATIENT, QUICK, pool_of, question, target

ANSWER = "".join(WORDS)
StartServer = Callable[[], ScriptedServer]


@contextlib.asynccontextmanager
async def using(pool: Pool) -> AsyncIterator[Pool]:
    yield pool
    await pool.close()


async def read(pool: Pool, request: CompletionRequest | None = None) -> tuple[str, Usage]:
    text, usages = "", []
    async with await pool.stream(request or question()) as stream:
        async for piece in stream:
            if isinstance(piece, TextChunk):
                text += piece.text
            else:
                usages.append(piece)
    (usage,) = usages
    return text, usage


def outstanding(pool: Pool) -> int:
    return sum(len(lane.held) for lane in pool._places.local.lanes.values())


async def test_an_answer_arrives_and_its_place_is_given_back(scripted_server: ScriptedServer) -> None:
    async with using(pool_of(target(scripted_server.url))) as pool:
        text, usage = await read(pool)
        assert text == ANSWER
        assert usage.tokens_out == len(WORDS)
        assert outstanding(pool) == 0


@pytest.mark.parametrize(
    "what", ["die", "hang", "pretend", "broken", "busy", "unavailable", "redirect", "broken-json", "not-found"]
)
async def test_before_the_first_token_another_worker_is_tried(
    scripted_server: ScriptedServer, more_servers: StartServer, what: str
) -> None:
    servers = [scripted_server, more_servers()]
    targets = [target(server.url) for server in servers]
    async with using(pool_of(*targets, deadlines=replace(PATIENT, first_token=2.0))) as pool:
        servers[0].script(what, retry_after="30")
        began_at = time.monotonic()
        for number in range(10):
            assert (await read(pool, question(affinity=f"c{number}")))[0] == ANSWER
        pauses = (time.monotonic() - began_at) // 0.8
        assert 1 <= len(servers[0].requests) <= 1 + pauses, "the failing one is left alone for a while"
        assert outstanding(pool) == 0


async def test_a_dead_worker_is_passed_over(scripted_server: ScriptedServer, more_servers: StartServer) -> None:
    dead = more_servers()
    dead.stop()
    async with using(pool_of(target(dead.url), target(scripted_server.url))) as pool:
        assert [(await read(pool, question(affinity=f"c{n}")))[0] for n in range(10)] == [ANSWER] * 10


async def test_after_the_first_token_no_other_worker_is_tried(
    scripted_server: ScriptedServer, more_servers: StartServer
) -> None:
    servers = [scripted_server, more_servers()]
    for server in servers:
        server.script("die", after=2, pace=0.05)
    async with using(pool_of(*[target(server.url) for server in servers])) as pool:
        text = ""
        with pytest.raises(UpstreamError):
            async with await pool.stream(question()) as stream:
                async for piece in stream:
                    assert isinstance(piece, TextChunk)
                    text += piece.text
        assert text == "".join(WORDS[:2])
        assert sum(len(server.requests) for server in servers) == 1
        assert outstanding(pool) == 0


async def test_a_refused_question_is_not_asked_elsewhere(
    scripted_server: ScriptedServer, more_servers: StartServer
) -> None:
    servers = [scripted_server, more_servers()]
    for server in servers:
        server.script("bad-request")
    async with using(pool_of(*[target(server.url) for server in servers])) as pool:
        with pytest.raises(RejectedError):
            await pool.stream(question())
        assert sum(len(server.requests) for server in servers) == 1


async def test_when_all_fail_the_last_error_is_told(scripted_server: ScriptedServer) -> None:
    scripted_server.script("busy")
    async with using(pool_of(target(scripted_server.url), target("http://127.0.0.1:1/v1"))) as pool:
        with pytest.raises((BusyError, UnreachableError)):
            await pool.stream(question())
        assert outstanding(pool) == 0


async def test_a_model_without_workers_is_said_at_once() -> None:
    async with using(pool_of()) as pool:
        with pytest.raises(NoWorkerError):
            await pool.stream(question())
        with pytest.raises(NoWorkerError):
            await pool.stream(question(model="nobody"))


async def test_a_conversation_stays_with_its_worker(scripted_server: ScriptedServer, more_servers: StartServer) -> None:
    servers = [scripted_server, more_servers(), more_servers()]
    async with using(pool_of(*[target(server.url) for server in servers])) as pool:
        for conversation in ("a", "b", "c", "d"):
            workers = {(await read(pool, question(affinity=conversation)))[1].worker_id for _ in range(4)}
            assert len(workers) == 1


async def test_a_full_pool_makes_the_next_wait_for_a_place(scripted_server: ScriptedServer) -> None:
    async with using(pool_of(target(scripted_server.url, capacity=1))) as pool:
        scripted_server.script("endless", pace=0.01)
        first = await pool.stream(question())
        scripted_server.script()
        second = asyncio.ensure_future(read(pool))
        await asyncio.sleep(0.05)
        assert len(scripted_server.requests) == 1
        await first.aclose()
        assert (await second)[0] == ANSWER


async def test_waiting_for_a_place_ends(scripted_server: ScriptedServer) -> None:
    async with using(pool_of(target(scripted_server.url, capacity=1))) as pool:
        scripted_server.script("endless", pace=0.01)
        async with await pool.stream(question()):
            with pytest.raises(PoolFullError):
                await asyncio.wait_for(pool.stream(question()), 2)


async def test_the_urgent_go_first_and_equals_in_order(scripted_server: ScriptedServer) -> None:
    async with using(pool_of(target(scripted_server.url, capacity=1))) as pool:
        scripted_server.script("endless", pace=0.01)
        running = await pool.stream(question())
        scripted_server.script()
        waiting = []
        for name, priority in (("later", 5), ("second", 0), ("third", 0), ("first", -1)):
            waiting.append(asyncio.ensure_future(read(pool, question(name, priority=priority))))
            await asyncio.sleep(0.01)
        await running.aclose()
        await asyncio.gather(*waiting)
    asked = [recorded.body["messages"][0]["content"] for recorded in scripted_server.requests[1:]]
    assert asked == ["first", "second", "third", "later"]


async def test_one_who_stops_waiting_lets_the_next_pass(scripted_server: ScriptedServer) -> None:
    async with using(pool_of(target(scripted_server.url, capacity=1))) as pool:
        scripted_server.script("endless", pace=0.01)
        running = await pool.stream(question())
        scripted_server.script()
        impatient, patient = (asyncio.ensure_future(read(pool)) for _ in range(2))
        await asyncio.sleep(0.02)
        impatient.cancel()
        await running.aclose()
        assert (await patient)[0] == ANSWER
        assert impatient.cancelled()


@pytest.mark.parametrize("how", ["closing", "leaving the block", "dropping", "cancelling"])
async def test_leaving_stops_the_model_server_and_frees_the_place(scripted_server: ScriptedServer, how: str) -> None:
    scripted_server.script("endless", pace=0.01)
    async with using(pool_of(target(scripted_server.url))) as pool:
        stream = await pool.stream(question())
        if how == "closing":
            await stream.aclose()
            await stream.aclose()
        elif how == "leaving the block":
            async with stream:
                pass
        elif how == "cancelling":
            task = asyncio.ensure_future(_exhaust(stream))
            await asyncio.sleep(0.05)
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        del stream
        recorded = scripted_server.requests[0]
        assert await asyncio.to_thread(scripted_server.wait_for, lambda: recorded.was_cut_by_client, 2)
        assert outstanding(pool) == 0


async def _exhaust(stream: object) -> None:
    async for _ in stream:  # type: ignore[attr-defined]
        pass


async def test_cancelling_before_the_first_token_frees_the_place(scripted_server: ScriptedServer) -> None:
    scripted_server.script("hang")
    async with using(pool_of(target(scripted_server.url))) as pool:
        task = asyncio.ensure_future(pool.stream(question()))
        await asyncio.to_thread(scripted_server.wait_for, lambda: bool(scripted_server.requests))
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        assert outstanding(pool) == 0


async def test_a_worker_that_recovers_is_used_again(scripted_server: ScriptedServer) -> None:
    async with using(pool_of(target(scripted_server.url), deadlines=replace(QUICK, place=3))) as pool:
        scripted_server.then("broken")
        with pytest.raises(UpstreamError):
            await pool.stream(question())
        assert (await read(pool))[0] == ANSWER, "the next request waits for the end of the pause"


async def test_a_long_pause_is_said_at_once(scripted_server: ScriptedServer) -> None:
    async with using(pool_of(target(scripted_server.url))) as pool:
        await read(pool)
        pool._places.fail(next(iter(pool._places.local.lanes)), Pause(CLOSED_PATIENCE + 1, is_failure=False))
        with pytest.raises(NoWorkerError):
            await pool.stream(question())


async def test_two_hundred_streams_lose_and_mix_nothing(scripted_server: ScriptedServer) -> None:
    scripted_server.script(tokens=lambda body: [f"{body['messages'][0]['content']}-{n} " for n in range(20)])
    async with using(pool_of(target(scripted_server.url, capacity=64))) as pool:
        pool._deadlines = Deadlines()
        answers = await asyncio.gather(*(read(pool, question(f"q{n}")) for n in range(200)))
    for number, (text, _) in enumerate(answers):
        assert text == "".join(f"q{number}-{n} " for n in range(20))


async def test_a_worker_taken_out_of_the_registry_gets_nothing_more(
    scripted_server: ScriptedServer, more_servers: StartServer
) -> None:
    staying, leaving = target(scripted_server.url), target(more_servers().url)
    registry = {"m": [staying, leaving]}
    async with using(Pool(Directory(lambda: registry))) as pool:
        await read(pool)
        registry = {"m": [staying]}
        await pool.refresh()
        assert {(await read(pool, question(affinity=f"c{n}")))[1].worker_id for n in range(10)} == {staying.id}
