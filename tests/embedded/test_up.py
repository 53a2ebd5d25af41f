"""`manage.py up`, the whole of it: what it refuses before anything starts, and that it comes up, lives and goes."""

import os
import signal
import socket
import subprocess
import urllib.request
from pathlib import Path

import pytest

from app.embedded.paths import DataFolder
from tests.embedded.conftest import House, wait_for


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def up(house: House, port: int) -> subprocess.Popen[bytes]:
    return house.start("manage.py", "up", PORT=str(port))


def test_a_taken_port_is_said_before_anything_starts(house: House) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        assert up(house, port).wait(30) == 1
    assert f"Port {port} is taken by another program. Choose another: PORT={port + 1} make run" in house.said()
    assert not house.folder.postgres.exists()


@pytest.mark.parametrize("kind", ["a file", "a folder that cannot be made"])
def test_an_unwritable_folder_is_said_in_one_line(house: House, kind: str) -> None:
    """Said by `up`, and by every other command, whose settings look into the folder first."""
    if kind == "a file":
        house.folder.root.write_text("in the way")
    else:
        house.folder = DataFolder(Path("/proc/parley"))
    for command in ("up", "check"):
        house.output.unlink(missing_ok=True)
        assert house.start("manage.py", command, PORT=str(free_port())).wait(30) == 1
        assert len(house.said().splitlines()) == 1
        assert "Parley cannot write to" in house.said()
        assert "PARLEY_DATA_DIR" in house.said()


def test_it_comes_up_survives_a_crash_and_leaves_nothing(house: House) -> None:
    port = free_port()
    first = up(house, port)
    ready = f"Parley is ready: http://127.0.0.1:{port}"
    wait_for(lambda: ready in house.said() or first.poll() is not None, 120)
    assert ready in house.said()

    assert up(house, free_port()).wait(30) == 1
    assert f"Parley already runs on {house.folder.root} (process {first.pid}" in house.said()

    house.find("uvicorn").kill()
    wait_for(lambda: house.said().count("web ended") == 1)
    wait_for(lambda: answers(port), 30)

    os.kill(first.pid, signal.SIGKILL)
    first.wait(10)
    wait_for(lambda: not house.processes(), 60)

    second = up(house, port)
    wait_for(lambda: house.said().count(ready) == 2 or second.poll() is not None, 60)
    assert house.said().count(ready) == 2
    second.terminate()
    assert second.wait(60) == 0
    assert not house.processes()


def answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=2) as response:
            return bool(response.status == 200)
    except OSError:
        return False
