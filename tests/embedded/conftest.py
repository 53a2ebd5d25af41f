"""Runs programs on a data folder of their own, and finds whatever they leave behind."""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from app.embedded.paths import CLONE, DataFolder


class House:
    """A data folder and what was started on it."""

    def __init__(self, root: Path) -> None:
        self.folder = DataFolder(root)
        self.output = root.with_name(f"{root.name}.out")

    def start(self, *command: str, **variables: str) -> subprocess.Popen[bytes]:
        environment = os.environ | {"PARLEY_DATA_DIR": str(self.folder.root), "PYTHONUNBUFFERED": "1"} | variables
        with self.output.open("ab") as output:
            return subprocess.Popen(
                [sys.executable, *command],
                cwd=CLONE,
                env=environment,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def said(self) -> str:
        return self.output.read_text() if self.output.exists() else ""

    def processes(self) -> list[psutil.Process]:
        """Everything that runs with this data folder in its environment or its command, whoever its parent is."""
        found = []
        root = str(self.folder.root)
        for process in psutil.process_iter():
            try:
                if not lives(process):
                    continue
                command = " ".join(process.cmdline())
                if process.environ().get("PARLEY_DATA_DIR") == root or root in command:
                    found.append(process)
            except psutil.Error:
                continue
        return found

    def find(self, words: str) -> psutil.Process:
        """The one process with these words in its command."""
        (process,) = [each for each in self.processes() if words in " ".join(each.cmdline())]
        return process


def lives(process: psutil.Process) -> bool:
    """Whether it still runs; a container without an init never buries the dead ones."""
    return bool(process.is_running()) and process.status() != psutil.STATUS_ZOMBIE


def wait_for(condition: Callable[[], object], seconds: float = 15.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)


@pytest.fixture
def house() -> Iterator[House]:
    parent = Path(tempfile.mkdtemp(prefix="parley-house-"))
    parent.chmod(0o711)
    house = House(parent / "var")
    yield house
    for process in house.processes():
        process.kill()
    shutil.rmtree(parent, ignore_errors=True)
