"""What somebody meets who is over a limit: on the page, in the socket, over REST and in OpenAI's language."""

from __future__ import annotations

import asyncio
import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal
from uuid import uuid4

import pytest
from django.db import connections
from django.test import Client
from django.utils import timezone

from accounts.errors import LimitReachedError
from accounts.limits.counting import within_limits
from accounts.models import AuditEvent, LimitCount, Reservation, Spending, User
from accounts.programs.keys import create_key
from app.inference.models import Model
from app.web.threads import in_thread
from chat.models import Conversation, Generation, Message
from chat.verbs.asking import ask, regenerate, start_conversation
from chat.writing import metering
from chat.writing.runner import runner
from tests import factories
from tests.chat.files import bring
from tests.chat.reading import Reader

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_question_over_the_limit_leaves_nothing_behind(alice: User) -> None:
    factories.make_limit(subject="each", amount=1)
    conversation = start_conversation(alice, assistant=factories.make_assistant())
    answer = ask(alice, conversation=conversation, text="First?").answer
    with pytest.raises(LimitReachedError):
        ask(alice, conversation=conversation, text="Second?")
    Message.objects.filter(pk=answer.pk).update(state="done")
    answer.refresh_from_db()
    with pytest.raises(LimitReachedError):
        regenerate(alice, answer=answer)
    assert conversation.messages.count() == 2
    assert AuditEvent.objects.filter(action="limit.reached", actor=str(alice.pk)).count() == 1


def test_the_same_question_sent_again_counts_once(alice: User) -> None:
    limit = factories.make_limit(subject="each", amount=1)
    conversation = start_conversation(alice, assistant=factories.make_assistant())
    first = ask(alice, conversation=conversation, text="First?", client_id="q")
    assert ask(alice, conversation=conversation, text="First?", client_id="q").answer == first.answer
    assert LimitCount.objects.get(limit=limit).used == 1


def test_exactly_as_many_questions_as_are_allowed(alice: User, bob: User) -> None:
    allowed, more = 12, 50
    factories.make_limit(amount=allowed)
    assistant = factories.make_assistant()
    conversations = [start_conversation(person, assistant=assistant) for person in (alice, bob)]

    def one(index: int) -> bool:
        conversation = conversations[index % 2]
        try:
            ask(conversation.owner, conversation=conversation, text=f"Question {index}?")
        except LimitReachedError:
            return False
        finally:
            connections.close_all()
        return True

    with ThreadPoolExecutor(12) as threads:
        accepted = list(threads.map(one, range(allowed + more)))
    assert sum(accepted) == allowed
    assert Message.objects.filter(role="assistant").count() == allowed


def test_rest_says_429_and_when(alice: User, with_key) -> None:
    factories.make_limit(subject="each", amount=0)
    program: Client = with_key(alice)
    factories.make_assistant()
    conversation = program.post("/api/v1/conversations", {}, content_type="application/json")
    address = f"/api/v1/conversations/{conversation.json()['id']}/messages"
    refused = program.post(address, {"text": "How many?"}, content_type="application/json")
    assert refused.status_code == 429
    assert 1 <= int(refused["Retry-After"]) <= 86_400
    error = refused.json()["error"]
    assert (error["code"], error["retry"]) == ("limit_reached", True)
    assert "0 questions a day" in error["message"]
    assert 0 < error["retry_after"] <= 86_400


def test_openais_language_has_its_own_429(alice: User, with_key) -> None:
    factories.make_assistant()
    factories.make_limit(subject="each", amount=0, period="minute")
    body = {"model": "handbook", "messages": [{"role": "user", "content": "How many?"}], "stream": True}
    refused = with_key(alice).post("/v1/chat/completions", body, content_type="application/json")
    assert refused.status_code == 429
    assert 1 <= int(refused["Retry-After"]) <= 60
    assert refused.json()["error"]["type"] == "rate_limit_exceeded"
    assert Conversation.objects.count() == 0
    assert AuditEvent.objects.filter(action="limit.reached", actor=str(alice.pk)).count() == 1


