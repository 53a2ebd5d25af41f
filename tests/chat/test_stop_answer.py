"""Stopping: the text so far is kept, and the model server is told."""

import asyncio
import time

import pytest
from channels_redis.pubsub import RedisPubSubChannelLayer
from django.conf import settings

from chat.models import Message
from chat.writing.hearing import WRITERS
from tests.chat.reading import Reader, events_about, text_of

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def endless(scripted_server):
    scripted_server.script(tokens=[f"{number} " for number in range(5000)], pace=0.02)
    return scripted_server


async def test_stop_keeps_the_text_and_hangs_up_on_the_model(running, endless, conversation, alice_key):
    async with Reader(conversation.id, key=alice_key) as reader:
        await reader.ask("Count")
        delta = await reader.until("delta")
        await reader.send(type="stop", message_id=delta["message_id"])
        asked_at = time.monotonic()
        done = await reader.until("done")
    assert done["state"] == "stopped"
    assert await asyncio.to_thread(endless.wait_for, lambda: endless.requests[0].was_cut_by_client, 2.0)
    assert time.monotonic() - asked_at < 2
    message = await Message.objects.aget(pk=done["message_id"])
    assert message.state == "stopped"
    assert message.text == text_of(reader.frames) != ""
    assert await events_about(delta["message_id"], "message.stop") == 1


async def test_stopping_twice_is_one_deed(running, endless, conversation, alice_key):
    async with Reader(conversation.id, key=alice_key) as reader:
        await reader.ask("Count")
        delta = await reader.until("delta")
        await reader.send(type="stop", message_id=delta["message_id"])
        await reader.send(type="stop", message_id=delta["message_id"])
        await reader.until("done")
        assert await reader.nothing()
    assert await events_about(delta["message_id"], "message.stop") == 1


async def test_a_writer_elsewhere_sees_the_request_in_the_row(running, endless, conversation, alice_key):
    async with Reader(conversation.id, key=alice_key) as reader:
        await reader.ask("Count")
        delta = await reader.until("delta")
        await Message.objects.filter(pk=delta["message_id"]).aupdate(stop_requested=True)
        assert (await reader.until("done"))["state"] == "stopped"


async def test_a_stop_asked_for_elsewhere_arrives_at_once(running, endless, conversation, alice_key):
    elsewhere = RedisPubSubChannelLayer(hosts=[settings.VALKEY_URL], prefix="parley")
    async with Reader(conversation.id, key=alice_key) as reader:
        await reader.ask("Count")
        delta = await reader.until("delta")
        hint = {"type": "stop.asked", "message_id": delta["message_id"], "reason": "left"}
        await elsewhere.group_send(WRITERS, hint)
        done = await reader.until("done")
    assert (done["state"], done["reason"]) == ("stopped", "Nobody was reading this any more, so it was stopped.")


async def test_another_persons_answer_cannot_be_stopped(running, endless, conversation, alice_key, charlie_key, other):
    async with Reader(conversation.id, key=alice_key) as reader, Reader(other.id, key=charlie_key) as outsider:
        await reader.ask("Count")
        delta = await reader.until("delta")
        await outsider.send(type="stop", message_id=delta["message_id"])
        assert (await outsider.next())["code"] == "not_found"
        assert (await reader.until("delta"))["message_id"] == delta["message_id"]
        await reader.send(type="stop", message_id=delta["message_id"])
        await reader.until("done")
