"""The assistant that quotes: verbatim words, numbered, opening exactly where they stand; and nothing for outsiders."""

import orjson
import pytest

from app.web.threads import in_thread
from chat.models import Assistant, Citation
from chat.verbs.asking import start_conversation
from knowledge.models import Version
from knowledge.sources import Readers, create_source
from moderation.models import Case
from moderation.policies.writing import create_policy
from moderation.review.cases import claim_case, decide_case
from tests.chat.reading import Reader, text_of
from tests.knowledge.conftest import publish

__all__ = ["publish"]

pytestmark = pytest.mark.django_db(transaction=True)

LEAVE = """# Leave

## Annual leave

A full-time employee has 27 days of annual leave in a calendar year. You can carry over up to five unused days.

## Pay bands

The band of a senior engineer runs from 56,000 to 72,000 euros.
"""


@pytest.fixture
def handbook(transactional_db, embedding_weights, olivia, crew, publish):
    source = create_source(actor=olivia, name="Handbook", readers=Readers(groups=[crew.name], everyone=False))
    publish(source, "leave.md", LEAVE)
    return Assistant.objects.create(slug="handbook", name="Handbook", mode="quote", is_for_everyone=True)


@pytest.fixture
def policy(ada, handbook):
    rules = [
        {"name": "asked", "scope": "question", "match": {"words": ["dismissal"]}, "action": "hold", "reason": "Wait."},
        {"name": "said", "scope": "answer", "match": {"words": ["euros"]}, "action": "hold", "reason": "Wait."},
    ]
    handbook.policy = create_policy(ada, slug="pay", name="Pay", rules=rules)
    handbook.save()


async def begin(user, assistant):
    return await in_thread(start_conversation, user, assistant=assistant)


async def test_a_quote_is_verbatim_and_opens_where_it_stands(running, handbook, alice, alice_key):
    conversation = await begin(alice, handbook)
    async with Reader(conversation.id, key=alice_key) as reader:
        await reader.ask("How many days of leave do I have?")
        evidence = await reader.until("evidence")
        citations = (await reader.until("citations"))["citations"]
        await reader.until("done")
    version = await Version.objects.aget()
    first = citations[0]
    assert "27 days" in first["quote"]
    assert version.text[first["start"] : first["end"]] == first["quote"]
    assert f"{first['quote']} [1]" in text_of(reader.frames)
    assert evidence["passages"][0]["quote"] == first["quote"]
    assert await Citation.objects.filter(message_id=evidence["message_id"]).acount() == len(citations)


async def test_evidence_comes_before_the_first_word(running, handbook, alice, alice_key):
    conversation = await begin(alice, handbook)
    async with Reader(conversation.id, key=alice_key) as reader:
        await reader.ask("How many days of leave do I have?")
        await reader.until("done")
    kinds = [frame["type"] for frame in reader.frames]
    assert kinds.index("evidence") < kinds.index("delta")


async def test_an_outsider_finds_nothing_and_is_told_so(running, handbook, charlie, charlie_key):
    conversation = await begin(charlie, handbook)
    async with Reader(conversation.id, key=charlie_key) as reader:
        await reader.ask("How many days of leave do I have?")
        done = await reader.until("done")
    assert done["state"] == "done"
    assert "found nothing" in text_of(reader.frames)
    assert "27 days" not in orjson.dumps(reader.frames).decode()


@pytest.mark.parametrize(
    "question", ["Which days of leave after a dismissal?", "What is the band of a senior engineer?"]
)
async def test_a_held_quotation_is_not_on_cards_either(running, policy, handbook, alice, alice_key, dana, question):
    conversation = await begin(alice, handbook)
    async with Reader(conversation.id, key=alice_key) as reader:
        await reader.ask(question)
        status = await reader.until("status", state="held")
        assert await reader.nothing()
        told = orjson.dumps(reader.frames).decode()
        assert "27 days" not in told and "56,000" not in told
        case = await Case.objects.aget(content_id=status["message_id"])
        assert case.context
        claimed = await in_thread(claim_case, dana, case_id=case.id)
        await in_thread(decide_case, dana, case_id=case.id, action="approve", reason="", fence=claimed.fence)
        await reader.until("done")
    kinds = [frame["type"] for frame in reader.frames]
    assert kinds[-4:] == ["evidence", "delta", "citations", "done"]
    assert text_of(reader.frames) == case.answer


async def test_a_rejected_quotation_never_shows_its_cards(running, policy, handbook, alice, alice_key, dana):
    conversation = await begin(alice, handbook)
    async with Reader(conversation.id, key=alice_key) as reader:
        await reader.ask("What is the band of a senior engineer?")
        status = await reader.until("status", state="held")
        case = await Case.objects.aget(content_id=status["message_id"])
        claimed = await in_thread(claim_case, dana, case_id=case.id)
        await in_thread(decide_case, dana, case_id=case.id, action="reject", reason="Ask.", fence=claimed.fence)
        await reader.until("done")
    assert "56,000" not in orjson.dumps(reader.frames).decode()
