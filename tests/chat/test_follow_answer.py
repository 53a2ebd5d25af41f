"""Resuming: every event after a number, exactly once, from the process, from Valkey or from the row."""

import asyncio
import socket

import pytest
import redis.asyncio
from django.conf import settings as real_settings

from app.web.ids import new_id
from chat.models import Message
from chat.streaming import copies, streams, telling
from chat.streaming.copies import copier, read_copies
from chat.streaming.events import Event
from tests.chat.lines import HeldLine
from tests.chat.reading import Reader, seqs_of, text_of

pytestmark = pytest.mark.django_db(transaction=True)
WORDS = [f"word{number} " for number in range(40)]


@pytest.fixture
def slow(scripted_server):
    scripted_server.script(tokens=WORDS, pace=0.02)


async def forget_in_valkey():
    client = redis.asyncio.from_url(real_settings.VALKEY_URL)
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
        monkeypatch.setattr("chat.streaming.following.find_stream", lambda message_id: None)
        async with Reader(conversation.id, key=alice_key) as elsewhere:
            await asyncio.gather(first.until("done"), elsewhere.until("done"))
    assert elsewhere.frames == first.frames


@pytest.mark.parametrize("how", ["refuses", "hangs"])
async def test_an_answer_survives_the_loss_of_valkey(running, slow, conversation, alice_key, settings, how):
    with socket.socket() as mute:
        mute.bind(("127.0.0.1", 0))
        if how == "hangs":
            mute.listen(1)
        settings.VALKEY_URL = f"redis://127.0.0.1:{mute.getsockname()[1]}/0"
        async with Reader(conversation.id, key=alice_key) as reader:
            await reader.ask("Go on")
            await reader.until("done")
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
    from chat.verbs.asking import start_conversation

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
    batches = aiter(stream.read(2))
    waiting = asyncio.ensure_future(anext(batches))
    await asyncio.sleep(0)
    for seq in range(1, 5):
        stream.publish(Event(stream.message_id, seq, "status", {"state": "running"}))
    assert [event.seq for event in await waiting] == [3, 4]
    streams.close_stream(stream)


async def test_a_reader_elsewhere_gets_nothing_across_a_gap():
    """Valkey was away for an event: what follows it is no answer to what comes next."""
    message_id = new_id()
    await copier().open()
    for seq in (1, 2, 4, 5):
        copier().copy(Event(message_id, seq, "delta", {"text": str(seq)}), print)
    copier().flush()
    assert [event.seq for event in await read_copies(message_id, 0)] == [1, 2]
    assert await read_copies(message_id, 2) == []
    assert [event.seq for event in await read_copies(message_id, 3)] == [4, 5]


async def test_an_event_is_with_valkey_before_anybody_here_hears_of_it():
    """Not its reply but its bytes: the process may be killed at once, and Valkey has it all the same."""
    stream = streams.open_stream(new_id())
    await stream.prepare()
    stream.publish(Event(stream.message_id, 1, "delta", {"text": "shown"}))
    assert stream.events == []
    await anext(stream.read(0))
    copier().close()  # as a killed process would
    assert [event.data["text"] for event in await read_copies(stream.message_id, 0)] == ["shown"]
    streams.close_stream(stream)


@pytest.fixture
def valkey_that_stops(settings):
    """Valkey behind a line that can be held up, as when it swaps or is suspended."""
    with HeldLine(settings.VALKEY_URL) as line:
        settings.VALKEY_URL = line.url
        yield line


async def test_valkey_that_stops_in_between_delays_nobody(
    running, slow, conversation, alice_key, valkey_that_stops, caplog
):
    async with Reader(conversation.id, key=alice_key) as reader:
        await reader.ask("Go on")
        await reader.until("delta")
        valkey_that_stops.is_held.set()
        began_at = asyncio.get_running_loop().time()
        await reader.until("done")
    assert asyncio.get_running_loop().time() - began_at < 3
    assert text_of(reader.frames) == "".join(WORDS)
    assert "going on without it" in caplog.text


async def test_valkey_that_comes_back_is_written_to_again(valkey_that_stops, monkeypatch):
    monkeypatch.setattr(copies, "DOWN_SECONDS", 0.1)
    message_id = new_id()
    await copier().open()
    valkey_that_stops.cut()
    await asyncio.sleep(0.15)
    copier().copy(Event(message_id, 1, "delta", {"text": "lost"}), print)
    copier().flush()
    assert not copier().is_open
    await asyncio.sleep(0.15)
    await copier().open()
    copier().copy(Event(message_id, 2, "delta", {"text": "kept"}), print)
    copier().flush()
    for _ in range(50):
        if kept := await read_copies(message_id, 1):
            break
        await asyncio.sleep(0.05)
    assert [event.data["text"] for event in kept] == ["kept"]


async def test_what_is_said_in_one_turn_goes_to_valkey_together(monkeypatch):
    writes = []
    monkeypatch.setattr(copies, "_send", lambda _socket, data: writes.append(data.count(b"XADD")))
    talking = [streams.open_stream(new_id()) for _ in range(3)]
    await talking[0].prepare()
    for stream in talking:
        stream.publish(Event(stream.message_id, 1, "delta", {"text": "x"}))
    await asyncio.sleep(0)
    assert writes == [3]
    assert [len(stream.events) for stream in talking] == [1, 1, 1]
    talking[0].publish(Event(talking[0].message_id, 2, "delta", {"text": "y"}))
    for stream in talking:
        streams.close_stream(stream)  # nothing is lost on the way
    assert writes == [3, 1]
    assert len(talking[0].events) == 2


async def test_a_reader_who_does_not_read_costs_a_place_in_the_list():
    """Its memory is the answer's own, others hear at once, and it gets everything exactly once when it reads on."""
    stream = streams.open_stream(new_id())
    asleep, awake = aiter(stream.read(0)), aiter(stream.read(0))
    stream.publish(Event(stream.message_id, 1, "status", {"state": "writing"}))
    assert [event.seq for event in await anext(asleep)] == [1]
    assert [event.seq for event in await anext(awake)] == [1]
    for seq in range(2, 5_000):
        stream.publish(Event(stream.message_id, seq, "delta", {"text": "x"}))
        assert [event.seq for event in await anext(awake)] == [seq]
    assert [event.seq for event in await anext(asleep)] == list(range(2, 5_000))
    streams.close_stream(stream)
    assert [event async for event in asleep] == [event async for event in awake] == []
