"""Every process hears at once what becomes of workers, and a monitor is told what the pool does."""

import asyncio
from collections.abc import Callable

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from django.test import Client

from app.inference.models import Model, Worker, WorkerState
from app.inference.registry import ensure_model, note_seen, register_worker, set_worker_state
from app.inference.routing.directory import Directory, load_targets
from app.inference.routing.pool import Pool
from app.inference.routing.workers import workers_of_model
from app.inference.scripted_server import WORDS, ScriptedServer
from app.web.threads import in_thread
from tests.inference.fixtures import PATIENT, QUICK, question, until

pytestmark = pytest.mark.django_db(transaction=True)


def register(server: ScriptedServer) -> Worker:
    return register_worker(model_name="m", address=server.url, upstream_name="scripted")


def drain(worker: Worker) -> None:
    set_worker_state(worker, WorkerState.DRAINING)


def fall_sick(worker: Worker) -> None:
    note_seen(worker, is_healthy=False, reason="It does not answer.")


def remove(worker: Worker) -> None:
    Worker.objects.get(id=worker.id).delete()


@pytest.mark.parametrize("leave", [drain, fall_sick, remove])
def test_a_worker_that_leaves_gets_nothing_more_though_the_registry_is_not_read_for_minutes(
    scripted_server: ScriptedServer, leave: Callable[[Worker], None]
) -> None:
    async def run() -> None:
        pool = Pool(Directory(fresh_seconds=600.0), PATIENT)
        worker = await in_thread(register, scripted_server)
        scripted_server.script("endless", pace=0.01)
        async with await pool.stream(question()) as stream:
            await asyncio.sleep(0.3)  # until it listens
            await in_thread(leave, worker)
            await until(lambda: not pool._directory.known("m"))
            await stream.__anext__()
            await stream.__anext__()
        await in_thread(register, scripted_server)
        await until(lambda: bool(pool._directory.known("m")))
        await pool.close()

    async_to_sync(run)()


@pytest.fixture
def adapter(scripted_server: ScriptedServer) -> Model:
    worker = register(scripted_server)
    base = worker.model
    adapter = ensure_model(name="m-legal", upstream_name="legal", base=base)
    unrelated = ensure_model(name="elsewhere", upstream_name="elsewhere")
    worker.adapters.set([adapter, unrelated])
    ensure_model(name="m-not-loaded", upstream_name="not-loaded", base=base)
    return adapter


def test_an_adapter_is_served_by_the_workers_of_its_base_that_have_loaded_it(adapter: Model) -> None:
    targets = load_targets()
    assert set(targets) == {"m", "m-legal"}
    (base,), (legal,) = targets["m"], targets["m-legal"]
    assert base.id == legal.id
    assert (legal.model, legal.upstream_name) == ("m-legal", "legal")
    assert workers_of_model("m-legal") == [legal]


def test_an_adapter_answers_by_its_own_name_and_shares_the_places_of_its_base(
    adapter: Model, scripted_server: ScriptedServer
) -> None:
    async def run() -> None:
        pool = Pool(deadlines=PATIENT)
        await in_thread(Worker.objects.update, capacity=1)
        async with await pool.stream(question(model="m-legal")) as stream:
            assert stream.model == "m-legal"
            waiting = asyncio.ensure_future(pool.stream(question(model="m")))
            await until(lambda: pool._finder.waiting() == {"m": 1})
            await stream.aclose()
            async with await waiting as other:
                assert other.model == "m"
        await pool.close()

    async_to_sync(run)()
    assert [recorded.body["model"] for recorded in scripted_server.requests] == ["legal", "scripted"]


def test_a_monitor_sees_what_the_pool_does(scripted_server: ScriptedServer) -> None:
    async def run() -> None:
        pool = Pool(deadlines=QUICK)
        worker = await in_thread(register, scripted_server)
        async with await pool.stream(question()) as stream:
            async for _ in stream:
                pass
        scripted_server.script("endless", pace=0.01)
        async with await pool.stream(question()):
            await asyncio.sleep(pool._places.timing.renew + 0.3)
            text = (await sync_to_async(Client().get)("/metrics")).content.decode()
        await pool.close()
        lines = dict(line.rsplit(" ", 1) for line in text.splitlines() if line.startswith("parley_pool"))
        assert float(lines['parley_pool_tokens_total{kind="out",model="m"}']) >= len(WORDS)
        assert float(lines['parley_pool_first_token_seconds_count{model="m"}']) >= 1
        assert lines[f'parley_pool_requests_running{{worker="{worker.id}"}}'] == "1.0"
        assert lines[f'parley_pool_requests_outstanding{{worker="{worker.id}"}}'] == "1.0"
        assert lines[f'parley_pool_worker_left_alone{{worker="{worker.id}"}}'] == "0.0"
        assert lines["parley_pool_counts_are_shared"] == "1.0"

    async_to_sync(run)()
