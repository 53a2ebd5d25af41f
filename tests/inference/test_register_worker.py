"""The registry's deeds, and that the pool hears of them."""

import asyncio

import pytest
from django.db import DatabaseError, connection
from django.db.models import ProtectedError

from app.embedded import paths
from app.embedded.llama import CONTEXT_TOKENS, SLOTS
from app.embedded.weights import MINILM, SMOLLM2
from app.errors import BadInputError, ConflictError
from app.inference import registry
from app.inference.embedding import local as embedding
from app.inference.models import Model, Worker, WorkerState
from app.inference.registry import (
    connect_configured_worker,
    ensure_model,
    note_seen,
    register_worker,
    set_worker_state,
)
from app.inference.routing.directory import Directory, Targets, load_targets
from app.inference.routing.pool import Pool
from app.inference.scripted_server import WORDS, ScriptedServer
from app.inference.types import TextChunk
from tests.inference.fixtures import QUICK, question, target

ADDRESS = "http://127.0.0.1:8001/v1"

pytestmark = pytest.mark.django_db


def test_a_worker_is_registered_with_its_model() -> None:
    worker = register_worker(model_name="m", address=ADDRESS + "/", api_key="k", upstream_name="org/m", capacity=7)
    worker.refresh_from_db()
    assert (worker.address, worker.capacity, worker.state) == (ADDRESS, 7, WorkerState.HEALTHY)
    assert (worker.model.name, worker.model.upstream_name) == ("m", "org/m")


def test_registering_twice_is_the_same_worker_brought_up_to_date() -> None:
    first = register_worker(model_name="m", address=ADDRESS, api_key="old", upstream_name="up")
    set_worker_state(first, WorkerState.OFF)
    second = register_worker(model_name="m", address=ADDRESS, capacity=3)
    assert (first.id, Worker.objects.count(), Model.objects.count()) == (second.id, 1, 1)
    assert (second.state, second.capacity, second.open_api_key()) == (WorkerState.HEALTHY, 3, "old")
    assert Model.objects.get().upstream_name == "up"
    assert register_worker(model_name="m", address=ADDRESS, api_key="").open_api_key() is None


@pytest.mark.parametrize(
    "address",
    [
        "",
        "127.0.0.1:8001/v1",
        "file:///etc/passwd",
        "http:///v1",
        "http://127.0.0.1:8001",
        "http://user:password@host/v1",
        "http://host/v1?key=1",
    ],
)
def test_an_address_that_cannot_be_used_is_refused(address: str) -> None:
    with pytest.raises(BadInputError):
        register_worker(model_name="m", address=address)
    assert not Worker.objects.exists()


def test_the_key_lies_encrypted_and_shows_nowhere() -> None:
    worker = register_worker(model_name="m", address=ADDRESS, api_key="sk-very-secret")
    with connection.cursor() as cursor:
        cursor.execute("select w::text from inference_worker w")
        assert "very-secret" not in cursor.fetchone()[0]
    assert "very-secret" not in f"{worker!r} {worker} {load_targets()}"
    assert load_targets()["m"][0].api_key == "sk-very-secret"


def test_with_another_master_key_the_worker_is_left_out_and_the_rest_serve(settings: object) -> None:
    register_worker(model_name="m", address=ADDRESS, api_key="k")
    register_worker(model_name="m", address="http://127.0.0.1:8002/v1")
    settings.MASTER_KEY = "another-master-key-that-is-long-enough"  # type: ignore[attr-defined]
    assert [found.address for found in load_targets()["m"]] == ["http://127.0.0.1:8002/v1"]


def test_other_files_under_the_same_name_are_refused() -> None:
    ensure_model(name="m", files={"a": "1"}, licence="MIT")
    assert ensure_model(name="m", licence="Apache-2.0").files == {"a": "1"}
    with pytest.raises(ConflictError):
        ensure_model(name="m", files={"a": "2"})
    assert Model.objects.get().licence == "Apache-2.0"


def test_a_model_in_use_cannot_be_deleted() -> None:
    worker = register_worker(model_name="m", address=ADDRESS)
    with pytest.raises(ProtectedError):
        worker.model.delete()


@pytest.mark.parametrize("state", [WorkerState.SICK, WorkerState.DRAINING, WorkerState.OFF])
def test_only_healthy_workers_take_requests(state: WorkerState) -> None:
    worker = register_worker(model_name="m", address=ADDRESS)
    assert list(load_targets()) == ["m"]
    set_worker_state(worker, state)
    assert load_targets() == {}


def test_a_sign_of_life_wakes_the_sick_but_not_the_switched_off() -> None:
    worker = register_worker(model_name="m", address=ADDRESS)
    note_seen(worker, is_healthy=False)
    worker.refresh_from_db()
    assert (worker.state, worker.last_seen_at) == (WorkerState.SICK, None)
    note_seen(worker, is_healthy=True)
    worker.refresh_from_db()
    assert worker.state == WorkerState.HEALTHY and worker.last_seen_at
    set_worker_state(worker, WorkerState.DRAINING)
    note_seen(worker, is_healthy=True)
    worker.refresh_from_db()
    assert worker.state == WorkerState.DRAINING


