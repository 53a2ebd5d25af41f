"""Versions of answers and questions: which one is shown, what follows it, and what the next question goes on from."""

from __future__ import annotations

import re

import pytest
from django.urls import reverse

from accounts.models import AuditEvent
from app.errors import NotAllowedError
from chat.models import Conversation, Message
from chat.pages.queries import turns_of
from chat.verbs.asking import ask, edit_question, regenerate
from chat.verbs.choosing import choose_version
from tests.chat.reading import Reader

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def settled(conversation, alice):
    """``settled("…")``: a question at the end of what is shown, with an answer that has ended."""

    def ask_and_end(text: str, **fields) -> Message:
        return end(ask(alice, conversation=conversation, text=text, **fields).answer, f"About {text}")

    return ask_and_end


def end(answer: Message, text: str) -> Message:
    log = [[1, "accepted", None], [2, "delta", len(text)], [3, "done", None]]
    Message.objects.filter(pk=answer.pk).update(state="done", text=text, log=log, seq=3)
    answer.refresh_from_db()
    return answer


def shown(conversation: Conversation) -> list[object]:
    return [one.id for one in turns_of(conversation).items]


def versions(conversation: Conversation) -> list[tuple[int, int]]:
    return [(one.versions.number, one.versions.count) for one in turns_of(conversation).items]


def test_an_answer_written_again_is_shown_instead_and_hides_what_followed(alice, conversation, settled):
    first = settled("One")
    second = settled("Two")
    again = regenerate(alice, answer=first)
    assert shown(conversation) == [first.parent_id, again.id]
    assert versions(conversation) == [(1, 1), (2, 2)]

    choose_version(alice, message=first)
    assert shown(conversation) == [first.parent_id, first.id, second.parent_id, second.id]
    assert versions(conversation) == [(1, 1), (1, 2), (1, 1), (1, 1)]


def test_the_first_question_can_be_edited_and_gone_back_to(alice, conversation, settled):
    first = settled("One")
    turn = edit_question(alice, question=Message.objects.get(pk=first.parent_id), text="Uno")
    assert turn.question.parent_id is None
    assert shown(conversation) == [turn.question.id, turn.answer.id]
    assert versions(conversation) == [(2, 2), (1, 1)]
    choose_version(alice, message=Message.objects.get(pk=first.parent_id))
    assert shown(conversation) == [first.parent_id, first.id]


def test_a_version_comes_with_the_newest_that_follows_it(alice, conversation, settled):
    first = settled("One")
    question = Message.objects.get(pk=settled("Two").parent_id)
    edited = edit_question(alice, question=question, text="Deux")
    regenerate(alice, answer=first)
    choose_version(alice, message=first)
    assert shown(conversation)[-1] == edited.answer.id


def test_the_next_question_goes_on_from_what_was_chosen(alice, conversation, settled):
    first = settled("One")
    end(regenerate(alice, answer=first), "Another")
    choose_version(alice, message=first)
    turn = ask(alice, conversation=conversation, text="And then?")
    assert turn.question.parent_id == first.id
    assert shown(conversation) == [first.parent_id, first.id, turn.question.id, turn.answer.id]


async def test_the_model_is_told_the_chosen_branch_alone(running, conversation, alice_key, scripted_server):
    async with Reader(conversation.id, key=alice_key) as reader:
        await reader.ask("How many days?")
        first = await reader.until("done")
        await reader.ask("And for part-timers?")
        accepted = await reader.until("accepted")
        await reader.until("done")
        await reader.send(
            type="edit", message_id=accepted["question"]["id"], text="And for interns?", client_id="edited"
        )
        edited = await reader.until("accepted")
        assert edited["question"]["text"] == "And for interns?"
        assert edited["client_id"] == "edited"
        await reader.until("done")
    sent = [turn["content"] for turn in scripted_server.requests[-1].body["messages"]]
    text = (await Message.objects.aget(pk=first["message_id"])).text
    assert sent[1:] == ["How many days?", text, "And for interns?"]


async def test_an_edited_question_is_asked_once_under_one_client_id(running, conversation, alice_key):
    async with Reader(conversation.id, key=alice_key) as reader:
        await reader.ask("How many days?")
        question = (await reader.until("accepted"))["question"]["id"]
        await reader.until("done")
        for _ in range(2):
            await reader.send(type="edit", message_id=question, text="How few?", client_id="one")
        await reader.until("done")
        assert await reader.nothing()
    assert [text async for text in conversation.messages.values_list("text", flat=True)].count("How few?") == 1


async def test_an_answer_is_no_question_to_edit(running, conversation, alice_key):
    async with Reader(conversation.id, key=alice_key) as reader:
        await reader.ask("How many days?")
        done = await reader.until("done")
        await reader.send(type="edit", message_id=done["message_id"], text="Else")
        assert (await reader.next())["code"] == "not_found"
        await reader.send(type="edit", message_id="7", text="Else")
        assert (await reader.next())["code"] == "bad_input"


def test_choosing_is_audited_and_needs_the_right_to_ask(alice, dana, settled):
    first = settled("One")
    choose_version(alice, message=first)
    assert AuditEvent.objects.filter(action="message.choose", object=f"message:{first.pk}").count() == 1
    alice.roles = ["auditor"]
    with pytest.raises(NotAllowedError):
        choose_version(alice, message=first)


def test_forms_switch_and_edit_without_scripts(alice, conversation, settled, signed_in):
    first = settled("One")
    again = end(regenerate(alice, answer=first), "Another")
    browser, place = signed_in(alice), reverse("chat:conversation", args=[conversation.id])
    page = browser.get(place).content.decode()
    assert "Another" in page and "About One" not in page
    assert re.search(r"2 / 2", page)

    went = browser.post(reverse("chat:choose", args=[first.id]))
    assert went.headers["Location"] == f"{place}#m-{first.id}"
    page = browser.get(place).content.decode()
    assert "About One" in page and str(again.id) in page  # the way to the other one

    form = browser.get(f"{place}?edit={first.parent_id}").content.decode()
    assert f'action="{reverse("chat:edit", args=[first.parent_id])}"' in form
    went = browser.post(reverse("chat:edit", args=[first.parent_id]), {"text": "Uno", "client_id": ""})
    assert went.headers["Location"] == place
    assert turns_of(conversation).items[0].text == "Uno"


def test_programs_edit_and_choose(alice, conversation, settled, with_key):
    first = settled("One")
    program = with_key(alice)
    edited = program.post(f"/api/v1/messages/{first.parent_id}/edit", {"text": "Uno"}, content_type="application/json")
    assert edited.status_code == 202
    assert shown(conversation)[-1] == Message.objects.get(pk=edited.json()["id"]).pk
    assert program.post(f"/api/v1/messages/{first.id}/choose").json() == {"ok": True}
    assert shown(conversation) == [first.parent_id, first.id]
    assert program.get(f"/api/v1/messages/{first.id}").json()["parent_id"] == str(first.parent_id)
    refused = program.post(f"/api/v1/messages/{first.id}/edit", {"text": "Uno"}, content_type="application/json")
    assert refused.status_code == 422
    assert refused.json()["error"]["message"] == "Only a question can be edited."