def test_embeddings_and_searches_count_their_tokens(alice: User, with_key, embedding_weights) -> None:
    factories.make_limit(subject="each", measure="tokens", amount=20)
    program = with_key(alice)
    made = program.post("/v1/embeddings", {"input": ["leave " * 10]}, content_type="application/json")
    assert made.json()["usage"] == {"prompt_tokens": 15, "total_tokens": 15}
    found = program.post("/api/v1/search", {"query": "How many days of leave?"}, content_type="application/json")
    assert found.status_code == 429
    again = program.post("/v1/embeddings", {"input": "leave " * 10}, content_type="application/json")
    assert (again.status_code, again.json()["error"]["code"]) == (429, "limit_reached")
    assert Spending.objects.get().tokens_in == 15


def test_the_page_keeps_the_question_and_says_why(alice: User, signed_in) -> None:
    factories.make_assistant()
    factories.make_limit(subject="each", amount=0)
    browser = signed_in(alice)
    page = browser.post("/c/new", {"text": "How <b>?"})
    assert page.status_code == 429
    text = page.content.decode()
    assert "Your question was not sent." in text
    assert "How &lt;b&gt;?</textarea>" in text
    assert Conversation.objects.count() == 0
    conversation = factories.make_conversation(owner=alice)
    page = browser.post(f"/c/{conversation.pk}/ask", {"text": "And then?"})
    assert page.status_code == 429
    assert "And then?</textarea>" in page.content.decode()


def test_the_page_tells_who_is_near(alice: User, signed_in) -> None:
    factories.make_assistant()
    limit = factories.make_limit(subject="each", amount=5)
    conversation = start_conversation(alice)
    browser = signed_in(alice)
    for number in range(4):
        ask(alice, conversation=conversation, text=f"Question {number}?")
    for address in ("/", f"/c/{conversation.pk}/", "/account/usage/notices/"):
        page = browser.get(address).content.decode()
        assert "You have used 80 % of your 5 questions a day." in page
        assert f'data-notice="{limit.pk}' in page


async def test_the_socket_gives_the_question_back(alice: User, conversation, alice_key) -> None:
    await in_thread(factories.make_limit, subject="each", amount=0)
    async with Reader(conversation.id, key=alice_key) as reader:
        await reader.ask("How many?", client_id="q-1")
        refused = await reader.until("error")
    assert (refused["code"], refused["client_id"], refused["retry"]) == ("limit_reached", "q-1", True)
    assert 0 < refused["retry_after"] <= 86_400


def _price() -> None:
    Model.objects.filter(name="scripted").update(price_in=2, price_cached=1, price_out=Decimal("1000"), watts=360)


async def answered(conversation, key: str) -> dict:
    async with Reader(conversation.id, key=key) as reader:
        await reader.ask("Why?")
        return await reader.until("done")


async def test_an_answer_says_what_it_cost(running, conversation, alice_key, scripted_server) -> None:
    await in_thread(_price)
    scripted_server.script(tokens=["one ", "two ", "three"])
    done = await answered(conversation, alice_key)
    usage = done["usage"]
    spent = await in_thread(Spending.objects.get)
    kept = await in_thread(Generation.objects.get)
    expected = (
        Decimal(2) * (usage["tokens_in"] - usage["tokens_cached"]) + usage["tokens_cached"] + 1000 * usage["tokens_out"]
    ) / 10**6
    assert kept.cost == spent.cost == expected.quantize(Decimal("0.000001"))
    assert usage["cost"] == float(kept.cost)
    assert usage["watt_hours"] == kept.watt_hours == pytest.approx(spent.watt_hours)
    assert "estimated" not in usage
    assert (spent.answers, spent.model_name, spent.tokens_out) == (1, "scripted", usage["tokens_out"])
    assert spent.user_id == conversation.owner_id
    assert spent.key_id is not None
    assert spent.seconds > 0


async def test_a_stopped_answer_is_estimated(running, conversation, alice_key, scripted_server) -> None:
    await in_thread(_price)
    await in_thread(factories.make_limit, subject="each", measure="tokens", amount=10_000)
    scripted_server.script(tokens=["word "] * 2000, pace=0.05)
    async with Reader(conversation.id, key=alice_key) as reader:
        await reader.ask("Why?")
        delta = await reader.until("delta")
        assert (await in_thread(LimitCount.objects.get)).reserved > 600
        await reader.send(type="stop", message_id=delta["message_id"])
        done = await reader.until("done")
    assert done["state"] == "stopped"
    assert done["usage"]["estimated"] is True
    assert done["usage"]["tokens_out"] > 0
    count = await in_thread(LimitCount.objects.get)
    assert count.reserved == 0
    assert count.used == done["usage"]["tokens_in"] + done["usage"]["tokens_out"]
    assert await in_thread(Reservation.objects.count) == 0


