"""Reading ahead: a process that has just begun makes ready what the first questions are likely to show."""

import asyncio

import pytest

from app.web.threads import in_thread
from chat.writing.warming import likely_passages, read_ahead
from knowledge.index.generations import serving_generation
from knowledge.models import Passage
from knowledge.retrieval import quoting
from tests import factories


@pytest.fixture
def passages(olivia, crew):
    """Passages of three documents, the oldest first."""
    source = factories.make_source(owner=olivia, groups=[crew])
    for number in range(3):
        factories.make_document(source=source, title=f"Paper {number}", key=f"{number}", paragraphs=[f"Rule {number}."])
    return list(Passage.objects.order_by("pk"))


def is_known(passage):
    return quoting._memory.recall(serving_generation().pk, passage.pk) is not None


def test_what_was_cited_comes_first_then_the_newest(alice, passages):
    answer = factories.make_answer(conversation=factories.make_conversation(owner=alice))
    factories.make_citation(message=answer, passage=passages[0])
    assert likely_passages() == [passages[0].pk, passages[2].pk, passages[1].pk]


def test_nothing_that_is_withdrawn(passages):
    passages[1].version.__class__.objects.filter(pk=passages[1].version_id).update(withdrawn_at="2020-01-01T00:00Z")
    assert passages[1].pk not in likely_passages()


@pytest.mark.django_db(transaction=True)
async def test_it_waits_while_answers_are_written(embedding_weights, passages):
    busy = [True]
    ahead = asyncio.create_task(read_ahead(lambda: busy[0]))
    await asyncio.sleep(0.5)
    assert not any([await in_thread(is_known, one) for one in passages])
    busy[0] = False
    await asyncio.wait_for(ahead, 20)
    assert all([await in_thread(is_known, one) for one in passages])
