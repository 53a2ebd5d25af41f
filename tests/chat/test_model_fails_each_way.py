"""Every way in which a model server can fail, alone and with a healthy one beside it, as a reader and a program see it.

Each answer ends within its deadlines in the right state, says why, shows nothing twice, and leaves nothing behind: no
lease, no task, no place on a worker. The next question is answered.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import httpx
import pytest
import pytest_asyncio
from django.conf import settings
from django.test import AsyncClient

from app.inference.models import Worker
from app.inference.registry import register_worker
from app.inference.routing import pool as pools
from app.inference.routing.places import Places
from app.inference.routing.pool import Pool, get_pool
from app.inference.scripted_server import WORDS, ScriptedServer
from app.inference.types import Deadlines
from app.web.threads import in_thread
from chat.models import Conversation, Generation, Message
from chat.streaming.streams import find_stream
from chat.writing.runner import runner
from tests.chat.reading import Reader, seqs_of, text_of
from tests.inference.fixtures import StartServer, more_servers, new_root

__all__ = ["more_servers"]
pytestmark = pytest.mark.django_db(transaction=True)

SHORT = Deadlines(place=4.0, connect=0.5, first_token=1.2, stall=0.6, total=2.5)
WITHIN = 12.0  # seconds: all of these deadlines together, and room for a busy machine
WHOLE = "".join(WORDS)
SHOWN = "".join(WORDS[:3])
PACE = 0.06

BEFORE_THE_FIRST_TOKEN = {
    "refuses": "model_unreachable",
    "die": "model_failed",
    "hang": "model_stalled",
    "pretend": "model_stalled",
    "trickle": "model_stalled",
    "truncate": "model_broken_stream",
    "broken-json": "model_broken_stream",
    "odd-json": "model_broken_stream",
    "huge-line": "model_broken_stream",
    "error-event": "model_failed",
    "wrong-type": "model_failed",
    "wrong-model": "model_wrong",
    "not-found": "model_wrong",
    "unauthorized": "model_failed",
    "redirect": "model_failed",
    "broken": "model_failed",
    "busy": "model_busy",
    "unavailable": "model_busy",
}
AFTER_SOME = {
    "die": "model_failed",
    "hang": "model_stalled",
    "pretend": "model_stalled",
    "trickle": "model_stalled",
    "truncate": "model_broken_stream",
    "broken-json": "model_broken_stream",
    "odd-json": "model_broken_stream",
    "huge-line": "model_broken_stream",
    "error-event": "model_failed",
    "endless": "model_too_long",
}


@pytest_asyncio.fixture
async def short(running: None) -> AsyncIterator[Pool]:
    """This test's event loop asks models with short deadlines, and counts their places for itself."""
    pool = pools._pools[asyncio.get_running_loop()] = Pool(None, SHORT, Places(settings.VALKEY_URL, root=new_root()))
    yield pool


@pytest.fixture
def failing(conversation: Conversation, scripted_server: ScriptedServer) -> ScriptedServer:
    """The server that is asked first, whoever else is there; of a kind that says which model answers."""
    Worker.objects.update(kind="vllm", capacity=100_000)
    return scripted_server


@pytest.fixture
def healthy(failing: ScriptedServer, more_servers: StartServer) -> ScriptedServer:
    """The other one."""
    server = more_servers()
    register_worker(model_name="scripted", address=server.url, kind="vllm", capacity=1)
    return server


def begin_failing(server: ScriptedServer, what: str, after: int = 0) -> None:
    if what == "refuses":
        server.stop()
    else:
        server.script(what, after=after, pace=PACE)


class Asked:
    """A question at the socket, read to its end, and the answer's row."""

    def __init__(self, frames: list[dict[str, Any]], message: Message) -> None:
        self.frames, self.message = frames, message
        self.state = next(frame for frame in frames if frame["type"] == "done")["state"]
        self.code = next((frame["code"] for frame in frames if frame["type"] == "error"), "")


async def ask(conversation: Conversation, key: str) -> Asked:
    async with Reader(conversation.id, key=key) as reader:
        await reader.ask("How many?")
        async with asyncio.timeout(WITHIN):
            done = await reader.until("done")
        assert await reader.nothing(0.1)
    return Asked(reader.frames, await Message.objects.aget(pk=done["message_id"]))


async def assert_settled(asked: Asked, key: str) -> None:
    """What the socket told is what the row says and a program is told; each thing once; nothing is left behind."""
    message = asked.message
    assert asked.state == message.state and text_of(asked.frames) == message.text
    assert seqs_of(asked.frames) == list(range(1, len(asked.frames) + 1))
    assert message.lease_until is None and find_stream(message.id) is None
    assert await Generation.objects.filter(message=message).acount() == 1
    await eventually(lambda: not runner._tasks and not runner._runs)
    told = (await AsyncClient().get(f"/api/v1/messages/{message.id}", headers=signed(key))).json()
    assert (told["state"], told["text"]) == (message.state, message.text)
    await assert_no_place_is_held()