async def test_budgets_stop_before_they_are_overshot(running, conversation, alice_key, scripted_server) -> None:
    await in_thread(_price)
    limit = await in_thread(factories.make_limit, subject="each", measure="money", amount="1.5", period="month")
    scripted_server.script(tokens=["word "] * 300)
    states = []
    async with Reader(conversation.id, key=alice_key) as reader:
        for _ in range(5):
            await reader.ask(f"Why {uuid4()}?")
            told = await reader.next()
            while told["type"] not in ("done", "error"):
                told = await reader.next()
            states.append(told["type"])
    count = await in_thread(LimitCount.objects.get)
    assert states[0] == "done"
    assert states[-1] == "error"
    assert 0 < count.used <= limit.amount
    assert count.reserved == 0


def test_files_of_a_first_question_are_set_aside_for(alice: User, writer) -> None:
    factories.make_limit(subject="each", measure="tokens", amount=100_000)

    def set_aside(files) -> int:
        before = sum(LimitCount.objects.values_list("reserved", flat=True))
        ask(alice, conversation=start_conversation(alice, assistant=writer), text="What?", files=files)
        return int(LimitCount.objects.get().reserved - before)

    brought = bring(alice, None)
    assert set_aside([brought.pk]) > set_aside([]) + 5000


async def test_what_was_set_aside_for_a_lost_answer_is_given_back(conversation, alice: User) -> None:
    await in_thread(_price)
    await in_thread(factories.make_limit, subject="each", measure="tokens", amount=10_000)
    answer = await in_thread(_lost_answer, alice, conversation)
    assert (await in_thread(LimitCount.objects.get)).reserved > 600
    runner.attach()
    try:
        async with asyncio.timeout(20):
            while await in_thread(Message.objects.filter(pk=answer.pk, state="running").exists):  # noqa: ASYNC110
                await asyncio.sleep(0.1)
    finally:
        await runner.drain(2)
    count = await in_thread(LimitCount.objects.get)
    assert count.reserved == 0
    assert 0 < count.used < 100
    kept = await in_thread(Generation.objects.get, message=answer)
    assert kept.usage["estimated"] is True
    assert kept.cost > 0


def _lost_answer(alice: User, conversation: Conversation) -> Message:
    """Half an answer, whose process is gone."""
    answer = factories.make_answer(
        conversation=conversation,
        text="Half of",
        state="running",
        fence=1,
        log=[[1, "accepted", None], [2, "status", {"state": "writing"}], [3, "delta", 7]],
        lease_until=timezone.now() - timedelta(seconds=60),
        finished_at=None,
    )
    with within_limits():
        metering.take(alice, conversation, answer, has_files=False)
    return answer


async def test_a_quoted_answer_costs_nothing(running, alice: User, with_key, alice_key, embedding_weights) -> None:
    await in_thread(factories.make_limit, subject="each", measure="tokens", amount=0)
    conversation = await in_thread(factories.make_conversation, owner=alice)
    done = await answered(conversation, alice_key)
    assert done["state"] == "done"
    row = await in_thread(Spending.objects.get)
    assert (row.answers, row.tokens_in, row.cost) == (1, 0, 0)
    assert json.dumps(done["usage"]) == "{}"


async def test_keys_of_the_socket_are_counted(running, alice: User, conversation, scripted_server) -> None:
    key, secret = await in_thread(lambda: create_key(actor=alice, user=alice, name="script"))
    await in_thread(factories.make_limit, subject="key", subject_id=key.pk, subject_name="script", amount=1)
    scripted_server.script(tokens=["a "])
    async with Reader(conversation.id, key=secret) as reader:
        await reader.ask("Why?")
        await reader.until("done")
        await reader.ask("Why again?")
        refused = await reader.until("error")
    assert refused["code"] == "limit_reached"
    assert (await in_thread(Message.objects.get, role="assistant")).key_id == key.pk
