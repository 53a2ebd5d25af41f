"""An answer costs the database the same, however long it is."""

from collections.abc import Iterator

import pytest
from django.db.backends.utils import CursorWrapper

from tests.chat.reading import Reader

pytestmark = pytest.mark.django_db(transaction=True)
MOST = 20


@pytest.fixture
def statements(monkeypatch) -> Iterator[list[str]]:
    """Every statement that any thread of this process runs."""
    seen: list[str] = []
    execute = CursorWrapper.execute

    def counted(self, sql, params=None):
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
    short = await cost_of(["a "], conversation, alice_key, scripted_server, statements)
    long = await cost_of(["word "] * 2000, conversation, alice_key, scripted_server, statements)
    assert len(long) == len(short), "\n".join(sql[:110] for sql in long)
    assert len(long) <= MOST
