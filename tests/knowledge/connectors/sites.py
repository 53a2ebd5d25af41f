"""Real HTTP servers for the tests, on loopback: each answers by a table that the test fills."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


@dataclass
class Page:
    """One answer; ``body`` may be endless."""

    body: bytes | Iterator[bytes] = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


Answering = Page | Callable[[BaseHTTPRequestHandler], Page | None]


class Site:
    """A server and what it was asked: ``pages`` maps paths to answers, ``asked`` lists (path, headers)."""

    def __init__(self) -> None:
        self.pages: dict[str, Answering] = {}
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.server.daemon_threads = True
        self.port = int(self.server.server_address[1])
        self.scheme = "http"

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        return f"{self.scheme}://{self.host}"

    def paths(self) -> list[str]:
        return [path for path, _ in self.asked]

    def html(self, path: str, body: str, **headers: str) -> None:
        kept = {"Content-Type": "text/html; charset=utf-8"}
        self.pages[path] = Page(body.encode(), headers=kept | {k.replace("_", "-"): v for k, v in headers.items()})

    def redirect(self, path: str, target: str, status: int = 302) -> None:
        self.pages[path] = Page(status=status, headers={"Location": target})

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        site = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_GET(self) -> None:
                site.asked.append((self.path, {name.lower(): value for name, value in self.headers.items()}))
                page = site.pages.get(self.path, Page(b"nothing here", status=404))
                if not isinstance(page, Page):
                    answered = page(self)
                    if answered is None:
                        return
                    page = answered
                self._send(page)

            do_POST = do_GET

            def _send(self, page: Page) -> None:
                self.send_response(page.status)
                for name, value in page.headers.items():
                    self.send_header(name, value)
                if isinstance(page.body, bytes):
                    if "Content-Length" not in page.headers:
                        self.send_header("Content-Length", str(len(page.body)))
                    self.end_headers()
                    self.wfile.write(page.body)
                    return
                self.send_header("Connection", "close")
                self.end_headers()
                self.close_connection = True
                for piece in page.body:
                    self.wfile.write(piece)

            def handle(self) -> None:
                try:
                    super().handle()
                except OSError:
                    self.close_connection = True

            def log_message(self, *arguments: object) -> None:
                return

        return Handler


@contextmanager
def running(site: Site, certificate: Path | None = None) -> Iterator[Site]:
    """Serve until the end of the block; with a certificate (and its key in the same file) over TLS."""
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        site.server.socket = context.wrap_socket(site.server.socket, server_side=True)
        site.scheme = "https"
    thread = threading.Thread(target=site.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield site
    finally:
        site.server.shutdown()
        site.server.server_close()
        thread.join(5)
