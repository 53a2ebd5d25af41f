"""Telling an answer again: the very same question under the very same circumstances, and never across rights."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import transaction
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.models import Group
from app.inference.registry import ensure_model, register_worker
from app.inference.types import ChatMessage, CompletionRequest
from app.web.threads import in_thread
from chat.assistants import write_prompt
from chat.composing import briefing, repeating
from chat.models import Assistant, Conversation, Feedback, Generation, Message
from chat.verbs.asking import start_conversation
from knowledge.models import Source
from knowledge.retrieval.found import Found, Part
from knowledge.sources import Readers, create_source
from moderation.policies.writing import create_policy, save_rules
from tests import factories
from tests.chat.reading import Reader, text_of
from tests.knowledge.conftest import publish

__all__ = ["publish"]

pytestmark = pytest.mark.django_db(transaction=True)
QUESTION = "How many days of annual leave do I have?"
ANSWER = "The answer is twenty-five days, as the handbook says."


@pytest.fixture
def keys(running, alice, alice_key, bob, charlie, charlie_key):
    return {alice: alice_key, charlie: charlie_key, bob: factories.make_key(bob)}


@pytest.fixture
def ask(keys, writer):
    """``await ask(alice)``: her question in a new conversation, answered; its last frame and all of them."""

    async def put(person, text: str = QUESTION) -> tuple[dict, list[dict]]:
        assistant = await Assistant.objects.aget(pk=writer.pk)
        conversation = await in_thread(start_conversation, person, assistant=assistant)
        async with Reader(conversation.id, key=keys[person]) as reader:
            await reader.ask(text)
            done = await reader.until("done")
        return done, reader.frames

    return put


async def run_of(done: dict) -> Generation:
    return await Generation.objects.select_related("message").aget(message=done["message_id"])


async def test_the_same_question_of_the_same_group_is_answered_without_a_model(ask, alice, bob, scripted_server):
    first, _ = await ask(alice)
    again, frames = await ask(bob)
    assert len(scripted_server.requests) == 1
    assert (again["state"], text_of(frames)) == ("done", ANSWER)
    original, run = await run_of(first), await run_of(again)
    assert run.repeats_id == original.message_id
    assert run.repeat_key == original.repeat_key != ""
    assert (run.model_name, run.cost, run.message.text) == ("scripted", 0, ANSWER)
    assert (again["usage"]["tokens_in"], again["usage"]["tokens_out"]) == (0, 0)
    assert again["usage"]["repeated_from"] == original.created_at.isoformat(timespec="seconds")


async def test_what_was_told_again_is_not_what_others_are_told(ask, alice, bob):
    first, _ = await ask(alice)
    await ask(bob)
    third, _ = await ask(alice)
    assert (await run_of(third)).repeats_id == UUID(first["message_id"])
    await Generation.objects.filter(message=first["message_id"]).aupdate(created_at=timezone.now() - timedelta(days=2))
    assert (await run_of((await ask(bob))[0])).repeats_id is None


async def test_an_assistant_may_be_told_not_to(ask, alice, writer, scripted_server):
    await Assistant.objects.filter(pk=writer.pk).aupdate(repeats_answers=False)
    await ask(alice)
    done, _ = await ask(alice)
    assert len(scripted_server.requests) == 2
    assert (await run_of(done)).repeat_key == ""


async def test_writing_again_asks_the_model(ask, alice, alice_key, scripted_server):
    done, _ = await ask(alice)
    answer = await Message.objects.aget(pk=done["message_id"])
    async with Reader(answer.conversation_id, key=alice_key) as reader:
        await reader.send(type="regenerate", message_id=done["message_id"])
        await reader.until("done")
    assert len(scripted_server.requests) == 2


def _change(**columns: Any) -> Callable[[Message], None]:
    return lambda answer: _apply(Message.objects.filter(pk=answer.pk), columns)


def _apply(rows: Any, columns: dict[str, Any]) -> None:
    assert rows.update(**columns) == 1


def _rate_down(answer: Message) -> None:
    Feedback.objects.create(message=answer, user=answer.conversation.owner, value=-1)


UNFIT = {
    "released": _change(state="released"),
    "edited": _change(state="edited"),
    "stopped": _change(state="stopped"),
    "interrupted": _change(state="interrupted"),
    "held": _change(state="held"),
    "written by another run": _change(fence=2),
    "rated down": _rate_down,
    "deleted": lambda answer: _apply(
        Conversation.objects.filter(pk=answer.conversation_id), {"deleted_at": timezone.now()}
    ),
    "old": lambda answer: _apply(answer.generations, {"created_at": timezone.now() - timedelta(hours=24, minutes=1)}),
    "cut": lambda answer: _apply(answer.generations, {"usage": {"finish_reason": "length"}}),
    "by a fallback": lambda answer: _apply(answer.generations, {"model_name": "another"}),
}


@pytest.mark.parametrize("change", UNFIT.values(), ids=UNFIT)
async def test_an_answer_that_does_not_stand_is_not_told_again(change, ask, alice, scripted_server):
    done, _ = await ask(alice)
    answer = await Message.objects.select_related("conversation__owner").aget(pk=done["message_id"])
    await in_thread(change, answer)
    await ask(alice)
    assert len(scripted_server.requests) == 2


def _other_model(ada, writer, scripted_server) -> None:
    model = ensure_model(name="other", role="generate")
    register_worker(model_name="other", address=scripted_server.url)
    Assistant.objects.filter(pk=writer.pk).update(model=model)


def _other_prompt(ada, writer, scripted_server) -> None:
    write_prompt(ada, assistant=writer, template="Answer in one word.")


def _other_policy(ada, writer, scripted_server) -> None:
    policy = create_policy(ada, slug="calm", name="Calm")
    save_rules(ada, policy=policy, rules=[])
    policy.refresh_from_db()
    Assistant.objects.filter(pk=writer.pk).update(policy=policy)


def _other_length(ada, writer, scripted_server) -> None:
    Assistant.objects.filter(pk=writer.pk).update(max_tokens=300)


@pytest.mark.parametrize("change", [_other_model, _other_prompt, _other_policy, _other_length])
async def test_a_changed_assistant_answers_anew(change, ask, alice, ada, writer, scripted_server):
    await ask(alice)
    await in_thread(change, ada, writer, scripted_server)
    await ask(alice)
    assert len(scripted_server.requests) == 2


async def test_others_groups_other_words_and_other_turns_are_answered_anew(ask, alice, charlie, scripted_server):
    await ask(alice)
    await ask(charlie)
    await ask(alice, QUESTION.lower())
    assert len(scripted_server.requests) == 3
    conversation = await Conversation.objects.filter(owner=alice).afirst()
    key = await in_thread(factories.make_key, alice)
    async with Reader(conversation.id, key=key) as reader:
        await reader.ask(QUESTION)
        await reader.until("done")
    assert len(scripted_server.requests) == 4


async def test_a_new_version_of_what_was_found_is_answered_anew(
    ask, alice, bob, olivia, crew, publish, embedding_weights, writer, scripted_server
):
    scripted_server.script(tokens=["You have 27 days [1]."])
    readers = Readers(groups=[crew.name], everyone=False)
    source = await in_thread(create_source, actor=olivia, name="Handbook", readers=readers)
    await in_thread(publish, source, "leave.md", "# Leave\n\nA full-time employee has 27 days of annual leave.")
    await Assistant.objects.filter(pk=writer.pk).aupdate(searches=True)
    await ask(alice)
    done, frames = await ask(bob)
    assert len(scripted_server.requests) == 1
    assert (await run_of(done)).support == "good"
    assert [one["number"] for frame in frames if frame["type"] == "citations" for one in frame["citations"]] == [1]
    await in_thread(publish, source, "leave.md", "# Leave\n\nA full-time employee has 28 days of annual leave.")
    await ask(bob)
    assert len(scripted_server.requests) == 2
    other = await in_thread(create_source, actor=olivia, name="Other", readers=Readers(groups=[], everyone=True))
    await ask(bob)
    assert len(scripted_server.requests) == 3, f"whoever may read {other} as well reads something else"


# --- the key, without any database ---


@dataclass(frozen=True)
class Circumstances:
    """All that decides what is written, as plain values to draw."""

    assistant: int = 0
    prompt: int = 0
    policy: int = 0
    mode: str = "generate"
    chain: tuple[str, ...] = ("a",)
    max_tokens: int = 600
    salt: str = "groups"
    sources: tuple[int, ...] = ()
    messages: tuple[tuple[str, str], ...] = (("user", "How many?"),)
    found: tuple[tuple[int, int, int, int, int], ...] = field(default=())

    def digest(self) -> str:
        assistant = Assistant(pk=UUID(int=self.assistant), mode=self.mode, prompt_id=UUID(int=self.prompt))
        version = factories.PolicyVersion(pk=UUID(int=self.policy)) if self.policy else None
        setup = briefing.Setup(assistant, self.chain, tuple(UUID(int=one) for one in self.sources), "", version, ())
        brief = briefing.Brief(Message(), setup, "", (), self.chain, self.salt)
        request = CompletionRequest(
            model=self.chain[0],
            fallbacks=self.chain[1:],
            messages=tuple(ChatMessage(*message) for message in self.messages),
            max_tokens=self.max_tokens,
        )
        return repeating.circumstances(brief, request, [_found(*one) for one in self.found])


def _found(passage: int, version: int, number: int, start: int, end: int) -> Found:
    part = Part(UUID(int=passage), (), None, start, end)
    return Found(
        part.passage_id,
        UUID(int=1),
        "",
        "",
        UUID(int=version),
        number,
        (),
        "",
        None,
        start,
        end,
        1.0,
        start,
        end,
        (part,),
    )


small = st.integers(0, 2)
circumstances = st.builds(
    Circumstances,
    assistant=small,
    prompt=small,
    policy=small,
    mode=st.sampled_from(["generate", "quote"]),
    chain=st.lists(st.sampled_from(["a", "b", "ab"]), min_size=1, max_size=2, unique=True).map(tuple),
    max_tokens=st.sampled_from([1, 600]),
    salt=st.sampled_from(["crew", "staff", ""]),
    sources=st.sets(small, max_size=2).map(sorted).map(tuple),
    messages=st.lists(st.tuples(st.sampled_from(["user", "assistant"]), st.text(max_size=2)), max_size=2).map(tuple),
    found=st.lists(st.tuples(small, small, small, small, small), max_size=2).map(tuple),
)


@given(circumstances, circumstances)
def test_circumstances_are_digested_alike_only_if_they_are_the_same(one, other):
    assert (one.digest() == other.digest()) == (one == other)


def test_every_single_circumstance_counts():
    plain = Circumstances()
    others = [
        replace(plain, assistant=1),
        replace(plain, prompt=1),
        replace(plain, policy=1),
        replace(plain, chain=("b",)),
        replace(plain, chain=("a", "b")),
        replace(plain, max_tokens=1),
        replace(plain, salt="staff"),
        replace(plain, sources=(1,)),
        replace(plain, messages=(("user", "How many"), ("user", "?"))),
        *(replace(plain, found=(tuple(int(place == at) for at in range(5)),)) for place in range(5)),
    ]
    assert len({one.digest() for one in [plain, *others]}) == len(others) + 1


# --- never across rights ---

subsets = st.sets(st.integers(0, 2))


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(groups=st.tuples(subsets, subsets), sources=st.lists(st.tuples(st.booleans(), subsets), max_size=3))
def test_readers_with_other_groups_or_sources_never_share(groups, sources, alice, charlie, olivia, writer):
    with transaction.atomic():
        every = [Group.objects.create(name=f"Group {number}") for number in range(3)]
        for number, (is_for_everyone, of) in enumerate(sources):
            made = Source.objects.create(name=f"{number}", owner=olivia, is_for_everyone=is_for_everyone)
            made.groups.set(every[one] for one in of)
        for person, joined in zip((alice, charlie), groups, strict=True):
            person.groups_joined.set(every[one] for one in joined)
        kept = _look(alice, writer)
        answer = factories.make_answer(conversation=_conversation(alice, writer), text=ANSWER, fence=1)
        Generation.objects.create(message=answer, fence=1, model_name="scripted", repeat_key=kept.key)
        found = _look(charlie, writer)
        has_the_same = groups[0] == groups[1] and _readable(alice) == _readable(charlie)
        assert (found.message_id == answer.id) == has_the_same
        assert (found.key == kept.key) == has_the_same
        assert _look(alice, writer).message_id == answer.id
        transaction.set_rollback(True)


def _readable(person) -> set[UUID]:
    return set(Source.objects.visible_to(person).values_list("pk", flat=True))


def _conversation(person, writer) -> Conversation:
    return factories.make_conversation(owner=person, assistant=writer)


def _look(person, writer) -> repeating.Kept:
    answer = factories.make_answer(conversation=_conversation(person, writer), text="", state="running")
    brief = briefing.load(answer)
    request = CompletionRequest(model="scripted", messages=[ChatMessage("user", QUESTION)])
    return repeating.find(brief, request, [])
