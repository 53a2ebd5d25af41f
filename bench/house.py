"""A Parley of a benchmark's own: the embedded parts in a temporary folder that goes away with it.

Entering it points the settings at that folder, so it comes before anything of Django is imported, and there is one in
a process.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

from app.embedded import application, folders, paths, postgres, processes, valkey
from app.embedded.errors import EmbeddedError
from app.embedded.processes import Part
from app.embedded.weights import MINILM, ensure_model
from bench.harness import BenchError

# What would send a benchmark to somebody's real servers.
_FOREIGN: tuple[str, ...] = (
    "DATABASE_URL",
    "DATABASE_OWNER_URL",
    "VALKEY_URL",
    "MODEL_URL",
    "MODEL_NAME",
    "MODEL_API_KEY",
)
_FOREIGN += ("EMBEDDING_URL", "EMBEDDING_NAME", "EMBEDDING_API_KEY", "SECRET_KEY", "ALLOWED_HOSTS", "PUBLIC_URL")


@dataclass(frozen=True)
class House:
    """The running parts: PostgreSQL and Valkey from the start, others as a benchmark asks for them."""

    folder: paths.DataFolder

    @contextlib.contextmanager
    def running(self, part: Part) -> Iterator[subprocess.Popen[bytes]]:
        """Run a part as long as the block lasts; what it says goes to a file, whose end is shown when it fails."""
        log = self.folder.logs / f"{part.name}.log"
        try:
            with log.open("ab") as file:
                process = processes.start(part, output=file)
        except EmbeddedError as error:
            said = log.read_text(errors="replace")[-2000:]
            raise BenchError(f"{error.message} It said:\n{said}") from error
        try:
            yield process
        finally:
            processes.stop(process, part)

    @contextlib.contextmanager
    def web(self, server: str) -> Iterator[tuple[int, int]]:
        """Parley's web process under ``server``, started as `make run` starts it; its port and its process id."""
        port = free_port()
        os.environ["WEB_SERVER"], os.environ["PORT"] = server, str(port)
        with self.running(application.web_part(port)) as process:
            yield port, process.pid

    def add_embedding_model(self) -> None:
        """Put the embedding model where the application looks for it."""
        ensure_model(MINILM, self.folder.models)


@contextlib.contextmanager
def open_house() -> Iterator[House]:
    """PostgreSQL and Valkey in a new folder, migrated, without the demo; Django is set up for them."""
    for name in _FOREIGN:
        os.environ.pop(name, None)
        os.environ.pop(f"{name}_FILE", None)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ended as Ctrl-C ends it: with everything stopped
    root = Path(tempfile.mkdtemp(prefix="parley-bench-"))
    if os.getuid() == 0:
        root.chmod(paths.PASSAGE_MODE)  # root's PostgreSQL runs as another user, who must get through
    os.environ |= {"PARLEY_DATA_DIR": str(root), "DEMO": "0", "DJANGO_SETTINGS_MODULE": "app.settings"}
    house = House(paths.data_folder())
    try:
        folders.make_folders(house.folder)
        with house.running(postgres.postgres_part(house.folder)), house.running(valkey.valkey_part(house.folder)):
            postgres.provision(house.folder)
            _set_up_django()
            yield house
    finally:
        for place in {house.folder.root, house.folder.sockets}:
            shutil.rmtree(place, ignore_errors=True)


def _set_up_django() -> None:
    import django

    django.setup()
    from django.core.management import call_command

    call_command("migrate", interactive=False, verbosity=0)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def cpu_seconds(pid: int) -> float:
    """What a process has computed so far, in all its threads; on Linux to the microsecond, elsewhere to 10 ms."""
    try:
        entries = [task.read_text() for task in Path(f"/proc/{pid}/task").glob("*/schedstat")]
    except OSError:
        entries = []
    if entries:
        return sum(int(entry.split()[0]) for entry in entries) / 1e9
    times = psutil.Process(pid).cpu_times()
    return float(times.user + times.system)


def cpu_of_group(pid: int) -> float:
    """The same for a process and all it has started."""
    try:
        children = psutil.Process(pid).children(recursive=True)
    except psutil.NoSuchProcess:
        children = []
    return cpu_seconds(pid) + sum(cpu_seconds(child.pid) for child in children if child.is_running())
