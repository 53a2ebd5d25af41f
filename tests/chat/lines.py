"""A line to Valkey that can be held up or cut, as networks and machines do."""

import socket
import threading
from types import TracebackType
from urllib.parse import urlsplit


class HeldLine:
    """Passes bytes on from a port of its own to ``url`` (a unix socket or an address), until ``is_held`` is set."""

    def __init__(self, url: str) -> None:
        self._to = urlsplit(url)
        self.is_held = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []
        self.url = f"redis://127.0.0.1:{self._listener.getsockname()[1]}/0"

    def __enter__(self) -> "HeldLine":
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._listener.close()
        self.cut()

    def cut(self) -> None:
        """Close what is open. New connections are taken."""
        for one in self._open:
            one.close() if one.fileno() < 0 else one.shutdown(socket.SHUT_RDWR)
        self._open.clear()

    def _accept(self) -> None:
        while True:
            try:
                here, _ = self._listener.accept()
            except OSError:
                return
            there = self._connect()
            self._open += [here, there]
            for one, other in ((here, there), (there, here)):
                threading.Thread(target=self._pass, args=(one, other), daemon=True).start()

    def _connect(self) -> socket.socket:
        if self._to.scheme == "unix":
            there = socket.socket(socket.AF_UNIX)
            there.connect(self._to.path)
            return there
        return socket.create_connection((self._to.hostname or "127.0.0.1", self._to.port or 6379))

    def _pass(self, one: socket.socket, other: socket.socket) -> None:
        try:
            while data := one.recv(65_536):
                if self.is_held.is_set():
                    return
                other.sendall(data)
        except OSError:
            return
