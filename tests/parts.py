"""Starts PostgreSQL and Valkey once for a pytest run, in a data folder of its own that goes away with it.

A plugin (`-p tests.parts`), because the settings read PARLEY_DATA_DIR when pytest-django loads them, before any fixture
or conftest: importing this module points them at the folder. The weights and the model server are started for the first
test that asks for them.
"""

import atexit
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Generator
from pathlib import Path

import pytest

from app.embedded import folders, paths, postgres, processes, valkey
from app.embedded.llama import llama_part
from app.embedded.weights import MINILM, SMOLLM2, PackagedModel, ensure_model

# A developer's own servers must never be what the tests write to.
_REPLACEABLE = ("DATABASE_URL", "DATABASE_OWNER_URL", "VALKEY_URL", "MODEL_URL", "MODEL_NAME", "MODEL_API_KEY")
_REPLACEABLE += ("EMBEDDING_URL", "EMBEDDING_NAME", "EMBEDDING_API_KEY", "SECRET_KEY", "ALLOWED_HOSTS", "PUBLIC_URL")
_REPLACEABLE += ("MASTER_KEY", "MASTER_KEY_COMMAND")

# For fixtures of more than one test: the tables, the models, a running Parley.
SHARED_SECONDS = 900
PARTING_SECONDS = 120

_running: list[tuple[subprocess.Popen[bytes], processes.Part]] = []


def _choose_folder() -> paths.DataFolder:
    for name in _REPLACEABLE:
        os.environ.pop(name, None)
        os.environ.pop(f"{name}_FILE", None)
    root = Path(tempfile.mkdtemp(prefix="parley-test-"))
    if os.getuid() == 0:
        root.chmod(0o711)  # root's PostgreSQL runs as another user, who must get through
    os.environ["PARLEY_DATA_DIR"] = str(root)
    # All tests come from one address, and some of them with wrong keys on purpose.
    os.environ["KEY_FAILURES"] = "1000000"
    atexit.register(_remove_everything)
    return paths.data_folder()


def _remove_everything() -> None:
    while _running:
        processes.stop(*_running.pop())
    for place in {folder.root, folder.sockets}:
        shutil.rmtree(place, ignore_errors=True)


folder = _choose_folder()


def start_part(part: processes.Part) -> None:
    """Start an embedded part for the rest of the run; what it says goes to logs/NAME.log."""
    with (folder.logs / f"{part.name}.log").open("ab") as log:
        _running.append((processes.start(part, output=log), part))


def pytest_configure(config: pytest.Config) -> None:
    # `kill` and a cancelled CI job end a run as Ctrl-C does: with everything stopped.
    signal.signal(signal.SIGTERM, signal.default_int_handler)


def pytest_sessionstart(session: pytest.Session) -> None:
    folders.make_folders(folder)
    if session.config.option.collectonly:
        return
    start_part(postgres.postgres_part(folder))
    postgres.provision(folder)
    start_part(valkey.valkey_part(folder))


def pytest_unconfigure(config: pytest.Config) -> None:
    _remove_everything()


@pytest.hookimpl(wrapper=True)
def pytest_fixture_setup(fixturedef: pytest.FixtureDef[object]) -> Generator[None, object, object]:
    """What is made for many tests does not count as time of the first one that needs it, and may take longer."""
    left, _ = signal.getitimer(signal.ITIMER_REAL)
    if fixturedef.scope == "function" or not left:
        return (yield)
    signal.setitimer(signal.ITIMER_REAL, SHARED_SECONDS)
    try:
        return (yield)
    finally:
        signal.setitimer(signal.ITIMER_REAL, left)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None, object, object]:
    """A test that failed is timed no more; what it leaves behind has a limit of its own to be put away in."""
    if signal.getitimer(signal.ITIMER_REAL)[0] or item.config.getoption("timeout", None) == 0:
        return (yield)
    before = signal.signal(signal.SIGALRM, _give_up)
    signal.setitimer(signal.ITIMER_REAL, PARTING_SECONDS)
    try:
        return (yield)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _give_up(*_: object) -> None:
    pytest.fail(f"What this test left behind was not put away within {PARTING_SECONDS} s.")


def _model(model: PackagedModel) -> Path:
    """Copied from the user's cache, where only the very first run has to fetch and convert it."""
    return ensure_model(model, folder.models)


@pytest.fixture(scope="session")
def embedding_weights() -> Path:
    """The folder of the embedding model, under the run's data folder."""
    return _model(MINILM)


@pytest.fixture(scope="session")
def model_server() -> str:
    """The embedded llama.cpp; its base URL. Its key is `paths.llama_key()`."""
    _model(SMOLLM2)
    start_part(llama_part(folder))
    address = paths.llama_address()
    assert address is not None
    return address
