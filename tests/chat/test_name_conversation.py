"""A model names a conversation after its first answer; a person's name, and what may not be said, stand above it."""

from __future__ import annotations

import pytest
from channels.testing import WebsocketCommunicator

from accounts.models import AuditEvent, User
from app.asgi import application
from app.inference.models import Model
from app.inference.registry import ensure_model, register_worker
from app.inference.scripted_server import ScriptedServer
from app.web.threads import in_thread
from chat import tasks
from chat.models import Assistant, Conversation, Message
from chat.verbs.keeping import rename_conversation
from chat.writing import naming
from moderation.policies.writing import create_policy
from tests.chat.reading import Reader
from tests.factories import make_answer

pytestmark = pytest.mark.django_db(transaction=True)

TITLE = "Carrying over leave"


@pytest.fixture
def answer(conversation: Conversation, scripted_server: ScriptedServer) -> Message:
    """The first answer, and a model that would name it."""
    scripted_server.script(tokens=[TITLE])
    return make_answer(conversation=conversation, text="Five days.")


def title_after(answer: Message) -> str:
    tasks.name_conversation(str(answer.pk))
    return Conversation.objects.get(pk=answer.conversation_id).title


def test_the_model_names_it(answer: Message) -> None:
    assert title_after(answer) == TITLE
    event = AuditEvent.objects.get(action="conversation.name", object__contains=str(answer.conversation_id))
    assert event.actor == "system" and event.payload == {"model": "scripted"}


def test_the_model_that_was_chosen_names_it(
    answer: Message, writer: Assistant, scripted_server: ScriptedServer
) -> None:
    large = ensure_model(name="large", role="generate")
    register_worker(model_name="large", address=scripted_server.url)
    writer.offers_models.add(large)
    Conversation.objects.filter(pk=answer.conversation_id).update(model=large)
    title_after(answer)
    named = AuditEvent.objects.get(action="conversation.name", object__contains=str(answer.conversation_id))
    assert named.payload == {"model": "large"}


def test_it_is_named_once(answer: Message, scripted_server: ScriptedServer) -> None:
    title_after(answer)
    scripted_server.script(tokens=["Another title"])
    assert title_after(answer) == TITLE


def test_a_name_that_a_person_gave_stays(answer: Message, alice: User, scripted_server: ScriptedServer) -> None:
    rename_conversation(alice, conversation=answer.conversation, title="Mine")
    assert title_after(answer) == "Mine"
    assert scripted_server.requests == []


def test_also_one_given_while_the_model_thinks(answer: Message, alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    def think(*_: object, **__: object) -> str:
        rename_conversation(alice, conversation=answer.conversation, title="Mine")
        return TITLE

    monkeypatch.setattr(naming, "make_title", think)
    assert title_after(answer) == "Mine"


def test_a_demonstration_names_nothing(answer: Message) -> None:
    Model.objects.update(is_demonstration=True)
    assert title_after(answer) == ""


def test_nor_does_an_assistant_that_quotes(answer: Message) -> None:
    Assistant.objects.update(mode=Assistant.Mode.QUOTE)
    assert title_after(answer) == ""


@pytest.mark.parametrize("state", ["held", "blocked", "stopped", "failed", "running"])
def test_nor_an_answer_that_did_not_end_well(answer: Message, state: str) -> None:
    Message.objects.filter(pk=answer.pk).update(state=state)
    assert title_after(answer) == ""


def test_nor_a_later_answer(answer: Message, conversation: Conversation) -> None:
    question = Message.objects.create(conversation=conversation, parent=answer, role="user", state="done", text="And?")
    assert title_after(make_answer(conversation=conversation, parent=question)) == ""


def test_a_title_that_the_policy_stops_is_not_used(answer: Message, writer: Assistant, ada: User) -> None:
    rule = {"name": "leave", "scope": "answer", "match": {"words": ["leave"]}, "action": "hold", "reason": "Wait."}
    writer.policy = create_policy(ada, slug="leave", name="Leave", rules=[rule])
    writer.save()
    assert title_after(answer) == ""


def test_what_is_gone_is_passed_over(answer: Message) -> None:
    answer_id = str(answer.pk)
    Message.objects.all().delete()
    tasks.name_conversation(answer_id)


@pytest.fixture
def waiting(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The answers whose conversation a worker is to name."""
    asked: list[str] = []
    monkeypatch.setattr(tasks.name_conversation, "apply_async", lambda args, **_: asked.append(args[0]))
    return asked


async def test_the_first_answer_asks_for_a_name_and_the_second_does_not(
    running, conversation, alice_key, waiting: list[str]
) -> None:
    async with Reader(conversation.id, key=alice_key) as reader:
        await reader.ask("How many days?")
        first = await reader.until("done")
        await reader.ask("And next year?")
        await reader.until("done")
    assert waiting == [first["message_id"]]


async def test_an_open_page_hears_of_it(running, conversation, alice_key, scripted_server: ScriptedServer) -> None:
    scripted_server.script(tokens=[TITLE])
    answer = await in_thread(make_answer, conversation=conversation, text="Five days.")
    headers = [(b"authorization", f"Bearer {alice_key}".encode())]
    line = WebsocketCommunicator(application, f"/ws/conversations/{conversation.id}/", headers=headers)
    assert (await line.connect(timeout=5))[0]
    await in_thread(tasks.name_conversation, str(answer.pk))
    told = await line.receive_from(timeout=5)
    assert told.strip() == f'<h1 id="conversation-title" hx-swap-oob="true">{TITLE}</h1>'
    await line.disconnect()
