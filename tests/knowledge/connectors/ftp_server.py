"""A small FTP server on loopback that serves what a test puts into a table: enough of RFC 959 and 3659 to read from."""

from __future__ import annotations

import socket
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import PurePosixPath
from typing import Any


class FtpServer(socketserver.ThreadingTCPServer):
    """``files`` maps absolute paths to bytes; ``passwords`` maps users to passwords."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Session)
        self.files: dict[str, bytes] = {}
        self.modified: dict[str, str] = {}
        self.passwords = {"anonymous": None, "olivia": "secret"}
        self.commands: list[str] = []
        self.advertised = "127,0,0,1"
        self.port = int(self.server_address[1])

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        return

    def entries(self, folder: str) -> dict[str, str]:
        """The names in a folder with their facts."""
        base = folder.rstrip("/") + "/"
        found: dict[str, str] = {}
        for path, body in self.files.items():
            if not path.startswith(base):
                continue
            name, slash, _ = path.removeprefix(base).partition("/")
            modified = self.modified.get(path, "20261005100000")
            found[name] = "type=dir;" if slash else f"type=file;size={len(body)};modify={modified};"
        return found


class _Session(socketserver.StreamRequestHandler):
    server: FtpServer

    def handle(self) -> None:
        self.user, self.start, self.listener = "", 0, None
        self._say("220 ready")
        while line := self.rfile.readline():
            command, _, argument = line.decode().strip().partition(" ")
            self.server.commands.append(command.upper())
            answer = getattr(self, f"do_{command.lower()}", None)
            if answer is None:
                self._say("502 not known")
            elif answer(argument) == "end":
                return

    def _say(self, words: str) -> None:
        self.wfile.write(f"{words}\r\n".encode())

    def do_user(self, name: str) -> None:
        self.user = name
        self._say("331 password")

    def do_pass(self, password: str) -> None:
        expected = self.server.passwords.get(self.user, "")
        self._say("230 in" if expected is None or password == expected else "530 not in")

    def do_type(self, kind: str) -> None:
        self._say("200 ok")

    def do_pasv(self, _: str) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.settimeout(30)
        port = self.listener.getsockname()[1]
        self._say(f"227 passive ({self.server.advertised},{port // 256},{port % 256})")

    def do_mlsd(self, path: str) -> None:
        found = self.server.entries(path or "/")
        if not found:
            self._say("550 nothing there")
            return
        self._send("".join(f"{facts} {name}\r\n" for name, facts in found.items()).encode())

    def do_size(self, path: str) -> None:
        body = self.server.files.get(path)
        self._say("550 nothing there" if body is None else f"213 {len(body)}")

    def do_rest(self, start: str) -> None:
        self.start = int(start)
        self._say("350 from there")

    def do_retr(self, path: str) -> None:
        body = self.server.files.get(path)
        if body is None:
            self._say("550 nothing there")
            return
        self._send(body[self.start :])
        self.start = 0

    def do_quit(self, _: str) -> str:
        self._say("221 bye")
        return "end"

    def do_pwd(self, _: str) -> None:
        self._say('257 "/"')

    def do_cwd(self, path: str) -> None:
        self._say("250 ok" if self.server.entries(path) or PurePosixPath(path) == PurePosixPath("/") else "550 no")

    def do_abor(self, _: str) -> None:
        self._say("226 ended")

    def _send(self, body: bytes) -> None:
        assert self.listener is not None
        self._say("150 here it comes")
        connection, _ = self.listener.accept()
        try:
            connection.sendall(body)
            self._end(connection, "226 done")
        except OSError:
            self._end(connection, "426 broken off")

    def _end(self, connection: socket.socket, words: str) -> None:
        connection.close()
        if self.listener:
            self.listener.close()
        self._say(words)


@contextmanager
def serving() -> Iterator[FtpServer]:
    server = FtpServer()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
