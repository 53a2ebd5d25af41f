"""What `make run` runs: everything that is missing on this machine, in the order in which the parts need each other.

A part that a variable names (DATABASE_URL, VALKEY_URL, MODEL_URL, EMBEDDING_URL) is somebody else's and is not started.
"""

import asyncio
import json
import os
import signal
import subprocess
import sys

from app import environment
from app.embedded import application
from app.embedded.console import Console
from app.embedded.errors import EmbeddedError
from app.embedded.folders import lock_folder, make_folders
from app.embedded.llama import is_port_free, llama_part
from app.embedded.paths import CLONE, DataFolder, data_folder
from app.embedded.postgres import postgres_part, provision
from app.embedded.processes import Part, die_with_parent
from app.embedded.supervisor import Stopped, Supervisor
from app.embedded.valkey import valkey_part
from app.embedded.weights import MINILM, SMOLLM2, PackagedModel, find_flaw
from app.errors import ParleyError

_READY_SECONDS = 90.0


def main() -> int:
    """Run Parley until it is told to stop; the exit status is 0 then, and 1 when it could not go on."""
    console = None
    try:
        folder, port = data_folder(), environment.integer("PORT", 8000)
        os.environ["PARLEY_DATA_DIR"] = str(folder.root)
        os.environ["PYTHONUNBUFFERED"] = "1"
        make_folders(folder)
        lock = lock_folder(folder, f"http://127.0.0.1:{port}")
        if not is_port_free(port):
            raise EmbeddedError(f"Port {port} is taken by another program. Choose another: PORT={port + 1} make run")
        console = Console(folder.logs)
        _fetch_models(folder)
        asyncio.run(_run(folder, port, Supervisor(console, lock), console))
    except (Stopped, KeyboardInterrupt):
        pass
    except ParleyError as error:
        if console is not None:
            console.say(error.message)
        else:
            print(error.message, file=sys.stderr)  # noqa: T201 - there is no folder for a log yet
        return 1
    return 0


async def _run(folder: DataFolder, port: int, supervisor: Supervisor, console: Console) -> None:
    try:
        async with supervisor:
            await _start(folder, port, supervisor)
            console.say(f"Parley is ready: http://127.0.0.1:{port}")
            for line in _sign_ins(folder):
                console.say(line)
            console.say("Press Ctrl-C to stop it.")
            await supervisor.wait()
    finally:
        console.say("Parley has stopped.")


async def _start(folder: DataFolder, port: int, supervisor: Supervisor) -> None:
    stores: list[Part] = []
    if embedded := environment.find_text("DATABASE_URL") is None:
        stores.append(postgres_part(folder))
    if environment.find_text("VALKEY_URL") is None:
        stores.append(valkey_part(folder))
    await supervisor.start(*stores)
    if embedded:
        await asyncio.to_thread(provision, folder)
    # The model server's address is chosen here, before anything looks for it.
    models = [llama_part(folder)] if environment.find_text("MODEL_URL") is None else []
    before = [application.prepare_part()]
    if not environment.boolean("DEBUG", False):  # else what is being written is served as it is
        os.environ.setdefault("STATIC_ROOT", str(folder.static))
        before.append(application.collect_part())
    await supervisor.run(*before)
    # What the reader waits for gets the processors first.
    await supervisor.start(*models, application.web_part(port))
    await supervisor.start(application.worker_part(), application.beat_part(folder))
    await supervisor.until(
        lambda: application.answers(port, "/readyz"),
        seconds=_READY_SECONDS,
        complaint=lambda: f"Parley is up but not ready: {application.ask(port, '/readyz')[1]}",
    )


def _fetch_models(folder: DataFolder) -> None:
    """Get what is missing, in a process of its own, which shows its bar on this terminal."""
    wanted: list[PackagedModel] = []
    if environment.find_text("EMBEDDING_URL") is None:
        wanted.append(MINILM)
    if environment.find_text("MODEL_URL") is None:
        wanted.append(SMOLLM2)
    missing = [model.name for model in wanted if find_flaw(folder.models / model.name) is not None]
    if not missing:
        return
    command = [sys.executable, "-m", "app.embedded.weights", *missing]
    with subprocess.Popen(command, cwd=CLONE, preexec_fn=die_with_parent(signal.SIGTERM)) as process:
        status = process.wait()
    if status in (130, -signal.SIGINT):
        raise Stopped
    if status:
        raise EmbeddedError("Parley cannot start without these models: " + ", ".join(missing) + ".")


def _sign_ins(folder: DataFolder) -> list[str]:
    """The demo's accounts, one a line, where there is a demo; how the first is made, where nobody has an account."""
    try:
        accounts = json.loads(folder.demo.read_text())["accounts"]
    except FileNotFoundError:
        if not folder.first_link.exists():
            return []
        return [
            "Nobody has an account yet. Make the administrator's, within a day:",
            f"  {folder.first_link.read_text()}",
        ]
    return [f"  {account['role']:<12} {account['email']:<36} {account['password']}" for account in accounts]


if __name__ == "__main__":
    sys.exit(main())
