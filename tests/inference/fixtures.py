"""Scripted model servers for tests, and a pool that knows them without the database."""

import asyncio
import uuid
from collections.abc import Callable, Iterator

import pytest
from django.conf import settings

from app.inference.routing.directory import Directory
from app.inference.routing.places import Places, Timing
from app.inference.routing.pool import Pool
from app.inference.scripted_server import ScriptedServer
from app.inference.types import ChatMessage, CompletionRequest, Deadlines, Target

StartServer = Callable[[], ScriptedServer]
PATIENT = Deadlines(place=20.0, connect=5.0, first_token=20.0, stall=5.0, total=60.0)
QUICK = Deadlines(place=0.5, connect=0.5, first_token=0.6, stall=0.3, total=2.0)


@pytest.fixture
def scripted_server() -> Iterator[ScriptedServer]:
    """``.url``, ``.script(what, after=, tokens=, pace=)``, ``.then(...)``, ``.requests``."""
    with ScriptedServer() as server:
        yield server


@pytest.fixture
def more_servers() -> Iterator[StartServer]:
    """Starts another scripted server."""
    servers: list[ScriptedServer] = []

    def start() -> ScriptedServer:
        servers.append(ScriptedServer().__enter__())
        return servers[-1]

    yield start
    for server in servers:
        server.stop()


def target(address: str, upstream_name: str = "scripted", **fields: object) -> Target:
    defaults = {"id": uuid.uuid4(), "model": "m", "api_key": None, "capacity": 8, "kind": "openai"}
    return Target(address=address, upstream_name=upstream_name, **(defaults | fields))  # type: ignore[arg-type]


def question(text: str = "How many days?", **fields: object) -> CompletionRequest:
    defaults: dict[str, object] = {"model": "m", "messages": [ChatMessage("user", text)]}
    return CompletionRequest(**(defaults | fields))  # type: ignore[arg-type]


def pool_of(*targets: Target, deadlines: Deadlines = QUICK, root: str = "") -> Pool:
    """A pool over these workers, by their models; needs a running event loop. Pools of one ``root`` count together."""
    by_model: dict[str, list[Target]] = {}
    for each in targets:
        by_model.setdefault(each.model, []).append(each)
    return Pool(
        Directory(lambda: by_model),
        deadlines,
        Places(settings.VALKEY_URL, root=root or new_root(), timing=Timing(reply=2.0)),
    )


async def until(true: Callable[[], bool], seconds: float = 15.0) -> None:
    """Wait until ``true()``; fail when it does not become so in time."""
    async with asyncio.timeout(seconds):
        while not true():  # noqa: ASYNC110 - many things make it true, not one event
            await asyncio.sleep(0.01)


def new_root() -> str:
    """The beginning of keys that no other test uses."""
    return f"parley:{{test-{uuid.uuid4()}}}:"
