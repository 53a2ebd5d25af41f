"""``serve_model``: checked weights, a keyed private server, restarts, and a drained end; against a stand-in
for vLLM.
"""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from app.embedded.paths import CLONE
from app.errors import BadInputError
from app.inference.models import Model, Worker
from app.inference.registry import ensure_model, set_worker_state
from app.inference.serving import service as serving
from app.inference.serving.service import Service, check_weights
from app.inference.serving.vllm import Plan, Served, check_plan, command_line
from tests.inference.weights import make_model

ALONE = Served(names=("m",))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return make_model(tmp_path / "weights")


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The stand-in for vLLM."""
    program = tmp_path / "vllm"
    program.write_text(f'#!/bin/sh\nPYTHONPATH={CLONE} exec {sys.executable} -m tests.inference.fake_vllm "$@"\n')
    program.chmod(0o755)
    monkeypatch.setenv("FAKE_VLLM_NOTE", str(tmp_path / "note.json"))
    for name, value in (("HEARTBEAT_SECONDS", 0.1), ("NEWS_SECONDS", 0.1), ("POLL_SECONDS", 0.05)):
        monkeypatch.setattr(serving, name, value)
    monkeypatch.setattr(serving, "FIRST_PAUSE", 0.1)
    return program


@pytest.fixture
def plan(folder: Path, program: Path) -> Plan:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    return Plan(name="m", folder=folder, port=port, program=str(program), start_seconds=30, drain_seconds=10)


@pytest.fixture
def service(plan: Plan) -> Iterator[Service]:
    """Running in a thread, as the command runs it."""
    service = Service(plan, ALONE)
    with running(service):
        yield service


def eventually(true: Callable[[], Any], seconds: float = 15.0) -> Any:
    end = time.monotonic() + seconds
    while not (value := true()) and time.monotonic() < end:
        time.sleep(0.03)
    return value


def state() -> str | None:
    worker = Worker.objects.first()
    return worker.state if worker else None


def note(tmp_path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((tmp_path / "note.json").read_text())
    return found


@pytest.mark.django_db(transaction=True)
def test_it_registers_is_restarted_when_killed_and_leaves_nothing(service: Service, plan: Plan, tmp_path: Path) -> None:
    assert eventually(lambda: state() == "healthy" and Worker.objects.get().last_seen_at)
    worker = Worker.objects.get()
    first = note(tmp_path)
    assert (worker.address, worker.kind, worker.model.name) == (plan.address, "vllm", "m")
    assert worker.is_managed and not worker.state_reason
    assert worker.open_api_key() == first["key"]
    assert first["key"] and first["key"] not in " ".join(first["argv"])
    os.kill(first["pids"][0], signal.SIGKILL)
    assert eventually(lambda: note(tmp_path)["pids"] != first["pids"] and state() == "healthy")
    assert Worker.objects.get() == worker
    second = note(tmp_path)
    service.ask_to_stop()
    assert eventually(lambda: state() == "off")
    assert not any(is_alive(pid) for pid in first["pids"] + second["pids"])


@pytest.mark.django_db(transaction=True)
def test_running_answers_end_before_it_stops(service: Service, plan: Plan) -> None:
    assert eventually(lambda: state() == "healthy")
    body = {"model": "m", "messages": [], "stream": True}
    with httpx.stream("POST", f"{plan.address}/chat/completions", json=body, timeout=10) as answer:
        lines = answer.iter_lines()
        next(lines)
        service.ask_to_stop()
        assert eventually(lambda: state() == "draining")
        rest = list(lines)
    assert "data: [DONE]" in rest
    assert eventually(lambda: state() == "off")


@pytest.mark.django_db(transaction=True)
def test_an_answer_without_end_is_cut_at_the_deadline(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Service, "_running_requests", lambda _self: 1)
    service = Service(replace(plan, drain_seconds=0.5), ALONE)
    with running(service):
        assert eventually(lambda: state() == "healthy")
    assert state() == "off"


@pytest.mark.django_db(transaction=True)
def test_asked_twice_it_waits_for_nobody(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Service, "_running_requests", lambda _self: 1)
    service = Service(replace(plan, drain_seconds=600), ALONE)
    with running(service):
        assert eventually(lambda: state() == "healthy")
        service.ask_to_stop()
        assert eventually(lambda: state() == "draining")
    assert state() == "off"


@pytest.mark.django_db
def test_weights_are_registered_once_and_then_must_stay_the_same(plan: Plan) -> None:
    assert check_weights(plan) == ALONE
    assert Model.objects.get().context_tokens == 2048
    assert check_weights(plan) == ALONE
    make_model(plan.folder, max_position_embeddings=9)
    with pytest.raises(CommandError, match=r"config\.json .* has changed"):
        call_command("serve_model", "m", "--path", str(plan.folder), "--vllm", plan.program)


@pytest.mark.django_db
def test_a_folder_with_code_is_never_served(plan: Plan, tmp_path: Path) -> None:
    (plan.folder / "modeling_x.py").write_text("print()")
    with pytest.raises(CommandError, match="modeling_x"):
        call_command("serve_model", "m", "--path", str(plan.folder), "--vllm", plan.program)
    assert not (tmp_path / "note.json").exists()


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "8.8.8.8", "example.org", ""])
def test_a_public_address_is_refused(host: str) -> None:
    with pytest.raises(BadInputError):
        check_plan(Plan("m", Path("/nowhere"), host=host))


@pytest.mark.parametrize("host", ["127.0.0.1", "10.1.2.3", "::1", "fd00::1"])
def test_a_private_address_is_taken(host: str) -> None:
    plan = Plan("m", Path("/nowhere"), host=host, more=("--dtype", "bfloat16", "-O3"))
    check_plan(plan)
    assert plan.address in (f"http://{host}:8001/v1", f"http://[{host}]:8001/v1")


@pytest.mark.parametrize(
    "option",
    [
        "--trust-remote-code",
        "--trust_remote_code",
        "--trust",
        "--host=0.0.0.0",
        "--api-key",
        "--config=a",
        "--uds",
        "--tok",
        "--middleware=m.M",
        "--hf-overrides.trust_remote_code",
        "--lora-modules",
        "--tool-parser-plugin=a.py",
        "-sc",
        "-sc.model=/tmp/draft",
        "-tp=8",
    ],
)
def test_options_that_would_undo_the_checks_are_refused(option: str) -> None:
    with pytest.raises(BadInputError, match="serve_model decides"):
        check_plan(Plan("m", Path("/nowhere"), more=(option,)))


def test_the_command_line_says_what_the_plan_says() -> None:
    plan = Plan("m", Path("/w"), context_tokens=4096, more=("--dtype", "half"))
    line = " ".join(command_line(plan, Served(("Org/M", "m"), tensor_parallel=4, pipeline_parallel=2)))
    assert line.startswith("vllm serve /w --served-model-name Org/M m --host 127.0.0.1 --port 8001")
    for part in ("--tensor-parallel-size 4", "--pipeline-parallel-size 2", "--max-model-len 4096"):
        assert part in line
    assert line.endswith("--dtype half")


@pytest.mark.django_db
def test_what_is_missing_is_said_plainly(folder: Path) -> None:
    with pytest.raises(CommandError, match="is not a folder"):
        call_command("serve_model", "m", "--path", str(folder / "nothing"))


@pytest.mark.django_db
def test_the_registry_says_over_how_many_gpus_unless_the_command_does(plan: Plan) -> None:
    ensure_model(name="m", tensor_parallel=2, pipeline_parallel=3, upstream_name="Org/M", role="embed")
    served = check_weights(replace(plan, pipeline_parallel=1))
    assert (served.tensor_parallel, served.pipeline_parallel) == (2, 1)
    assert served.names == ("Org/M", "m")


@pytest.mark.django_db
def test_weights_that_are_no_safetensors_are_said_to_be_none(plan: Plan) -> None:
    (plan.folder / "model.safetensors").rename(plan.folder / "model.gguf")
    (plan.folder / "model.gguf").write_bytes(b"GGUF....")
    with pytest.raises(BadInputError, match="no safetensors"):
        check_weights(plan)


@pytest.mark.django_db(transaction=True)
def test_what_drains_by_hand_is_not_given_requests_after_a_crash(service: Service, tmp_path: Path) -> None:
    assert eventually(lambda: state() == "healthy")
    set_worker_state(Worker.objects.get(), serving.WorkerState.DRAINING)
    first = note(tmp_path)
    os.kill(first["pids"][0], signal.SIGKILL)
    assert eventually(lambda: note(tmp_path)["pids"] != first["pids"])
    seen = Worker.objects.get().last_seen_at
    assert eventually(lambda: Worker.objects.get().last_seen_at != seen)
    assert state() == "draining"


@pytest.mark.django_db(transaction=True)
def test_one_that_keeps_ending_says_why_and_how_often(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAKE_VLLM_ENDS", "ERROR 11-21 ValueError: No memory is left for the cache.")
    with running(Service(plan, ALONE)):
        assert eventually(lambda: "2 times in a row" in (Worker.objects.first() or Worker()).state_reason)
        worker = Worker.objects.get()
        assert worker.state == "sick"
        assert "(exit status 1): ValueError: No memory is left for the cache." in worker.state_reason
    assert state() == "off"


@pytest.mark.django_db(transaction=True)
def test_a_second_one_at_the_same_address_is_refused(service: Service, plan: Plan) -> None:
    assert eventually(lambda: state() == "healthy")
    with pytest.raises(CommandError, match=r"Another serve_model has .* --port"):
        call_command("serve_model", "m", "--path", str(plan.folder), "--port", str(plan.port))
    assert state() == "healthy"


@pytest.mark.django_db(transaction=True)
def test_another_server_at_the_address_is_not_taken_for_it(plan: Plan) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", plan.port))
        other.listen()
        with pytest.raises(CommandError, match="Address already in use"):
            call_command("serve_model", "m", "--path", str(plan.folder), "--port", str(plan.port))
    assert not Worker.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_the_key_comes_from_a_file_and_our_own_secrets_stay_ours(
    plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "key").write_text("of-my-own\n")
    monkeypatch.setenv("SECRET_KEY", "ours")
    monkeypatch.setenv("VLLM_SERVER_DEV_MODE", "1")
    with running(Service(replace(plan, key_file=tmp_path / "key"), ALONE)):
        assert eventually(lambda: state() == "healthy")
        found = note(tmp_path)
        assert found["key"] == Worker.objects.get().open_api_key() == "of-my-own"
        assert found["environment"] == {"SECRET_KEY": "", "HF_HUB_OFFLINE": "1", "VLLM_SERVER_DEV_MODE": "0"}


@pytest.mark.parametrize("content", ["", "two keys", "schlüssel"])
def test_a_file_that_holds_no_key_is_refused(plan: Plan, tmp_path: Path, content: str) -> None:
    (tmp_path / "key").write_text(content)
    with pytest.raises(BadInputError, match="one key"):
        Service(replace(plan, key_file=tmp_path / "key"), ALONE)


@pytest.mark.django_db(transaction=True)
def test_nothing_is_left_when_the_command_itself_is_killed(plan: Plan, tmp_path: Path) -> None:
    command = [sys.executable, "manage.py", "serve_model", "m", "--path", str(plan.folder), "--port", str(plan.port)]
    with subprocess.Popen(
        [*command, "--program", plan.program], cwd=CLONE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as served:
        try:
            assert eventually(lambda: state() == "healthy", 120)
        finally:
            served.kill()
    pids = note(tmp_path)["pids"]
    assert eventually(lambda: not any(is_alive(pid) for pid in pids))
    with running(Service(plan, ALONE)):  # the address is free again
        assert eventually(lambda: note(tmp_path)["pids"] != pids and state() == "healthy")


@contextlib.contextmanager
def running(service: Service) -> Iterator[None]:
    """In a thread, as the command runs it, until the end of the block."""

    def run() -> None:
        service.run()
        connection.close()

    with Path(os.devnull).open("w") as nowhere, pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stdout", nowhere)
        thread = threading.Thread(target=run)
        thread.start()
        try:
            yield
        finally:
            service.ask_to_stop()
            thread.join(30)
            assert not thread.is_alive()


def is_alive(pid: int) -> bool:
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
