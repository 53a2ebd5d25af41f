"""When the model server fails, the reader is told, what was shown is kept, and the row is settled."""

import pytest

from chat.models import Message
from tests.chat.reading import Reader, text_of

pytestmark = pytest.mark.django_db(transaction=True)


async def answer(conversation, key):
    async with Reader(conversation.id, key=key) as reader:
        await reader.ask("How many?")
        done = await reader.until("done")
    return reader.frames, done, await Message.objects.aget(pk=done["message_id"])


async def test_a_server_that_refuses_ends_in_a_failed_answer(running, conversation, alice_key, scripted_server):
    scripted_server.script("broken")
    frames, done, message = await answer(conversation, alice_key)
    error = next(frame for frame in frames if frame["type"] == "error")
    assert (done["state"], message.state, message.lease_until) == ("failed", "failed", None)
    assert error["message"]
    assert error["retry"] is True
    assert text_of(frames) == ""


async def test_a_server_that_dies_in_the_middle_leaves_the_text(running, conversation, alice_key, scripted_server):
    scripted_server.script("die", after=3, pace=0.06)
    frames, done, message = await answer(conversation, alice_key)
    assert (done["state"], message.state) == ("interrupted", "interrupted")
    assert message.text == text_of(frames) == "The answer is "


async def test_a_failed_answer_can_be_written_again(running, conversation, alice_key, scripted_server):
    scripted_server.script("broken")
    async with Reader(conversation.id, key=alice_key) as reader:
        await reader.ask("How many?")
        failed = await reader.until("done")
        scripted_server.script()
        await reader.send(type="regenerate", message_id=failed["message_id"])
        done = await reader.until("done", state="done")
    assert done["message_id"] != failed["message_id"]
    siblings = Message.objects.filter(conversation=conversation, role="assistant")
    assert len({row.parent_id async for row in siblings}) == 1
