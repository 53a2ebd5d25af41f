"""Frames that make no sense, from one caller: each gets an error or ends its own line, and the process goes on."""

from __future__ import annotations

import contextlib
import json
from typing import Any
from uuid import uuid4

import httpx
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.frames import Frame, Opcode
from websockets.sync.client import ClientConnection, connect

from accounts.models import User
from chat.models import Message
from chat.socket.actions import ACTIONS
from chat.streaming.events import MAX_FRAME_BYTES
from tests import factories
from tests.serving import server

__all__ = ["server"]

pytestmark = pytest.mark.django_db(transaction=True)

NO_JSON = [
    "",
    " ",
    "{",
    "[" * 30_000,
    '{"type":' * 5_000,
    "nul",
    "NaN",
    "\0",
    "\x7f",
    "ask",
    "{'type': 'ask'}",
    "1" * 9_000,
]
NO_OBJECTS = [
    "[]",
    "null",
    "0",
    '"ask"',
    "true",
    "1e999",
    "[" * 50 + "]" * 50,
    json.dumps([{"type": "ask", "text": "?"}]),
]
STRANGE: list[Any] = [
    None,
    True,
    0,
    -1,
    1e308,
    10**30,
    [],
    {},
    [[]],
    {"a": {}},
    "",
    "\0",
    "\u202e",
    "x" * 30_000,
    "💥" * 900,
]
STRANGE += [
    "../../etc/passwd",
    str(uuid4()),
    str(uuid4()).upper() + "'",
    "__class__",
    {"$ne": None},
    [str(uuid4())] * 99,
]


def strange_frames() -> list[str]:
    """Every action with each of its fields of a wrong kind, and actions that there are not."""
    frames = NO_JSON + NO_OBJECTS
    good = {
        "text": "How many days?",
        "client_id": "one",
        "parent_id": str(uuid4()),
        "message_id": str(uuid4()),
        "files": [],
    }
    for value in STRANGE:
        frames += [
            json.dumps({"type": value}),
            json.dumps({"type": "stop", "message_id": value, str(value)[:99]: value}),
        ]
        for action in ACTIONS:
            for name in ("message_id", "parent_id", "files", "client_id"):
                if name == "parent_id" and not value:
                    continue  # a question without a parent, which is a good one
                frames.append(json.dumps({"type": action, **good, name: value}))
            if not isinstance(value, str):
                frames.append(json.dumps({"type": action, **good, "text": value}))
    return [frame for frame in frames if len(frame.encode()) <= MAX_FRAME_BYTES]


def opened(server: str, conversation_id: object, secret: str) -> ClientConnection:
    return connect(
        f"{server.replace('http', 'ws')}/ws/conversations/{conversation_id}/",
        subprotocols=["parley.v1+json"],  # type: ignore[list-item]
        additional_headers={"Authorization": f"Bearer {secret}"},
        max_size=None,
    )


def test_every_bad_frame_is_answered_with_an_error(server: str, alice: User) -> None:
    conversation = factories.make_conversation(owner=alice)
    frames = strange_frames()
    assert len(frames) > 400
    with opened(server, conversation.id, factories.make_key(alice)) as line:
        for frame in frames:
            line.send(frame)
            said = json.loads(line.recv(timeout=20))
            assert said["type"] == "error", f"{frame[:120]}: {said}"
            assert said["code"] in ("bad_input", "not_found", "not_allowed"), f"{frame[:120]}: {said}"
            assert "Traceback" not in said["message"] and len(said["message"]) < 1_000
    assert not Message.objects.filter(conversation=conversation).exists()


RAW = {
    "binary": [Frame(Opcode.BINARY, b"\x00\xff" * 100)],
    "no text": [Frame(Opcode.TEXT, b"\xff\xfe\xfa")],
    "too large": [Frame(Opcode.TEXT, b"x" * (MAX_FRAME_BYTES + 1))],
    "too large in pieces": [
        Frame(Opcode.TEXT, b"x" * 60_000, fin=False),
        *[Frame(Opcode.CONT, b"x" * 60_000, fin=False)] * 200,
    ],
    "pieces without a beginning": [Frame(Opcode.CONT, b"x")],
    "a beginning within a beginning": [Frame(Opcode.TEXT, b"x", fin=False), Frame(Opcode.TEXT, b"y")],
    "a ping of many bytes": [Frame(Opcode.PING, b"x" * 5_000)],
    "a reserved bit": [Frame(Opcode.TEXT, b"{}", rsv1=True)],
    "a close without sense": [Frame(Opcode.CLOSE, b"\x00")],
}


def raw(frame: Frame) -> bytes:
    """The frame on the wire, whether or not it is one that may be sent; masked with zeros."""
    head = bytes([frame.fin << 7 | frame.rsv1 << 6 | frame.opcode])
    size = len(frame.data)
    if size < 126:
        head += bytes([0x80 | size])
    elif size < 65_536:
        head += bytes([0x80 | 126]) + size.to_bytes(2, "big")
    else:
        head += bytes([0x80 | 127]) + size.to_bytes(8, "big")
    return head + bytes(4) + bytes(frame.data)


@pytest.mark.parametrize("frames", RAW.values(), ids=RAW)
def test_what_breaks_the_protocol_ends_its_own_line_alone(server: str, alice: User, frames: list[Frame]) -> None:
    conversation, secret = factories.make_conversation(owner=alice), factories.make_key(alice)
    with opened(server, conversation.id, secret) as other:
        with opened(server, conversation.id, secret) as line, contextlib.suppress(OSError, ConnectionClosed):
            for frame in frames:
                line.socket.sendall(raw(frame))
            with contextlib.suppress(TimeoutError):
                said = line.recv(timeout=5)
                assert json.loads(said)["type"] == "error"
        other.send("not JSON")
        assert json.loads(other.recv(timeout=10))["code"] == "bad_input"
    assert httpx.get(f"{server}/healthz").status_code == 200