def test_the_embedded_server_is_one_worker_that_moves_with_its_port(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paths, "llama_key", lambda: "k")
    for port in (20001, 20002, 20002):
        monkeypatch.setattr(paths, "llama_address", lambda port=port: f"http://127.0.0.1:{port}/v1")
        worker = connect_configured_worker()
        assert worker is not None
        assert Worker.objects.get() == worker
        assert worker.address == f"http://127.0.0.1:{port}/v1"
    assert worker.is_embedded and worker.model.is_demonstration and worker.open_api_key() == "k"


def test_without_any_server_nothing_is_connected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paths, "llama_address", lambda: None)
    assert connect_configured_worker() is None


@pytest.fixture
def embedded(monkeypatch: pytest.MonkeyPatch) -> Worker:
    monkeypatch.setattr(paths, "llama_address", lambda: "http://127.0.0.1:20001/v1")
    monkeypatch.setattr(paths, "llama_key", lambda: None)
    worker = connect_configured_worker()
    assert worker is not None
    return worker


def test_model_url_takes_the_place_of_the_embedded_server(embedded: Worker, settings: object) -> None:
    for name, value in (("MODEL_URL", "https://host/v1"), ("MODEL_NAME", "big"), ("MODEL_API_KEY", "k")):
        setattr(settings, name, value)
    worker = connect_configured_worker()
    assert worker is not None and worker.model.name == "big"
    assert list(load_targets()) == ["big"]


def test_what_an_administrator_switched_off_stays_off_over_a_start(embedded: Worker) -> None:
    set_worker_state(embedded, WorkerState.OFF)
    assert connect_configured_worker() == embedded and load_targets() == {}


@pytest.mark.parametrize("state", [WorkerState.HEALTHY, WorkerState.OFF, WorkerState.DRAINING])
def test_after_model_url_the_embedded_server_is_again_as_it_was_left(
    embedded: Worker, settings: object, state: WorkerState
) -> None:
    set_worker_state(embedded, state)
    settings.MODEL_URL, settings.MODEL_NAME = "https://host/v1", "big"  # type: ignore[attr-defined]
    connect_configured_worker()
    assert list(load_targets()) == ["big"]
    settings.MODEL_URL = None  # type: ignore[attr-defined]
    connect_configured_worker()
    embedded.refresh_from_db()
    assert embedded.state == state


def test_another_model_of_the_same_server_says_nothing_of_the_one_at_model_url(settings: object) -> None:
    set_worker_state(register_worker(model_name="small", address="https://host/v1"), WorkerState.OFF)
    settings.MODEL_URL, settings.MODEL_NAME = "https://host/v1", "big"  # type: ignore[attr-defined]
    connect_configured_worker()
    assert list(load_targets()) == ["big"]


def test_model_url_without_a_name_is_refused(settings: object) -> None:
    settings.MODEL_URL, settings.MODEL_NAME = "https://host/v1", None  # type: ignore[attr-defined]
    with pytest.raises(BadInputError, match="MODEL_NAME"):
        connect_configured_worker()


def test_the_registry_names_the_embedded_parts_as_they_are() -> None:
    assert SMOLLM2.name == registry.DEMONSTRATION_MODEL
    assert registry.EMBEDDED_CAPACITY == SLOTS
    assert registry.DEMONSTRATION_CONTEXT_TOKENS == CONTEXT_TOKENS
    assert MINILM.name == embedding.EMBEDDED_NAME


@pytest.mark.django_db(transaction=True)
def test_the_pool_finds_registered_workers_and_drops_drained_ones(scripted_server: ScriptedServer) -> None:
    worker = register_worker(model_name="m", address=scripted_server.url, upstream_name="scripted")

    async def ask(pool: Pool) -> str:
        async with await pool.stream(question()) as stream:
            return "".join([piece.text async for piece in stream if isinstance(piece, TextChunk)])

    async def scenario() -> None:
        pool = Pool(deadlines=QUICK)
        assert await ask(pool) == "".join(WORDS)
        await asyncio.to_thread(_drain, worker)
        await pool.refresh()
        assert await pool._directory.targets("m") == []
        await pool.close()

    asyncio.run(scenario())


def _drain(worker: Worker) -> None:
    set_worker_state(worker, WorkerState.DRAINING)
    connection.close()


async def test_while_the_database_is_down_the_last_copy_serves() -> None:
    copy = {"m": [target(ADDRESS)]}
    is_down = False

    def load() -> Targets:
        if is_down:
            raise DatabaseError("down")
        return copy

    directory = Directory(load, fresh_seconds=0.0)
    assert await directory.targets("m") == copy["m"]
    is_down = True
    for _ in range(3):
        assert await directory.targets("m") == copy["m"]
    await directory.close()


async def test_a_database_that_was_never_there_is_an_error_and_not_an_empty_registry() -> None:
    def load() -> Targets:
        raise DatabaseError("down")

    directory = Directory(load)
    with pytest.raises(DatabaseError):
        await directory.targets("m")
