"""Checkpoints go to others in order, each once taken, again when refused: against real listeners of each kind."""

from __future__ import annotations

import json
import re
import socket
import threading
from collections.abc import Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import pytest
from django.core.management import call_command
from django.db import transaction
from pytest_django import Settings

from accounts import audit
from accounts.audit_chain import is_signed, read_line
from accounts.auditing.sealing import own_view, seal_log
from accounts.auditing.verifying import check_log
from accounts.auditing.witnesses import check_address, tell_witnesses
from accounts.models import AuditCheckpoint, AuditWitness
from app.errors import BadInputError


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, settings: Settings, transactional_db: None) -> None:
    settings.AUDIT_FOLDER = tmp_path / "audit"
    seal()


def seal() -> int:
    """One more checkpoint; its number."""
    with transaction.atomic():
        audit.record(actor="system", action="test.deed", obj="thing:witnessed")
    seal_log()
    return int(AuditCheckpoint.objects.latest("number").number)


class Receiver(BaseHTTPRequestHandler):
    taken: ClassVar[list[dict[str, object]]] = []
    headers_seen: ClassVar[list[dict[str, str]]] = []
    answers: ClassVar[list[int]] = []

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        status = self.answers.pop(0) if self.answers else 204
        if status < 300:
            self.taken.append(body)
            self.headers_seen.append(dict(self.headers))
        self.send_response(status)
        self.send_header("Location", "http://127.0.0.1:1/elsewhere")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def receiver() -> Iterator[str]:
    Receiver.taken.clear(), Receiver.headers_seen.clear(), Receiver.answers.clear()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/parley"
    server.shutdown()
    server.server_close()


def numbers() -> list[int]:
    return [int(taken["statement"]["number"]) for taken in Receiver.taken]  # type: ignore[index]


def test_http_gets_every_checkpoint_once_in_order(receiver: str, settings: Settings) -> None:
    settings.AUDIT_WITNESSES, settings.AUDIT_WITNESS_TOKEN = [receiver], "secret-word"
    first = AuditCheckpoint.objects.latest("number").number
    assert tell_witnesses() == 0
    seal(), seal()
    for _ in range(2):
        assert tell_witnesses() == 0
    assert numbers() == [first, first + 1, first + 2]
    assert Receiver.headers_seen[0]["Authorization"] == "Bearer secret-word"
    assert all(is_signed(read_line(json.dumps(taken))) for taken in Receiver.taken)


@pytest.mark.parametrize("refusal", [500, 302, 401])
def test_what_is_refused_comes_again_and_nothing_before_it(receiver: str, settings: Settings, refusal: int) -> None:
    settings.AUDIT_WITNESSES = [receiver]
    tell_witnesses()
    begun = numbers()
    Receiver.answers[:] = [204, refusal]
    seal(), seal()
    assert tell_witnesses() == 1
    witness = AuditWitness.objects.get()
    assert (witness.number, str(refusal) in witness.error) == (begun[0] + 1, True)
    assert tell_witnesses() == 0
    assert numbers() == [begun[0], begun[0] + 1, begun[0] + 2]
    assert AuditWitness.objects.get().error == ""


def test_one_that_is_gone_holds_up_no_other(receiver: str, settings: Settings) -> None:
    settings.AUDIT_WITNESSES = ["http://127.0.0.1:1/", "syslog+tcp://127.0.0.1:1", receiver]
    assert tell_witnesses() == 2
    assert len(Receiver.taken) == 1
    settings.AUDIT_WITNESSES = [receiver]
    assert tell_witnesses() == 0
    assert AuditWitness.objects.count() == 1


SYSLOG = re.compile(rb"^<109>1 \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z \S+ parley - checkpoint - {")


def check_message(message: bytes, number: int) -> None:
    assert SYSLOG.match(message), message
    assert len(message) < 2048
    one = read_line(message.decode())
    assert one.number == number
    assert is_signed(one)


def test_syslog_over_udp(settings: Settings) -> None:
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.settimeout(5)
        settings.AUDIT_WITNESSES = [f"syslog+udp://127.0.0.1:{listener.getsockname()[1]}"]
        assert tell_witnesses() == 0
        check_message(listener.recv(65_536), AuditCheckpoint.objects.latest("number").number)


def test_syslog_over_tcp_says_each_length(settings: Settings) -> None:
    got: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def listen() -> None:
            line, _ = listener.accept()
            with line:
                while block := line.recv(4096):
                    got.append(block)

        thread = threading.Thread(target=listen, daemon=True)
        thread.start()
        settings.AUDIT_WITNESSES = [f"syslog+tcp://127.0.0.1:{listener.getsockname()[1]}"]
        assert tell_witnesses() == 0
        thread.join(5)
    length, message = b"".join(got).split(b" ", 1)
    assert int(length) == len(message)
    check_message(message, AuditCheckpoint.objects.latest("number").number)


def test_syslog_over_a_socket_of_this_machine(settings: Settings, tmp_path: Path) -> None:
    place = tmp_path / "log"
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as listener:
        listener.bind(str(place))
        listener.settimeout(5)
        settings.AUDIT_WITNESSES = [f"syslog+unix://{place}"]
        assert tell_witnesses() == 0
        check_message(listener.recv(65_536), AuditCheckpoint.objects.latest("number").number)


def test_what_a_witness_kept_is_compared(settings: Settings, receiver: str, tmp_path: Path) -> None:
    settings.AUDIT_WITNESSES = [receiver]
    tell_witnesses()
    kept = tmp_path / "witness.log"
    kept.write_text(f"Jan 31 08:00:00 host parley {json.dumps(Receiver.taken[0])}\n")
    call_command("audit_verify", "--witness", str(kept))
    forged = {**Receiver.taken[0], "statement": {**Receiver.taken[0]["statement"], "root": "00"}}  # type: ignore[dict-item]
    kept.write_text(json.dumps(forged) + "\n")
    with own_view() as view:
        (fault,) = check_log(view, elsewhere=[kept]).faults
        assert "is another than in the database" in fault
        assert check_log(view, elsewhere=[tmp_path / "none"]).faults == [f"{tmp_path / 'none'} is not there"]


@pytest.mark.parametrize("address", ["log.example.org", "ftp://host/", "syslog+tcp://", "syslog+unix://", "http:///x"])
def test_what_is_no_address_is_said(address: str) -> None:
    with pytest.raises(BadInputError, match="AUDIT_WITNESSES"):
        check_address(address)