def signed(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


async def assert_no_place_is_held() -> None:
    places = get_pool()._places
    await eventually(lambda: not any(lane.held for lane in places.local.lanes.values()))
    workers = [worker.id async for worker in Worker.objects.all()]
    await places.renew(workers)
    assert places.are_shared and set(places.outstanding.values()) <= {0}


async def assert_next_is_answered(conversation: Conversation, key: str) -> None:
    """Asked over HTTP this time."""
    program = AsyncClient()
    address = f"/api/v1/conversations/{conversation.id}/messages"
    body = {"text": "And now?"}
    asked = await program.post(address, body, content_type="application/json", headers=signed(key))
    assert asked.status_code == 202
    answer_id = UUID(asked.json()["id"])

    async def state() -> str:
        return str((await Message.objects.aget(pk=answer_id)).state)

    end = time.monotonic() + WITHIN
    while await state() in ("queued", "running") and time.monotonic() < end:  # noqa: ASYNC110 - it is in the database
        await asyncio.sleep(0.05)
    told = await program.get(f"/api/v1/messages/{answer_id}", headers=signed(key))
    assert told.json()["text"] == WHOLE
    assert await state() == "done"


async def eventually(true: Any, seconds: float = 3.0) -> None:
    end = time.monotonic() + seconds
    while not true() and time.monotonic() < end:  # noqa: ASYNC110 - nobody tells
        await asyncio.sleep(0.02)
    assert true()


async def mend(server: ScriptedServer) -> ScriptedServer:
    """The server works again, at the same address."""
    if server._stopping.is_set():
        server = await asyncio.to_thread(ScriptedServer(int(server.url.split(":")[-1].split("/")[0])).__enter__)
    server.script()
    return server


@pytest.mark.parametrize(("what", "code"), BEFORE_THE_FIRST_TOKEN.items())
async def test_alone_before_the_first_token_it_fails_and_says_why(
    short: Pool, failing: ScriptedServer, conversation: Conversation, alice_key: str, what: str, code: str
) -> None:
    await asyncio.to_thread(begin_failing, failing, what)
    asked = await ask(conversation, alice_key)
    assert (asked.state, asked.code, asked.message.text) == ("failed", code, "")
    assert asked.message.error
    await assert_settled(asked, alice_key)
    mended = await mend(failing)
    await assert_next_is_answered(conversation, alice_key)
    await asyncio.to_thread(mended.stop)


@pytest.mark.parametrize("what", BEFORE_THE_FIRST_TOKEN)
async def test_another_one_writes_what_the_first_could_not_begin(
    short: Pool,
    failing: ScriptedServer,
    healthy: ScriptedServer,
    conversation: Conversation,
    alice_key: str,
    what: str,
) -> None:
    await asyncio.to_thread(begin_failing, failing, what)
    asked = await ask(conversation, alice_key)
    assert (asked.state, asked.code, asked.message.text) == ("done", "", WHOLE)
    assert len(failing.requests) == (what != "refuses") and len(healthy.requests) == 1
    await assert_settled(asked, alice_key)
    await assert_next_is_answered(conversation, alice_key)


@pytest.mark.parametrize("alone", [True, False], ids=["alone", "with another"])
@pytest.mark.parametrize(("what", "code"), AFTER_SOME.items())
async def test_after_the_first_token_the_text_is_kept_and_nobody_else_begins_anew(
    short: Pool,
    failing: ScriptedServer,
    conversation: Conversation,
    alice_key: str,
    request: pytest.FixtureRequest,
    what: str,
    code: str,
    alone: bool,
) -> None:
    another: ScriptedServer | None = None if alone else await in_thread(request.getfixturevalue, "healthy")
    begin_failing(failing, what, after=3)
    asked = await ask(conversation, alice_key)
    assert (asked.state, asked.code) == ("interrupted", code)
    assert asked.message.text == SHOWN or (what == "endless" and asked.message.text.startswith(SHOWN + "on on "))
    assert len(failing.requests) == 1 and not (another and another.requests)
    await assert_settled(asked, alice_key)
    failing.script()
    await assert_next_is_answered(conversation, alice_key)


@pytest.mark.parametrize("alone", [True, False], ids=["alone", "with another"])
async def test_what_is_refused_for_itself_is_asked_of_nobody_else(
    short: Pool,
    failing: ScriptedServer,
    conversation: Conversation,
    alice_key: str,
    request: pytest.FixtureRequest,
    alone: bool,
) -> None:
    another: ScriptedServer | None = None if alone else await in_thread(request.getfixturevalue, "healthy")
    failing.script("bad-request")
    asked = await ask(conversation, alice_key)
    assert (asked.state, asked.code) == ("failed", "model_rejected")
    assert not (another and another.requests)
    await assert_settled(asked, alice_key)


async def test_one_that_says_it_is_well_is_not_believed(
    short: Pool, failing: ScriptedServer, healthy: ScriptedServer, conversation: Conversation, alice_key: str
) -> None:
    failing.script("hang")
    first = await ask(conversation, alice_key)
    async with httpx.AsyncClient() as program:
        assert (await program.get(failing.url.replace("/v1", "/health"))).status_code == 200
    second = await ask(conversation, alice_key)
    assert (first.state, second.state) == ("done", "done")
    assert len(failing.requests) == 1 and len(healthy.requests) == 2


async def test_when_all_fail_the_last_reason_is_told_once(
    short: Pool, failing: ScriptedServer, healthy: ScriptedServer, conversation: Conversation, alice_key: str
) -> None:
    failing.script("broken")
    healthy.script("die")
    asked = await ask(conversation, alice_key)
    assert (asked.state, asked.code) == ("failed", "model_failed")
    assert [frame["type"] for frame in asked.frames].count("error") == 1
    await assert_settled(asked, alice_key)
