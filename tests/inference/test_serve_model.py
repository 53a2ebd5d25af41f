"""``serve_model``: checked weights, a keyed private server, restarts, and a drained end; against a stand-in
for vLLM.
"""

import json
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from app.embedded.paths import CLONE
from app.errors import BadInputError
from app.inference import serving
from app.inference.models import Model, Worker
from app.inference.serving import Plan, Service, check_plan, check_weights, command_line


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "weights"
    folder.mkdir()
    (folder / "config.json").write_text('{"max_position_embeddings": 2048}')
    (folder / "model.safetensors").write_bytes(b"weights")
    return folder


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
    service = Service(plan)

    def run() -> None:
        service.run()
        connection.close()

    with Path(os.devnull).open("w") as nowhere, pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stdout", nowhere)
        thread = threading.Thread(target=run)
        thread.start()
        yield service
        service.ask_to_stop()
        thread.join(30)
        assert not thread.is_alive()


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
    assert worker.open_api_key() == first["key"]
    assert first["key"] and first["key"] not in " ".join(first["argv"])
    os.kill(first["pids"][0], signal.SIGKILL)
    assert eventually(lambda: note(tmp_path)["pids"] != first["pids"] and state() == "healthy")
    assert Worker.objects.get() == worker
    second = note(tmp_path)
    service.ask_to_stop()
    assert eventually(lambda: state() == "off")
    for pid in first["pids"] + second["pids"]:
        assert not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


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
    service = Service(Plan(**{**vars(plan), "drain_seconds": 0.5}))
    thread = threading.Thread(target=lambda: (service.run(), connection.close()))
    with Path(os.devnull).open("w") as nowhere, pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stdout", nowhere)
        thread.start()
        assert eventually(lambda: state() == "healthy")
        service.ask_to_stop()
        thread.join(20)
    assert not thread.is_alive() and state() == "off"


@pytest.mark.django_db
def test_weights_are_registered_once_and_then_must_stay_the_same(plan: Plan) -> None:
    assert check_weights(plan).context_tokens == 2048
    assert check_weights(plan) == Model.objects.get()
    (plan.folder / "model.safetensors").write_bytes(b"other")
    with pytest.raises(CommandError, match=r"model\.safetensors .* has changed"):
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
    ["--trust-remote-code", "--trust_remote_code", "--trust", "--host=0.0.0.0", "--api-key", "--config=a", "--uds"],
)
def test_options_that_would_undo_the_checks_are_refused(option: str) -> None:
    with pytest.raises(BadInputError, match="serve_model decides"):
        check_plan(Plan("m", Path("/nowhere"), more=(option,)))


def test_the_command_line_says_what_the_plan_says() -> None:
    plan = Plan("m", Path("/w"), tensor_parallel=4, pipeline_parallel=2, context_tokens=4096, more=("--dtype", "half"))
    line = " ".join(command_line(plan))
    assert line.startswith("vllm serve /w --served-model-name m --host 127.0.0.1 --port 8001")
    for part in ("--tensor-parallel-size 4", "--pipeline-parallel-size 2", "--max-model-len 4096"):
        assert part in line
    assert line.endswith("--dtype half")


def test_what_is_missing_is_said_plainly(folder: Path) -> None:
    with pytest.raises(CommandError, match="is not a folder"):
        call_command("serve_model", "m", "--path", str(folder / "nothing"))
