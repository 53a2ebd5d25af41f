"""A supervisor over a few small real processes, so that its promises can be tried in a second.

`python -m tests.embedded.small_house PART…`; each PART is one of the names below. The data folder is PARLEY_DATA_DIR.
"""

import asyncio
import sys

from app.embedded.console import Console
from app.embedded.errors import EmbeddedError
from app.embedded.folders import lock_folder, make_folders
from app.embedded.paths import data_folder
from app.embedded.processes import Part
from app.embedded.supervisor import Stopped, Supervisor

SCRIPTS = {
    # has children of its own, one of which does not listen to SIGTERM
    "family": "sh -c 'trap \"\" TERM; echo child is up; sleep 300' & sleep 301 & wait",
    "deaf": "trap '' TERM INT HUP; echo deaf is up; while :; do sleep 1; done",
    "plain": "echo plain is up; exec sleep 302",
    "broken": "echo this cannot work; exit 7",
}


def part(name: str) -> Part:
    return Part(name, ["/bin/sh", "-c", SCRIPTS[name]], stop_seconds=1.0)


async def live(console: Console, lock: int, names: list[str]) -> None:
    async with Supervisor(console, lock) as supervisor:
        await supervisor.start(*(part(name) for name in names))
        console.say("everything runs")
        await supervisor.wait()


def main() -> int:
    try:
        folder = data_folder()
        make_folders(folder)
        lock = lock_folder(folder, "small")
        asyncio.run(live(Console(folder.logs), lock, sys.argv[1:]))
    except Stopped:
        pass
    except EmbeddedError as error:
        print(error.message)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
