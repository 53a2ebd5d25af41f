"""A writing assistant on a scripted model server, and a process that writes answers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from accounts.models import User
from accounts.programs.keys import create_key
from app.inference.registry import ensure_model, register_worker
from app.inference.scripted_server import ScriptedServer
from chat.models import Assistant, Conversation
from chat.verbs.asking import start_conversation
from chat.writing.runner import runner
from tests.inference.fixtures import scripted_server

__all__ = ["scripted_server"]


@pytest.fixture
def writer(transactional_db: None, scripted_server: ScriptedServer) -> Iterator[Assistant]:
    """An assistant that writes with the scripted model and searches nothing."""
    model = ensure_model(name="scripted", role="generate")
    register_worker(model_name="scripted", address=scripted_server.url)
    yield Assistant.objects.create(
        slug="writer", name="Writer", mode="generate", model=model, searches=False, is_for_everyone=True
    )


@pytest.fixture
def conversation(alice: User, writer: Assistant) -> Conversation:
    return start_conversation(alice, assistant=writer)


@pytest.fixture
def other(charlie: User, writer: Assistant) -> Conversation:
    """An outsider's own conversation."""
    return start_conversation(charlie, assistant=writer)


@pytest.fixture
def alice_key(alice: User) -> str:
    return create_key(actor=alice, user=alice, name="test")[1]


@pytest.fixture
def charlie_key(charlie: User) -> str:
    return create_key(actor=charlie, user=charlie, name="test")[1]


@pytest_asyncio.fixture
async def running(transactional_db: None) -> AsyncIterator[None]:
    """This test's event loop writes answers, and has none under way at its end."""
    runner.attach()
    yield
    await runner.drain(2)
