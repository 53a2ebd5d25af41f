"""What was taken away is gone with the next question, what was changed holds from it on; nothing is read twice."""

from __future__ import annotations

import pytest
from django.test import Client

from accounts.models import AuditEvent
from app.errors import NotAllowedError, NotFoundError, NotSignedInError
from app.inference.registry import ensure_model
from app.web.threads import in_thread
from chat.assistants import write_prompt
from chat.composing.setups import Setup
from chat.models import Assistant, Message
from chat.verbs.asking import ask, regenerate, start_conversation
from chat.verbs.keeping import delete_conversation
from chat.verbs.standing import stand
from moderation.policies.writing import create_policy, save_rules
from tests import factories
from tests.chat.reading import Reader

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def for_crew(alice, crew, writer):
    writer.is_for_everyone = False
    writer.save()
    writer.groups.add(crew)
    return start_conversation(alice, assistant=writer)


def rule(word: str) -> dict[str, object]:
    return {"name": word, "scope": "question", "match": {"words": [word]}, "action": "block", "reason": "Not here."}


async def test_who_left_the_group_asks_no_more_on_an_open_line(running, for_crew, alice, alice_key, crew):
    async with Reader(for_crew.id, key=alice_key) as reader:
        await reader.ask("First")
        await reader.until("done")
        await in_thread(crew.members.remove, alice)
        await reader.ask("Again")
        assert (await reader.until("error"))["code"] == "not_found"
    assert await Message.objects.filter(role="user").acount() == 1


def test_a_deleted_conversation_takes_no_question(alice, conversation):
    delete_conversation(alice, conversation=conversation)
    with pytest.raises(NotFoundError):
        ask(alice, conversation=conversation, text="Still?")


def test_another_ones_conversation_is_not_there(charlie, conversation):
    with pytest.raises(NotFoundError):
        ask(charlie, conversation=conversation, text="Mine?")


def test_who_was_suspended_since_is_not_signed_in(alice, conversation):
    type(alice).objects.filter(pk=alice.pk).update(is_active=False)
    with pytest.raises(NotSignedInError):
        ask(alice, conversation=conversation, text="Still?")


def test_who_lost_the_role_since_is_refused_and_that_is_recorded(alice, conversation):
    type(alice).objects.filter(pk=alice.pk).update(roles=["auditor"])
    with pytest.raises(NotAllowedError):
        ask(alice, conversation=conversation, text="Still?")
    assert AuditEvent.objects.filter(action="chat.ask", outcome="denied", actor=str(alice.pk)).count() == 1


def test_a_refusal_is_recorded_in_openais_language_too(alice, writer):
    type(alice).objects.filter(pk=alice.pk).update(roles=["auditor"])
    body = {"model": writer.slug, "messages": [{"role": "user", "content": "Still?"}]}
    key = factories.make_key(alice)
    headers = {"authorization": f"Bearer {key}"}
    refused = Client().post("/v1/chat/completions", body, content_type="application/json", headers=headers)
    assert refused.status_code == 403
    assert AuditEvent.objects.filter(action="chat.ask", outcome="denied", actor=str(alice.pk)).count() == 1


def test_an_answer_is_not_written_again_by_an_assistant_that_was_taken_away(alice, for_crew, crew):
    answer = factories.make_answer(conversation=for_crew)
    crew.members.remove(alice)
    with pytest.raises(NotFoundError):
        regenerate(alice, answer=answer)


def test_the_same_setup_is_not_read_twice(alice, conversation, django_assert_num_queries):
    first = stand(alice, conversation).setup
    with django_assert_num_queries(1):
        assert stand(alice, conversation).setup is first


def test_a_new_wording_and_new_rules_hold_from_the_next_question_on(ada, alice, writer, conversation):
    def setup() -> Setup:
        return stand(alice, conversation).setup

    policy = create_policy(ada, slug="strict", name="Strict", rules=[rule("one")])
    Assistant.objects.filter(pk=writer.pk).update(policy=policy)
    assert [one.name for one in setup().rules] == ["one"]
    save_rules(ada, policy=policy, rules=[rule("two")])
    assert [one.name for one in setup().rules] == ["two"]
    write_prompt(ada, assistant=writer, template="Answer in rhyme.")
    assert setup().system == "Answer in rhyme."


def test_other_models_and_sources_hold_from_the_next_question_on(olivia, alice, writer, conversation):
    def setup() -> Setup:
        return stand(alice, conversation).setup

    assert (setup().chain, setup().source_ids) == (("scripted",), ())
    spare = ensure_model(name="spare", role="generate")
    writer.fallbacks.create(model=spare, position=1)
    assert setup().chain == ("scripted", "spare")
    type(spare).objects.filter(pk=spare.pk).update(name="renamed")
    assert setup().chain == ("scripted", "renamed")
    source = factories.make_source(owner=olivia)
    writer.sources.add(source)
    assert setup().source_ids == (source.pk,)
