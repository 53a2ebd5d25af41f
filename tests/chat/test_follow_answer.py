"""Resuming: every event after a number, exactly once, from the process, from Valkey or from the row."""

import asyncio

import pytest
import redis.asyncio
from django.conf import settings

from app.web.ids import new_id
from chat import streams, telling
from chat.events import Event
from chat.models import Message
from tests.chat.reading import Reader, seqs_of, text_of

pytestmark = pytest.mark.django_db(transaction=True)
WORDS = [f"word{number} " for number in range(40)]


@pytest.fixture
def slow(scripted_server):
    scripted_server.script(tokens=WORDS, pace=0.02)


async def forget_in_valkey():
    client = redis.asyncio.from_url(settings.VALKEY_URL)
    await client.flushall()
    await client.aclose()


async def test_a_reader_who_comes_back_gets_the_rest_exactly_once(running, slow, conversation, alice_key):
    async with Reader(conversation.id, key=alice_key) as first:
        await first.ask("Go on")
        for _ in range(6):
            await first.next()
    last = first.frames[-1]["seq"]
    async with Reader(conversation.id, key=alice_key, after=last) as second:
        await second.until("done")
    frames = first.frames + second.frames
    assert seqs_of(frames) == list(range(1, len(frames) + 1))
    assert text_of(frames) == "".join(WORDS)


async def test_a_second_tab_sees_the_whole_answer(running, slow, conversation, alice_key):
    async with Reader(conversation.id, key=alice_key) as first:
        await first.ask("Go on")
        await first.until("delta")
        async with Reader(conversation.id, key=alice_key) as second:
            await asyncio.gather(first.until("done"), second.until("done"))
    assert first.frames == second.frames


async def test_a_tab_that_was_open_hears_of_a_question_from_another(running, conversation, alice_key):
    async with Reader(conversation.id, key=alice_key) as watching, Reader(conversation.id, key=alice_key) as asking:
        await asking.ask("Hello?")
        await watching.until("done")
    assert watching.frames[0]["question"]["text"] == "Hello?"


@pytest.mark.parametrize("after", [0, 1, 2])
async def test_a_finished_answer_is_told_from_its_row(running, conversation, alice_key, after):
    async with Reader(conversation.id, key=alice_key) as live:
        await live.ask("How many?")
        await live.until("done")
    await forget_in_valkey()
    async with Reader(conversation.id, key=alice_key, after=after) as later:
        await later.until("done")
    assert later.frames == live.frames[after:]


async def test_another_process_reads_it_from_valkey(running, slow, conversation, alice_key, monkeypatch):
    async with Reader(conversation.id, key=alice_key) as first:
        await first.ask("Go on")
        await first.until("delta")
        # What a process sees that does not write this answer: no stream of its own.
        monkeypatch.setattr("chat.following.find_stream", lambda message_id: None)
        async with Reader(conversation.id, key=alice_key) as elsewhere:
            await asyncio.gather(first.until("done"), elsewhere.until("done"))
    assert elsewhere.frames == first.frames


async def test_an_answer_survives_the_loss_of_valkey(running, slow, conversation, alice_key, monkeypatch):
    async def refuse(*args, **kwargs):
        raise redis.exceptions.ConnectionError("gone")

    monkeypatch.setattr(redis.asyncio.client.Pipeline, "execute", refuse)
    async with Reader(conversation.id, key=alice_key) as reader:
        await reader.ask("Go on")
        await reader.until("done")
    monkeypatch.setattr(streams, "_down_until", 0.0)
    assert text_of(reader.frames) == "".join(WORDS)


async def test_the_first_text_comes_at_once_and_the_rest_in_frames(running, conversation, alice_key, scripted_server):
    scripted_server.script(tokens=[f"{number} " for number in range(300)], pace=0.002)
    async with Reader(conversation.id, key=alice_key) as reader:
        await reader.ask("Count")
        first = await reader.until("delta")
        await reader.until("done")
    assert first["text"].startswith("0 ")
    deltas = [frame for frame in reader.frames if frame["type"] == "delta"]
    assert len(deltas) < 150
    assert text_of(reader.frames) == "".join(f"{number} " for number in range(300))


async def test_a_long_text_is_cut_into_frames_of_64_kb(running, conversation, alice_key, scripted_server):
    scripted_server.script(tokens=["ü" * 60_000])
    async with Reader(conversation.id, key=alice_key) as reader:
        await reader.ask("Much")
        await reader.until("done")
    assert text_of(reader.frames) == "ü" * 60_000
    assert all(len(frame["text"].encode()) < 64 * 1024 for frame in reader.frames if frame["type"] == "delta")


async def test_an_answer_nobody_began_is_swept_up(running, alice, writer):
    from app.web.threads import in_thread
    from chat.asking import start_conversation

    conversation = await in_thread(start_conversation, alice, assistant=writer)
    question = await Message.objects.acreate(conversation=conversation, role="user", state="done", text="Forgotten?")
    answer = await Message.objects.acreate(
        conversation=conversation, parent=question, role="assistant", state="queued", log=[[1, "accepted", None]], seq=1
    )
    await Message.objects.filter(pk=answer.pk).aupdate(created_at=answer.created_at.replace(year=2020))
    for _ in range(100):
        await asyncio.sleep(0.1)
        if (await Message.objects.aget(pk=answer.pk)).is_settled:
            break
    told = telling.retell(await in_thread(telling.load, answer.pk))
    assert told[-1].type == "done"
    assert told[-1].data["state"] == "done"


async def test_a_reader_who_is_ahead_of_a_new_owner_hears_nothing_twice():
    """Whoever takes an answer over tells its story from the start; a reader may know some of it from Valkey already."""
    stream = streams.open_stream(new_id())
    reader = stream.read(2)
    assert await anext(reader) == []
    for seq in range(1, 5):
        await stream.publish(Event(stream.message_id, seq, "status", {"state": "running"}))
    assert [event.seq for event in await anext(reader)] == [3, 4]
    streams.close_stream(stream)


async def test_valkey_dying_between_frames_delays_nobody(running, slow, conversation, alice_key, monkeypatch):
    """Copies of all answers share a pipeline: one that fails must release everybody who waits for it."""
    calls, execute = [], redis.asyncio.client.Pipeline.execute

    async def fail_later(self, *args, **kwargs):
        calls.append(1)
        if len(calls) > 5:
            raise redis.exceptions.ConnectionError("gone")
        return await execute(self, *args, **kwargs)

    monkeypatch.setattr(redis.asyncio.client.Pipeline, "execute", fail_later)
    async with Reader(conversation.id, key=alice_key) as one, Reader(conversation.id, key=alice_key) as two:
        await one.ask("Go on")
        await two.ask("And on")
        await asyncio.gather(one.until("done"), two.until("done"))
    monkeypatch.setattr(streams, "_down_until", 0.0)
    by_answer: dict[str, list] = {}
    for frame in one.frames:
        by_answer.setdefault(frame["message_id"], []).append(frame)
    assert "".join(WORDS) in {text_of(frames) for frames in by_answer.values()}


async def test_hanging_valkey_costs_half_a_second_once(running, slow, conversation, alice_key, monkeypatch):
    async def hang(*args, **kwargs):
        await asyncio.sleep(30)

    monkeypatch.setattr(redis.asyncio.client.Pipeline, "execute", hang)
    async with Reader(conversation.id, key=alice_key) as reader:
        await reader.ask("Go on")
        await reader.until("done")
    monkeypatch.setattr(streams, "_down_until", 0.0)
    assert text_of(reader.frames) == "".join(WORDS)
