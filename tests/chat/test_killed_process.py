"""kill -9 of the web process in the middle of an answer: another goes on, nothing shown is lost, nothing told twice."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator

import orjson
import pytest
from websockets.sync.client import connect

from chat.models import Message
from chat.socket.renderings import SUBPROTOCOL
from tests.chat.reading import seqs_of, text_of

pytestmark = pytest.mark.django_db(transaction=True)

WORDS = [f"word{number} " for number in range(400)]


@pytest.fixture
def start_web() -> Iterator[Callable[[int], subprocess.Popen[bytes]]]:
    started: list[subprocess.Popen[bytes]] = []

    def start(port: int) -> subprocess.Popen[bytes]:
        from django.db import connection

        environment = os.environ | {"DATABASE_URL": database_url(connection.settings_dict)}
        command = [
            sys.executable,
            "-m",
            "uvicorn",
            "app.asgi:application",
            "--port",
            str(port),
            "--log-level",
            "warning",
        ]
        started.append(subprocess.Popen(command, env=environment))
        wait_until_up(port)
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait(60)


def database_url(about: dict[str, str]) -> str:
    return f"postgresql://{about['USER']}@/{about['NAME']}?host={about['HOST']}"


def wait_until_up(port: int) -> None:
    end = time.monotonic() + 60
    while time.monotonic() < end:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=5)
            return
        except OSError:
            time.sleep(0.1)
    raise AssertionError("the web process did not come up")


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def line_to(port: int, conversation_id: object, key: str, after: int | None = None):
    query = "" if after is None else f"?after={after}"
    return connect(
        f"ws://127.0.0.1:{port}/ws/conversations/{conversation_id}/{query}",
        subprotocols=[SUBPROTOCOL],
        additional_headers={"Authorization": f"Bearer {key}"},
        open_timeout=60,
    )


def read_until(line, frames: list[dict], enough: Callable[[dict], bool]) -> None:
    while True:
        frames.append(orjson.loads(line.recv(timeout=30)))
        if enough(frames[-1]):
            return


def test_what_was_shown_is_kept_and_the_end_is_told_once(start_web, conversation, alice_key, scripted_server):
    scripted_server.script(tokens=WORDS, pace=0.02)
    port, frames = free_port(), []
    web = start_web(port)
    with line_to(port, conversation.id, alice_key) as line:
        line.send(orjson.dumps({"type": "ask", "text": "Go on", "client_id": "c"}).decode())
        read_until(line, frames, lambda frame: frame["type"] == "delta" and frame["seq"] > 12)
        os.kill(web.pid, signal.SIGKILL)
        web.wait(60)
    start_web(port)
    with line_to(port, conversation.id, alice_key, after=frames[-1]["seq"]) as line:
        read_until(line, frames, lambda frame: frame["type"] == "done")
    assert seqs_of(frames) == list(range(1, len(frames) + 1))
    assert frames[-1]["state"] == "interrupted"
    message = Message.objects.get(pk=frames[0]["message_id"])
    assert message.state == "interrupted"
    assert message.text == text_of(frames)
    assert "".join(WORDS).startswith(message.text) and len(message.text) > 20


def test_an_answer_of_which_nothing_was_shown_is_written_again(start_web, conversation, alice_key, scripted_server):
    scripted_server.script("hang")
    port, frames = free_port(), []
    web = start_web(port)
    with line_to(port, conversation.id, alice_key) as line:
        line.send(orjson.dumps({"type": "ask", "text": "Go on", "client_id": "c"}).decode())
        read_until(line, frames, lambda frame: frame["type"] == "status")
        os.kill(web.pid, signal.SIGKILL)
        web.wait(60)
    scripted_server.script()
    start_web(port)
    with line_to(port, conversation.id, alice_key, after=frames[-1]["seq"]) as line:
        read_until(line, frames, lambda frame: frame["type"] == "done")
    assert seqs_of(frames) == list(range(1, len(frames) + 1))
    assert frames[-1]["state"] == "done"
    assert text_of(frames) == "The answer is twenty-five days, as the handbook says."


def test_an_answer_ends_before_a_process_that_is_asked_to_go(start_web, conversation, alice_key, scripted_server):
    scripted_server.script(tokens=WORDS[:100], pace=0.02)
    port, frames = free_port(), []
    web = start_web(port)
    with line_to(port, conversation.id, alice_key) as line:
        line.send(orjson.dumps({"type": "ask", "text": "Go on", "client_id": "c"}).decode())
        read_until(line, frames, lambda frame: frame["type"] == "delta")
        web.send_signal(signal.SIGTERM)
        assert web.wait(60) in (0, -signal.SIGTERM)
    message = Message.objects.get(pk=frames[0]["message_id"])
    assert (message.state, message.text) == ("done", "".join(WORDS[:100]))
