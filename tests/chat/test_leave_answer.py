"""Leaving: what a model writes for nobody is stopped, and nothing else is."""

import asyncio
import socket

import httpx
import orjson
import pytest
import pytest_asyncio
from channels_redis.pubsub import RedisPubSubChannelLayer
from django.conf import settings

from app.web.threads import in_thread
from chat import api
from chat.models import Message
from chat.receivers import watchers_of
from chat.verbs import leaving
from chat.verbs.stopping import leave_conversation
from chat.writing.runner import runner
from tests import factories
from tests.chat.reading import Reader, events_about
from tests.serving import server

__all__ = ["server"]
pytestmark = pytest.mark.django_db(transaction=True)
CLOSED_TAB = 1001
PATIENCE_SECONDS = 15.0


ENDLESS = [f"{number} " for number in range(5000)]


@pytest.fixture
def counting(scripted_server):
    """A model that counts and counts."""
    scripted_server.script(tokens=ENDLESS, pace=0.02)
    return scripted_server


@pytest_asyncio.fixture
async def endless(running, counting):
    """The same, for answers of this test's own process: none is left when its server ends."""
    yield counting
    await asyncio.gather(*leaving._leaving)
    await runner.drain(0)


async def is_cut(server) -> bool:
    """Whether the model's server was hung up on. On a quiet machine that takes less than two seconds."""
    return await asyncio.to_thread(server.wait_for, lambda: server.requests[0].was_cut_by_client, PATIENCE_SECONDS)


async def goes_on(server, message_id) -> bool:
    """Whether it is still being written when whoever left has had time to come back."""
    await asyncio.sleep(leaving.BACK_WITHIN_SECONDS + leaving.ASK_SECONDS)
    message = await Message.objects.aget(pk=message_id)
    return not server.requests[0].was_cut_by_client and not message.stop_requested and message.state == "running"


async def begin(reader: Reader) -> str:
    await reader.ask("Count")
    return (await reader.until("delta"))["message_id"]


async def test_a_closed_tab_stops_the_model_and_keeps_the_text(endless, conversation, alice_key):
    async with Reader(conversation.id, key=alice_key) as reader:
        answer_id = await begin(reader)
        await reader.line.disconnect(code=CLOSED_TAB)
    assert await is_cut(endless)
    async with Reader(conversation.id, key=alice_key, after=0) as later:
        done = await later.until("done")
    assert done["state"] == "stopped"
    message = await Message.objects.aget(pk=answer_id)
    assert (message.state, message.error_code) == ("stopped", "left")
    assert message.text
    assert message.error == done["reason"] != ""
    assert await events_about(answer_id, "message.leave") == 1
    assert await events_about(answer_id, "message.stop") == 0


@pytest.mark.parametrize("code", [1000, 1006, 1011])
async def test_a_program_that_closes_and_a_broken_line_leave_it_be(endless, conversation, alice_key, code):
    async with Reader(conversation.id, key=alice_key) as reader:
        answer_id = await begin(reader)
        await reader.line.disconnect(code=code)
    assert await goes_on(endless, answer_id)


async def test_who_goes_on_to_another_page_has_not_left(endless, conversation, alice_key):
    async with Reader(conversation.id, key=alice_key) as reader:
        answer_id = await begin(reader)
        await reader.send(type="stay")
        await asyncio.sleep(0.1)
        await reader.line.disconnect(code=CLOSED_TAB)
    assert await goes_on(endless, answer_id)


async def test_a_reload_finds_the_answer_still_being_written(endless, conversation, alice_key):
    async with Reader(conversation.id, key=alice_key) as reader:
        answer_id = await begin(reader)
        seen = reader.frames[-1]["seq"]
        await reader.line.disconnect(code=CLOSED_TAB)
    async with Reader(conversation.id, key=alice_key, after=seen) as again:
        assert (await again.until("delta"))["message_id"] == answer_id
        assert await goes_on(endless, answer_id)


async def test_a_second_tab_keeps_it_going_until_it_is_closed_too(endless, conversation, alice_key):
    async with Reader(conversation.id, key=alice_key) as first, Reader(conversation.id, key=alice_key) as second:
        answer_id = await begin(first)
        await first.line.disconnect(code=CLOSED_TAB)
        assert await goes_on(endless, answer_id)
        await second.line.disconnect(code=CLOSED_TAB)
        assert await is_cut(endless)


async def test_a_tab_at_another_process_keeps_it_going(endless, conversation, alice_key):
    elsewhere = RedisPubSubChannelLayer(hosts=[settings.VALKEY_URL], prefix="parley")
    channel = await elsewhere.new_channel()
    await elsewhere.group_add(watchers_of(conversation.id), channel)
    async with Reader(conversation.id, key=alice_key) as reader:
        answer_id = await begin(reader)
        await reader.line.disconnect(code=CLOSED_TAB)
    assert await goes_on(endless, answer_id)
    await elsewhere.group_discard(watchers_of(conversation.id), channel)


async def test_a_program_that_reads_events_keeps_it_going(endless, conversation, alice_key):
    async with Reader(conversation.id, key=alice_key) as reader:
        answer_id = await begin(reader)
        events = api._sse(await Message.objects.aget(pk=answer_id), 0)
        assert b"event: accepted" in await anext(events)
        await reader.line.disconnect(code=CLOSED_TAB)
        assert await goes_on(endless, answer_id)
        await events.aclose()
    assert await goes_on(endless, answer_id)


async def test_nobody_leaves_for_another(endless, conversation, alice_key, charlie):
    async with Reader(conversation.id, key=alice_key) as reader:
        answer_id = await begin(reader)
        await in_thread(leave_conversation, charlie, conversation_id=conversation.id)
        assert not (await Message.objects.aget(pk=answer_id)).stop_requested


def test_a_quoted_answer_is_let_end(alice):
    conversation = factories.make_conversation(owner=alice)
    answer = factories.make_answer(conversation=conversation, text="", state=Message.State.RUNNING)
    leave_conversation(alice, conversation_id=conversation.id)
    answer.refresh_from_db()
    assert not answer.stop_requested


@pytest.mark.parametrize("is_stream", [True, False], ids=["stream", "whole"])
def test_a_program_that_hangs_up_on_a_completion_stops_it(is_stream, server, counting, writer, alice_key):
    body = {"model": writer.slug, "messages": [{"role": "user", "content": "Count"}], "stream": is_stream}
    url = httpx.URL(server)
    with socket.create_connection((url.host, url.port)) as line:
        line.sendall(_post("/v1/chat/completions", alice_key, orjson.dumps(body)))
        assert counting.wait_for(lambda: any(one.tokens_said > 5 for one in counting.requests), PATIENCE_SECONDS)
    assert counting.wait_for(lambda: counting.requests[0].was_cut_by_client, PATIENCE_SECONDS)


def _post(path: str, key: str, body: bytes) -> bytes:
    head = (
        f"POST {path} HTTP/1.1",
        "Host: 127.0.0.1",
        f"Authorization: Bearer {key}",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
    )
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body
