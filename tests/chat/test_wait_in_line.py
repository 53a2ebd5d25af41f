"""Waiting for a model server: the reader is told their place, not too often, and then the answer comes."""

import asyncio

import httpx
import orjson
import pytest

from app.inference.models import Worker
from app.inference.types import Waiting
from app.web.threads import in_thread
from chat.models import Message
from chat.pages.presenting import view_of
from chat.socket.renderings import HtmlRendering
from chat.streaming import telling
from chat.streaming.streams import Stream
from chat.verbs.asking import start_conversation
from chat.writing.outlet import TOLD_AGAIN_SECONDS, Outlet
from tests import factories
from tests.chat.reading import Reader, seqs_of, text_of
from tests.serving import server

__all__ = ["server"]

pytestmark = pytest.mark.django_db(transaction=True)
LONG, SHORT = [f"{number} " for number in range(40)], ("It ", "is ", "done.")


@pytest.fixture
def one_place(writer, scripted_server):
    """A server that takes one request at a time and is busy with the first for some seconds."""
    Worker.objects.update(capacity=1)
    scripted_server.script(tokens=SHORT)
    scripted_server.then("say", tokens=LONG, pace=0.08)
    return scripted_server


async def test_who_waits_is_told_their_place_and_then_the_answer(running, one_place, conversation, alice, alice_key):
    later = await in_thread(start_conversation, alice)
    async with Reader(conversation.id, key=alice_key) as first, Reader(later.id, key=alice_key) as second:
        await first.ask("Count")
        await first.until("delta")
        await second.ask("And now?")
        status = await second.until("status", state="waiting")
        assert status["place"] == 1
        assert status["seconds"] is None or status["seconds"] >= 0
        done = await second.until("done")
        await first.until("done")
    assert done["state"] == "done"
    assert text_of(second.frames) == "It is done."
    assert seqs_of(second.frames) == list(range(1, len(second.frames) + 1))
    states = [frame["state"] for frame in second.frames if frame["type"] == "status"]
    assert states.count("waiting") <= 2
    assert states[-1] == "writing"
    row = await in_thread(telling.load, done["message_id"])
    assert [orjson.loads(event.frame) for event in telling.retell(row)] == second.frames


def test_a_program_hears_of_it_as_a_comment(server, one_place, writer, alice_key):
    call = {"model": writer.slug, "messages": [{"role": "user", "content": "Count"}], "stream": True}
    other = call | {"messages": [{"role": "user", "content": "And now?"}]}
    client = httpx.Client(base_url=server, headers={"Authorization": f"Bearer {alice_key}"}, timeout=30)
    with client, client.stream("POST", "/v1/chat/completions", json=call) as first:
        begun = first.iter_lines()
        assert next(line for line in begun if '"0 ' in line)
        with client.stream("POST", "/v1/chat/completions", json=other) as second:
            lines = [line for line in second.iter_lines() if line]
    assert ": waiting, 1 in line" in lines
    assert lines[-1] == "data: [DONE]"
    assert all(line.startswith(("data: ", ": ")) for line in lines)


@pytest.fixture
async def outlet(conversation):
    answer = await in_thread(factories.make_answer, conversation=conversation, text="", state=Message.State.RUNNING)
    return Outlet(answer, Stream(answer.id), on_stop=lambda: None)


async def test_the_same_place_is_told_once_in_a_while(outlet, monkeypatch):
    for seconds in (30.0, 29.0, 28.0, None):
        outlet.waiting(Waiting(3, seconds))
    outlet.waiting(Waiting(2, 12.4))
    assert [entry[2] for entry in outlet.log] == [
        {"state": "waiting", "place": 3, "seconds": 30},
        {"state": "waiting", "place": 2, "seconds": 12},
    ]
    outlet._told_place_at -= TOLD_AGAIN_SECONDS
    outlet.waiting(Waiting(2, 6.0))
    assert outlet.log[-1][2]["seconds"] == 6


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(20.0, "about 20 s"), (240.0, "about 4 min"), (None, "in line.")],
)
async def test_a_page_says_it_in_words(outlet, seconds, words):
    outlet.waiting(Waiting(3, seconds))
    rendering = HtmlRendering()
    await asyncio.sleep(0)
    frames = await rendering.frames(outlet.stream.events, 0)
    html = "".join(frames)
    assert "3rd" in html
    assert words in " ".join(html.split())
    view = await in_thread(_view, outlet)
    assert view.is_under_way


def _view(outlet):
    outlet.message.log = outlet.log
    Message.objects.filter(pk=outlet.message.pk).update(log=outlet.log)
    row = telling.load(outlet.message.pk)
    return view_of(row, row.conversation.assistant)
