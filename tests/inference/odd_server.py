"""A web server that is no model server, or a strange one: what an address may turn out to be."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest


class Odd(ThreadingHTTPServer):
    """Answers every GET with ``status``, ``more`` headers and ``body``, ``pages`` with 200, once ``pause`` is set.
    With ``context`` it speaks TLS.
    """

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        self.status, self.more, self.body = 200, dict[str, str](), b"{}"
        self.asked: list[tuple[str, str | None]] = []
        self.pages: dict[str, bytes] = {}
        self.pause = threading.Event()
        self.pause.set()
        self.scheme = "https" if context else "http"
        super().__init__(("127.0.0.1", 0), _Handler)
        if context:
            self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.server_address[1]}/v1"


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        server = self.server
        assert isinstance(server, Odd)
        server.asked.append((self.path, self.headers.get("Authorization")))
        server.pause.wait(10)
        page = server.pages.get(self.path)
        self.send_response(server.status if page is None else 200)
        for name, value in server.more.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(server.body if page is None else page)

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def odd() -> Iterator[Odd]:
    server = Odd()
    yield server
    server.pause.set()
    server.shutdown()
    server.server_close()


def dead_address() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}/v1"
