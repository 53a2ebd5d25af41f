"""Who writes: an assistant's model, in its share of the conversations the one on trial, and else those after it."""

from __future__ import annotations

from uuid import UUID

import pytest

from app.inference.registry import ensure_model, register_worker
from app.web.ids import new_id
from app.web.threads import in_thread
from chat.composing.setups import bucket_of, load_setup
from chat.models import Generation
from tests.chat.reading import Reader

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def on_trial(writer):
    writer.fallbacks.create(model=ensure_model(name="spare", role="generate"), position=1)
    writer.canary, writer.canary_percent = ensure_model(name="trial", role="generate"), 20
    writer.save()
    return writer


def test_the_model_on_trial_gets_its_share_of_conversations(on_trial):
    setup = load_setup(on_trial.pk)
    chains = [setup.models_for(new_id()) for _ in range(2000)]
    assert set(chains) == {("scripted", "spare"), ("trial", "scripted", "spare")}
    assert 0.16 < chains.count(("trial", "scripted", "spare")) / len(chains) < 0.24


def test_a_conversation_keeps_its_model(on_trial):
    conversation_id = new_id()
    assert len({load_setup(on_trial.pk).models_for(conversation_id) for _ in range(5)}) == 1


def test_a_larger_share_takes_no_conversation_back(on_trial):
    ids = [new_id() for _ in range(500)]
    small = {one for one in ids if bucket_of(one) < 20}
    assert small < {one for one in ids if bucket_of(one) < 60}


@pytest.mark.parametrize(("percent", "first"), [(0, "scripted"), (100, "trial")])
def test_nobody_and_everybody_are_shares_too(on_trial, percent, first):
    on_trial.canary_percent = percent
    on_trial.save()
    assert {load_setup(on_trial.pk).models_for(UUID(int=number))[0] for number in range(100)} == {first}


async def test_the_answer_names_the_model_that_really_wrote(running, conversation, alice_key, scripted_server):
    spare = await _spare(conversation.assistant, scripted_server.url)
    async with Reader(conversation.id, key=alice_key) as reader:
        await reader.ask("How many days?")
        done = await reader.until("done")
    assert (done["state"], done["usage"]["model"]) == ("done", "spare")
    generation = await Generation.objects.aget(message_id=done["message_id"])
    assert (generation.model_name, generation.usage["model"]) == (spare, spare)


async def _spare(assistant, address: str) -> str:
    """A second model with a server, while the first one's has gone."""

    def change() -> str:
        assistant.model.workers.all().delete()
        spare = ensure_model(name="spare", role="generate")
        register_worker(model_name="spare", address=address)
        assistant.fallbacks.create(model=spare, position=1)
        return spare.name

    return await in_thread(change)
