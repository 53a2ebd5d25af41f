"""Asking over the socket: what is accepted is saved, audited and answered once."""

import asyncio

import pytest

from app.errors import BadInputError, NotFoundError
from chat.models import Message
from chat.verbs.asking import ask, start_conversation
from tests.chat.reading import Reader, events_about, seqs_of, text_of

pytestmark = pytest.mark.django_db(transaction=True)


async def test_a_question_is_accepted_answered_and_kept(running, conversation, alice_key, scripted_server):
    async with Reader(conversation.id, key=alice_key) as reader:
        await reader.ask("How many days?")
        accepted = await reader.next()
        assert accepted["type"] == "accepted"
        assert accepted["question"]["text"] == "How many days?"
        done = await reader.until("done")
    assert done["state"] == "done"
    assert seqs_of(reader.frames) == list(range(1, len(reader.frames) + 1))
    message = await Message.objects.aget(pk=done["message_id"])
    assert message.text == text_of(reader.frames) == "The answer is twenty-five days, as the handbook says."
    assert message.seq == done["seq"]
    assert done["usage"]["tokens_out"] > 0


async def test_it_is_in_the_database_and_the_log_before_it_is_accepted(running, conversation, alice_key):
    async with Reader(conversation.id, key=alice_key) as reader:
        await reader.ask("How many days?")
        accepted = await reader.until("accepted")
        assert await events_about(accepted["message_id"], "message.ask") == 1
        assert await Message.objects.filter(conversation=conversation, role="user").acount() == 1
        await reader.until("done")
    assert await events_about(accepted["message_id"], "message.done") == 1


async def test_the_same_client_id_twice_is_one_question(running, conversation, alice_key):
    async with Reader(conversation.id, key=alice_key) as reader:
        await reader.ask("How many days?", client_id="one")
        await reader.ask("How many days?", client_id="one")
        await reader.until("done")
        assert await reader.nothing()
    assert await Message.objects.filter(conversation=conversation).acount() == 2
    assert [frame["type"] for frame in reader.frames].count("accepted") == 1


async def test_the_same_client_id_from_two_lines_at_once_is_one_question(running, conversation, alice_key):
    async with Reader(conversation.id, key=alice_key) as one, Reader(conversation.id, key=alice_key) as two:
        await asyncio.gather(one.ask("How many?", client_id="same"), two.ask("How many?", client_id="same"))
        first, second = await one.until("done"), await two.until("done")
    assert first["message_id"] == second["message_id"]
    assert text_of(one.frames) == text_of(two.frames)
    assert await Message.objects.filter(conversation=conversation).acount() == 2


async def test_a_follow_up_carries_the_conversation(running, conversation, alice_key, scripted_server):
    async with Reader(conversation.id, key=alice_key) as reader:
        await reader.ask("How many days?")
        await reader.until("done")
        await reader.ask("And for part-timers?")
        await reader.until("done")
    sent = [turn["content"] for turn in scripted_server.requests[-1].body["messages"]]
    assert sent[1:] == [
        "How many days?",
        "The answer is twenty-five days, as the handbook says.",
        "And for part-timers?",
    ]


async def test_an_outsider_is_closed_with_4404(running, conversation, charlie_key):
    async with Reader(conversation.id, key=charlie_key) as reader:
        assert await reader.next() == {"type": "close", "code": 4404}


async def test_an_unknown_conversation_looks_the_same(running, alice_key):
    async with Reader("0197aaaa-0000-7000-8000-000000000000", key=alice_key) as reader:
        assert await reader.next() == {"type": "close", "code": 4404}


async def test_a_path_that_is_no_conversation_is_closed_with_4404(running, alice_key):
    async with Reader("not-an-id", key=alice_key) as reader:
        assert await reader.next() == {"type": "close", "code": 4404}


async def test_nobody_is_closed_with_4401(running, conversation):
    async with Reader(conversation.id) as reader:
        assert await reader.next() == {"type": "close", "code": 4401}


@pytest.mark.parametrize(
    "frame",
    ["", "{", "[]", "null", '"ask"', "{}", '{"type": 7}', '{"type": "ask"}', '{"type": "ask", "text": 5}',
     '{"type": "ask", "text": "  "}', '{"type": "stop"}', '{"type": "stop", "message_id": "x"}',
     '{"type": "ask", "text": "a", "client_id": ""}', '{"type": "ask", "text": "a", "parent_id": "7"}',
     '{"type": "ask", "text": "a", "client_id": "\\u0000"}',
     '{"type":"ask","text":"' + "x" * 70_000 + '"}'],
)  # fmt: skip
async def test_a_bad_frame_is_answered_with_what_to_change(running, conversation, alice_key, frame):
    async with Reader(conversation.id, key=alice_key) as reader:
        await reader.line.send_input({"type": "websocket.receive", "text": frame})
        error = await reader.next()
        assert (error["type"], error["retry"]) == ("error", False)
        assert error["message"]
        await reader.ask("Still there?")
        await reader.until("done")


async def test_a_binary_frame_does_not_end_the_line(running, conversation, alice_key):
    async with Reader(conversation.id, key=alice_key) as reader:
        await reader.line.send_to(bytes_data=b"\x00\xff")
        assert (await reader.next())["type"] == "error"
        await reader.ask("Still there?")
        await reader.until("done")


def test_an_empty_question_is_refused(alice, writer):
    conversation = start_conversation(alice, assistant=writer)
    with pytest.raises(BadInputError):
        ask(alice, conversation=conversation, text=" \n ")


@pytest.mark.parametrize("sign", ["🏖", "\x01"])
def test_a_question_whose_frame_would_be_too_large_is_refused(alice, writer, sign):
    conversation = start_conversation(alice, assistant=writer)
    with pytest.raises(BadInputError):
        ask(alice, conversation=conversation, text=sign * 19_000)


def test_a_parent_of_another_conversation_is_not_found(alice, writer):
    mine, other = (start_conversation(alice, assistant=writer) for _ in range(2))
    turn = ask(alice, conversation=other, text="There")
    with pytest.raises(NotFoundError):
        ask(alice, conversation=mine, text="Here", parent_id=turn.answer.id)


def test_an_assistant_taken_away_answers_no_more(alice, writer):
    conversation = start_conversation(alice, assistant=writer)
    writer.is_for_everyone = False
    writer.save()
    with pytest.raises(NotFoundError):
        ask(alice, conversation=conversation, text="Still?")
