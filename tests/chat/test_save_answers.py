"""Saving what is being written: all answers of a process in one statement, each only while it is this process's."""

import asyncio

import pytest

from chat.models import Message
from chat.writing import saving
from chat.writing.leases import Draft, checkpoint

pytestmark = pytest.mark.django_db(transaction=True)


def answer(conversation, **columns) -> Message:
    columns = {"state": "running", "fence": 2, "log": [[1, "accepted", None]], "seq": 1} | columns
    return Message.objects.create(conversation=conversation, role="assistant", **columns)


def draft(message: Message, text: str, fence: int = 2) -> Draft:
    return Draft(message, fence, text, [[1, "accepted", None], [2, "delta", len(text)]])


def test_answers_are_saved_together_and_tell_who_wants_to_stop(conversation, django_assert_num_queries):
    one, other = answer(conversation), answer(conversation, stop_requested=True)
    with django_assert_num_queries(1):
        assert checkpoint([draft(one, "Grüße"), draft(other, 'a "quote"\n')]) == {one.id: False, other.id: True}
    one.refresh_from_db()
    assert (one.text, one.seq, one.log) == ("Grüße", 2, [[1, "accepted", None], [2, "delta", 5]])
    assert one.lease_until is not None


def test_what_another_process_owns_or_has_ended_stays_as_it_is(conversation):
    lost, ended, own = answer(conversation, fence=3), answer(conversation, state="done"), answer(conversation)
    assert checkpoint([draft(lost, "a"), draft(ended, "b"), draft(own, "c")]) == {own.id: False}
    assert set(Message.objects.filter(pk__in=[lost.pk, ended.pk]).values_list("text", flat=True)) == {""}


class Writer:
    def __init__(self, message: Message, fence: int = 2) -> None:
        self._draft, self.ended = draft(message, "so far", fence), asyncio.Event()

    def draft(self) -> Draft:
        return self._draft

    def end(self) -> None:
        self.ended.set()


async def test_a_writer_whose_answer_is_anothers_by_now_ends(conversation, monkeypatch):
    monkeypatch.setattr(saving, "CHECKPOINT_SECONDS", 0.1)
    monkeypatch.setattr(saving, "LOOK_SECONDS", 0.02)
    lost, message = [await asyncio.to_thread(answer, conversation) for _ in range(2)]
    former, owner = Writer(lost, fence=1), Writer(message)
    saving.saver().add(former)
    saving.saver().add(owner)
    await asyncio.wait_for(former.ended.wait(), 10)
    for _ in range(100):
        await asyncio.sleep(0.05)
        if (await Message.objects.aget(pk=message.pk)).text == "so far":
            break
    saving.saver().remove(owner)
    assert (await Message.objects.aget(pk=message.pk)).text == "so far"
    assert not owner.ended.is_set()
