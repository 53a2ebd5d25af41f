"""Answers without support become gaps, after their reader has them; what a policy stopped does not."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from app.web.threads import in_thread
from chat import tasks
from chat.models import Assistant, Feedback, Generation, Message
from chat.verbs.asking import start_conversation
from chat.verbs.rating import rate_answer
from chat.writing import noting
from knowledge.models import Gap, GapQuestion
from knowledge.sources import Readers, create_source
from moderation.policies.writing import create_policy
from tests.chat.reading import Reader
from tests.knowledge.conftest import publish

__all__ = ["publish"]

pytestmark = pytest.mark.django_db(transaction=True)

LEAVE = "# Leave\n\nA full-time employee has 27 days of annual leave in a calendar year."
ANSWERED = "How many days of annual leave do I have?"
UNANSWERED = "Is there a gym in the building?"


@pytest.fixture
def handbook(transactional_db, embedding_weights, olivia, crew, publish):
    source = create_source(actor=olivia, name="Handbook", readers=Readers(groups=[crew.name], everyone=False))
    publish(source, "leave.md", LEAVE)
    return Assistant.objects.create(slug="handbook", name="Handbook", mode="quote", is_for_everyone=True)


@pytest.fixture
def ask(running, handbook, alice, alice_key):
    """``await ask("…")``: alice's question, answered; the row of the run that answered it."""

    async def put(text, assistant=handbook, state="done"):
        conversation = await in_thread(start_conversation, alice, assistant=assistant)
        async with Reader(conversation.id, key=alice_key) as reader:
            await reader.ask(text)
            await reader.until("status", state="held") if state == "held" else await reader.until("done")
        runs = Generation.objects.select_related("message").filter(message__conversation=conversation)
        return await runs.aget()

    return put


async def test_an_unanswered_question_becomes_a_gap(ask, alice):
    run = await ask(UNANSWERED)
    assert run.support == "none"
    await in_thread(tasks.note_gap, str(run.message_id))
    question = await GapQuestion.objects.aget()
    assert (question.text, question.message_id, question.asked_by_id) == (UNANSWERED, run.message_id, alice.pk)
    await in_thread(tasks.note_gap, str(run.message_id))
    assert await GapQuestion.objects.acount() == 1


async def test_an_answered_one_does_not(ask):
    run = await ask(ANSWERED)
    assert run.support == "good"
    await in_thread(tasks.note_gap, str(run.message_id))
    assert not await Gap.objects.aexists()


async def test_nor_one_that_a_policy_held(ask, handbook, ada):
    rule = {"name": "gym", "scope": "question", "match": {"words": ["gym"]}, "action": "hold", "reason": "Wait."}
    handbook.policy = await in_thread(create_policy, ada, slug="gym", name="Gym", rules=[rule])
    await handbook.asave()
    run = await ask(UNANSWERED, state="held")
    assert run.support == ""
    await in_thread(tasks.note_gap, str(run.message_id))
    assert not await Gap.objects.aexists()


async def test_nor_one_whose_conversation_was_deleted(ask):
    run = await ask(UNANSWERED)
    conversation = await in_thread(lambda: run.message.conversation)
    conversation.deleted_at = timezone.now()
    await conversation.asave()
    await in_thread(noting.note, run.message_id)
    assert not await Gap.objects.aexists()


async def test_nor_one_of_an_assistant_that_searches_nothing(ask, writer):
    run = await ask("Write a poem.", writer)
    assert run.support == ""


async def test_the_sweep_finds_what_nobody_looked_at(ask):
    run = await ask(UNANSWERED)
    assert await in_thread(noting.find_unnoted) == []
    await Generation.objects.aupdate(created_at=timezone.now() - timedelta(minutes=5))
    assert await in_thread(noting.find_unnoted) == [run.message_id]
    await in_thread(noting.note, run.message_id)
    assert await in_thread(noting.find_unnoted) == []
    await Generation.objects.aupdate(created_at=timezone.now() - timedelta(days=2), noted_at=None)
    assert await in_thread(noting.find_unnoted) == []


@pytest.mark.parametrize(("value", "reason", "is_gap"), [(-1, "wrong", True), (-1, "unclear", False), (1, "", False)])
async def test_a_reader_who_says_it_is_wrong_makes_one(ask, alice, value, reason, is_gap):
    run = await ask(ANSWERED)
    answer = await Message.objects.aget(pk=run.message_id)
    await in_thread(rate_answer, alice, answer=answer, value=value, reason=reason)
    await in_thread(tasks.note_gap, str(run.message_id))
    supports = [support async for support in GapQuestion.objects.values_list("support", flat=True)]
    assert supports == (["doubted"] if is_gap else [])


async def test_a_question_that_leans_on_another_is_noted_as_one_that_stands_alone(ask, alice, alice_key):
    run = await ask("Which rocket brings astronauts to the moon base?")
    conversation = await in_thread(lambda: run.message.conversation)
    async with Reader(conversation.id, key=alice_key) as reader:
        await reader.send(type="ask", text="And for their cats?", parent_id=str(run.message_id))
        done = await reader.until("done")
        if done["message_id"] == str(run.message_id):  # the first answer is told to whoever opens the conversation
            done = await reader.until("done")
    await in_thread(noting.note, done["message_id"])
    text = await GapQuestion.objects.values_list("text", flat=True).aget()
    assert "moon base" in text and text.endswith("And for their cats?")


async def test_a_page_asks_why_an_answer_did_not_help(ask, alice, signed_in):
    run = await ask(ANSWERED)
    client = await in_thread(signed_in, alice)
    address = reverse("chat:feedback", args=[run.message_id])
    await in_thread(client.post, address, {"value": "-1", "reason": "missing", "text": "And part-timers?"})
    given = await Feedback.objects.aget()
    assert (given.value, given.reason, given.text) == (-1, "missing", "And part-timers?")
    conversation = await in_thread(lambda: run.message.conversation_id)
    page = (await in_thread(client.get, reverse("chat:conversation", args=[conversation]))).content.decode()
    assert all(f'value="{reason.value}"' in page for reason in Feedback.Reason)
    assert page.count('aria-pressed="true">Something is missing') == 1
