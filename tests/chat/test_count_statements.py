"""An answer costs the database the same, however long it is, and little of it."""

from collections.abc import Iterator

import pytest
from django.db.backends.utils import CursorWrapper

from app.web.threads import in_thread
from chat.models import Assistant
from chat.verbs.asking import start_conversation
from tests.chat.reading import Reader
from tests.factories import make_source
from tests.knowledge.conftest import publish

__all__ = ["publish"]

pytestmark = pytest.mark.django_db(transaction=True)
# Where the reader stands, what was said before, the question with its audit event; the answer's end with its audit
# event, and what it used up.
MOST = 5
SEARCH, EVIDENCE = 4, 1
# What the clock adds, whatever the length: a reader who comes after the end reads the row; a slow machine saves
# once or twice between.
LATE_READER, SAVES = 3, 2
PERIODIC = ('"lease_until" IS NULL OR', '"inference_worker"', '"inference_model"', '"accounts_limit"')


@pytest.fixture
def statements(monkeypatch) -> Iterator[list[str]]:
    """Every statement that any thread of this process runs, but for what it runs now and then for all answers."""
    seen: list[str] = []
    execute = CursorWrapper.execute

    def counted(self, sql, params=None):
        if not any(mark in str(sql) for mark in PERIODIC):
            seen.append(str(sql))
        return execute(self, sql, params)

    monkeypatch.setattr(CursorWrapper, "execute", counted)
    return seen


async def cost_of(conversation, key, statements) -> list[str]:
    async with Reader(conversation.id, key=key) as reader:
        await reader.ask("How many days of annual leave do I have?")
        await reader.until("done")
        statements.clear()
        await reader.ask("How many unused days of leave can I carry over?")
        await reader.until("done")
        return [" ".join(sql.split())[:110] for sql in statements]


async def test_a_long_answer_costs_no_more_statements(running, conversation, alice_key, scripted_server, statements):
    await Assistant.objects.aupdate(repeats_answers=False)
    for tokens in (["a "], ["word "] * 2000):
        scripted_server.script(tokens=tokens)
        cost = await cost_of(conversation, alice_key, statements)
        assert len(cost) <= MOST + LATE_READER + SAVES, "\n".join(cost)


async def test_looking_for_an_answer_to_repeat_costs_one(running, conversation, alice_key, scripted_server, statements):
    cost = await cost_of(conversation, alice_key, statements)
    assert len(cost) <= MOST + 1 + LATE_READER + SAVES, "\n".join(cost)


async def test_a_quoted_answer_costs_its_search_more(
    running, embedding_weights, olivia, publish, alice, alice_key, statements
):
    def prepare():
        text = "# Leave\n\nYou have 27 days of annual leave. You can carry over up to five unused days.\n"
        publish(make_source(owner=olivia), "leave.md", text)
        assistant = Assistant.objects.create(slug="handbook", name="Handbook", is_for_everyone=True)
        return start_conversation(alice, assistant=assistant)

    cost = await cost_of(await in_thread(prepare), alice_key, statements)
    assert len(cost) <= MOST + SEARCH + EVIDENCE + LATE_READER + SAVES, "\n".join(cost)
