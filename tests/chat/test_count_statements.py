"""An answer costs the database the same, however long it is."""

from collections.abc import Iterator

import pytest
from django.db.backends.utils import CursorWrapper

from tests.chat.reading import Reader

pytestmark = pytest.mark.django_db(transaction=True)
MOST = 19
# What the clock adds, whatever the length: a reader who comes after the end reads the row; a slow machine saves
# once or twice between.
LATE_READER, SAVES = 3, 2
SWEEP = '"lease_until" IS NULL OR'


@pytest.fixture
def statements(monkeypatch) -> Iterator[list[str]]:
    """Every statement that any thread of this process runs, but for the sweep's."""
    seen: list[str] = []
    execute = CursorWrapper.execute

    def counted(self, sql, params=None):
        if SWEEP not in str(sql):  # once a second, for all answers together
            seen.append(str(sql))
        return execute(self, sql, params)

    monkeypatch.setattr(CursorWrapper, "execute", counted)
    return seen


async def cost_of(tokens, conversation, key, scripted_server, statements) -> list[str]:
    scripted_server.script(tokens=tokens)
    async with Reader(conversation.id, key=key) as reader:
        await reader.ask("First")
        await reader.until("done")
        statements.clear()
        await reader.ask("Again")
        await reader.until("done")
        return list(statements)


async def test_a_long_answer_costs_no_more_statements(running, conversation, alice_key, scripted_server, statements):
    for tokens in (["a "], ["word "] * 2000):
        cost = await cost_of(tokens, conversation, alice_key, scripted_server, statements)
        assert len(cost) <= MOST + LATE_READER + SAVES, "\n".join(sql[:110] for sql in cost)
