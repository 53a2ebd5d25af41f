"""A reader who does not read: others hear at once, memory stays bounded, and everything comes exactly once later."""

import gc
import socket
from urllib.parse import urlsplit

import orjson
import pytest
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.sync.client import ClientConnection, connect

from chat.socket.renderings import SUBPROTOCOL
from tests.chat.reading import seqs_of, text_of
from tests.serving import server

__all__ = ["server"]

pytestmark = pytest.mark.django_db(transaction=True)
TOKENS = ["ü" * 4_000] * 250  # 2 MB
SMALL = 8_192


def line_to(server: str, conversation_id: object, key: str, *, holds_little: bool = False) -> ClientConnection:
    """A line; one that holds little leaves what is not read with the server."""
    address = urlsplit(server)
    sock = socket.socket()
    if holds_little:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL)
    sock.connect((address.hostname, address.port))
    return connect(
        f"ws://{address.netloc}/ws/conversations/{conversation_id}/",
        sock=sock,
        subprotocols=[SUBPROTOCOL],
        additional_headers={"Authorization": f"Bearer {key}"},
        max_queue=1 if holds_little else None,
    )


def read_to_the_end(line: ClientConnection) -> list[dict]:
    frames = []
    while not frames or frames[-1]["type"] != "done":
        frames.append(orjson.loads(line.recv(timeout=30)))
    return frames


def most_waiting_in_the_server() -> int:
    """The most bytes that the web server keeps for one reader; the kernel keeps more."""
    lines = [one for one in gc.get_objects() if isinstance(one, WebSocketsSansIOProtocol)]
    return max(line.transport.get_write_buffer_size() for line in lines if not line.transport.is_closing())


def test_one_who_does_not_read_delays_nobody_and_gets_everything_later(
    server, conversation, alice_key, scripted_server
):
    scripted_server.script(tokens=TOKENS)
    with (
        line_to(server, conversation.id, alice_key, holds_little=True) as slow,
        line_to(server, conversation.id, alice_key) as awake,
    ):
        awake.send(orjson.dumps({"type": "ask", "text": "Much", "client_id": "c"}).decode())
        frames = read_to_the_end(awake)
        assert text_of(frames) == "".join(TOKENS)
        assert most_waiting_in_the_server() < 200_000
        late = read_to_the_end(slow)
    assert late == frames
    assert seqs_of(late) == list(range(1, len(late) + 1))
