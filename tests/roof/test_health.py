"""What a load balancer asks: up, and able to serve; with what is wrong in words."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.conf import settings
from django.db import DatabaseError
from django.test import AsyncClient, Client, override_settings

from app import health
from app.inference.models import Worker, WorkerState
from app.inference.registry import register_worker, set_worker_state
from app.inference.scripted_server import ScriptedServer
from app.web.threads import in_thread
from tests.inference.fixtures import scripted_server
from tests.inference.odd_server import Odd, odd

__all__ = ["odd", "scripted_server"]
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def worker(transactional_db: None, scripted_server: ScriptedServer) -> Iterator[Worker]:
    yield register_worker(model_name="scripted", address=scripted_server.url)


async def failing() -> dict[str, str]:
    answer = await AsyncClient().get("/readyz")
    body = answer.json()
    assert answer.status_code == (503 if body["failing"] else 200)
    assert body["ready"] is not bool(body["failing"])
    return {each["part"]: each["reason"] for each in body["failing"]}


async def test_ready_when_database_broker_and_a_model_answer(worker: Worker) -> None:
    assert await failing() == {}


async def test_one_model_that_answers_is_enough(worker: Worker) -> None:
    await in_thread(register_worker, model_name="other", address="http://127.0.0.1:9/v1")
    assert await failing() == {}


async def test_no_model_is_said(transactional_db: None) -> None:
    assert await failing() == {"model": "no worker is registered that takes requests"}


async def test_a_model_that_does_not_answer_is_said_without_its_address(transactional_db: None) -> None:
    await in_thread(register_worker, model_name="gone", address="http://127.0.0.1:9/v1")
    reason = (await failing())["model"]
    assert "gone" in reason
    assert "127.0.0.1" not in reason


async def test_a_model_server_that_lists_no_models_answers(transactional_db: None, odd: Odd) -> None:
    odd.status = 404
    await in_thread(register_worker, model_name="silent", address=odd.url)
    assert await failing() == {}


async def test_a_model_server_that_sends_requests_elsewhere_does_not(worker: Worker, odd: Odd) -> None:
    odd.status, odd.more = 307, {"Location": f"{worker.address}/models"}
    await in_thread(set_worker_state, worker, WorkerState.OFF)
    await in_thread(register_worker, model_name="moved", address=odd.url)
    assert "moved" in (await failing())["model"]


async def test_no_broker_is_said(worker: Worker) -> None:
    nowhere = f"unix://{settings.DATA.run}/nothing.sock"
    with override_settings(VALKEY_URL=nowhere):
        assert set(await failing()) == {"broker"}


async def test_no_database_is_said(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise DatabaseError("connection refused\nmore lines")

    monkeypatch.setattr(health, "_select_one", refuse)
    assert await failing() == {"database": "connection refused"}


def test_up_is_up(client: Client) -> None:
    assert client.get("/healthz").json() == {"status": "ok"}


def test_figures_for_prometheus(client: Client) -> None:
    answer = client.get("/metrics")
    assert answer.headers["Content-Type"].startswith("text/plain")
    assert "process_start_time_seconds" in answer.text
