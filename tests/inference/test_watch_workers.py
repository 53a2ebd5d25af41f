"""Asking every model server how it is: two failures make one sick, one answer makes it healthy again."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import timedelta

import pytest
import redis
import redis.asyncio
from asgiref.sync import async_to_sync
from django.conf import settings
from django.utils import timezone

from app.inference.models import Worker, WorkerState
from app.inference.registry import register_worker
from app.inference.scripted_server import ScriptedServer
from app.inference.watching.figures import kept, summed
from app.inference.watching.watcher import LEADER, Watcher
from tests.inference.odd_server import Odd, dead_address, odd

__all__ = ["odd"]

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def valkey() -> Iterator[redis.Redis]:
    client = redis.Redis.from_url(settings.VALKEY_URL)
    client.delete(LEADER)
    yield client
    client.close()


def look(watcher: Watcher, worker: Worker, times: int = 1) -> tuple[str, str]:
    """State and reason after this many rounds."""
    for _ in range(times):
        async_to_sync(watcher.look)()
    worker.refresh_from_db()
    return worker.state, worker.state_reason


def test_two_failures_in_a_row_make_a_server_sick_and_one_answer_healthy(scripted_server: ScriptedServer) -> None:
    address = dead_address()
    worker = register_worker(model_name="m", address=address)
    watcher = Watcher()
    assert look(watcher, worker) == ("healthy", "")
    state, reason = look(watcher, worker)
    assert state == "sick" and reason == f"Nothing listens on port {address.rsplit(':')[-1][:-3]} of 127.0.0.1."
    Worker.objects.update(address=scripted_server.url)
    assert look(watcher, worker) == ("healthy", "")
    assert worker.last_seen_at


@pytest.mark.parametrize("state", [WorkerState.DRAINING, WorkerState.OFF])
def test_what_an_administrator_set_stays(state: WorkerState, scripted_server: ScriptedServer) -> None:
    answering = register_worker(model_name="m", address=scripted_server.url)
    dead = register_worker(model_name="m", address=dead_address())
    Worker.objects.update(state=state)
    watcher = Watcher()
    assert look(watcher, answering, 3)[0] == look(watcher, dead)[0] == state


def test_vllm_and_llama_are_asked_for_their_health(odd: Odd) -> None:
    worker = register_worker(model_name="m", address=odd.url, kind="vllm", api_key="sk-1")
    watcher = Watcher()
    assert look(watcher, worker)[0] == "healthy"
    assert set(odd.asked) == {("/health", "Bearer sk-1"), ("/metrics", "Bearer sk-1")}
    odd.status = 503
    assert look(watcher, worker, 2) == ("sick", "It is loading its model, or its engine has ended (status 503).")


@pytest.mark.parametrize(
    ("status", "problem"),
    [
        (200, ""),
        (404, ""),
        (429, ""),
        (401, "It refuses the key (status 401)."),
        (302, "It sends requests elsewhere (status 302). Change its address."),
        (500, "It answers with status 500."),
    ],
)
def test_any_other_server_is_asked_for_its_models(odd: Odd, status: int, problem: str) -> None:
    odd.status, odd.more = status, {"Location": "http://127.0.0.1:9/secret"}
    worker = register_worker(model_name="m", address=odd.url)
    assert look(Watcher(), worker, 2) == ("sick" if problem else "healthy", problem)
    assert {path for path, _ in odd.asked} == {"/v1/models"}


def test_one_that_hangs_or_never_ends_is_sick(odd: Odd, monkeypatch: pytest.MonkeyPatch) -> None:
    worker = register_worker(model_name="m", address=odd.url)
    watcher = Watcher()
    odd.body = b"x" * 2_100_000
    assert look(watcher, worker, 2) == ("sick", "It sends more than 2 MB.")
    odd.body = b"{}"
    assert look(watcher, worker)[0] == "healthy"
    odd.pause.clear()
    monkeypatch.setattr("app.inference.watching.watcher.ask_health.__defaults__", (0.2,))
    assert look(watcher, worker, 2) == ("sick", "It does not answer within 0.2 s.")


def test_a_managed_server_whose_heart_has_stopped_is_sick_at_once() -> None:
    worker = register_worker(model_name="m", address=dead_address(), kind="vllm")
    stopped = timezone.now() - timedelta(seconds=21)
    Worker.objects.update(is_managed=True, last_seen_at=stopped)
    assert look(Watcher(), worker)[0] == "sick"
    assert worker.last_seen_at == stopped


def test_a_managed_servers_heartbeat_is_its_own(scripted_server: ScriptedServer) -> None:
    worker = register_worker(model_name="m", address=scripted_server.url, kind="vllm")
    Worker.objects.update(is_managed=True, last_seen_at=None)
    assert look(Watcher(), worker, 2)[0] == "healthy"
    assert worker.last_seen_at is None


def test_a_key_that_cannot_be_opened_is_told(scripted_server: ScriptedServer) -> None:
    worker = register_worker(model_name="m", address=scripted_server.url, api_key="sk-1")
    Worker.objects.update(api_key_encrypted="not a key")
    state, reason = look(Watcher(), worker, 2)
    assert state == "sick" and "SECRET_KEY has changed" in reason


def test_nothing_is_written_while_nothing_changes(
    scripted_server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker = register_worker(model_name="m", address=scripted_server.url)
    watcher = Watcher()
    look(watcher, worker)
    written: list[object] = []
    monkeypatch.setattr("app.inference.watching.watcher.note_seen", lambda *_, **__: written.append(1))
    look(watcher, worker, 3)
    assert written == []


def test_what_it_counts_is_kept_for_half_an_hour(odd: Odd, valkey: redis.Redis) -> None:
    worker = register_worker(model_name="m", address=odd.url, kind="llama")
    watcher = Watcher()
    for count in (10, 40, 100):
        odd.body = f"llamacpp:requests_processing 2\nllamacpp:tokens_predicted_total {count}\n".encode()
        look(watcher, worker)
    samples = kept(valkey, [worker.id])[worker.id]
    assert [sample.tokens_out for sample in samples] == [0, 30, 60]
    figures = summed(samples)
    assert figures and figures.running == 2
    assert 0 < valkey.ttl(f"parley:pool:figures:{worker.id}") <= 1800


def test_one_process_at_a_time_watches(odd: Odd, valkey: redis.Redis) -> None:
    register_worker(model_name="m", address=odd.url)

    async def watch() -> None:
        first, second = Watcher(every_seconds=0.1), Watcher(every_seconds=0.1)
        first.attach()
        await asyncio.sleep(0.15)
        second.attach()
        await asyncio.sleep(0.6)
        led_by_first = valkey.get(LEADER)
        assert second._memories == {} and first._memories
        await first.detach()
        await asyncio.sleep(0.4)
        assert valkey.get(LEADER) not in (None, led_by_first) and second._memories
        await second.detach()

    asyncio.run(watch())
    assert valkey.get(LEADER) is None


def test_without_valkey_it_watches_all_the_same(odd: Odd, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "VALKEY_URL", "redis://127.0.0.1:1/0")
    odd.status = 500
    worker = register_worker(model_name="m", address=odd.url)

    async def watch() -> None:
        watcher = Watcher(every_seconds=0.05)
        watcher.attach()
        for _ in range(100):
            await asyncio.sleep(0.05)
            if len(odd.asked) >= 3:
                break
        await watcher.detach()

    asyncio.run(watch())
    worker.refresh_from_db()
    assert worker.state == "sick"
