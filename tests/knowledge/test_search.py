"""Finding passages: what fits, and only what one may read."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.models import Group, User
from knowledge.ingestion import restore_document, withdraw_document
from knowledge.models import Source
from knowledge.retrieval import search
from knowledge.retrieval.quoting import best_quotes
from tests import factories
from tests.knowledge.conftest import LEAVE, Publish

TRAVEL = """# Travel

Fly economy class. Business class is paid only for a medical reason.

| Vehicle | For each kilometre |
| --- | --- |
| Car | €0.38 |
| Bicycle | €0.15 |
"""


def titles(user: User, query: str) -> list[str]:
    return [found.document_title for found in search(user=user, query=query)]


def test_a_paraphrase_finds_its_passage(alice: User, handbook: Source, publish: Publish) -> None:
    publish(handbook)
    publish(handbook, "travel.md", TRAVEL)
    found = search(user=alice, query="How much vacation do I get each year?")
    assert found[0].document_title == "Annual leave"
    assert "27 days" in found[0].text


def test_a_rare_word_finds_its_passage(alice: User, handbook: Source, publish: Publish) -> None:
    publish(handbook)
    publish(handbook, "codes.md", "# Codes\n\nThe form is called XR-7731b and lies in the cellar.")
    assert titles(alice, "XR-7731b")[0] == "Codes"


def test_spans_are_exact(alice: User, handbook: Source, publish: Publish) -> None:
    document = publish(handbook)
    version = document.published_version()
    assert version is not None
    for found in search(user=alice, query="carry days over"):
        assert version.text[found.start : found.end] == found.text
        assert version.text[found.quote_start : found.quote_end] == found.quote
        assert found.quote in found.text


def test_the_best_sentence_is_quoted(alice: User, handbook: Source, publish: Publish) -> None:
    publish(handbook)
    publish(handbook, "travel.md", TRAVEL)
    question = "Am I allowed to fly business class?"
    found = search(user=alice, query=question)
    quote = best_quotes(question, found)[0]
    assert "Business class is paid only for a medical reason." in quote.text
    assert found[quote.found_index].text[quote.start - found[quote.found_index].start :].startswith(quote.text)


def test_a_row_is_quoted_with_its_head(alice: User, handbook: Source, publish: Publish) -> None:
    publish(handbook, "travel.md", TRAVEL)
    question = "What is paid for a kilometre by car?"
    quotes = best_quotes(question, search(user=alice, query=question))
    assert any("€0.38" in quote.text and "For each kilometre" in quote.text for quote in quotes)


@pytest.mark.parametrize("question", ["Who won the world cup in 1998?", "Write a poem about Mongolia"])
def test_nothing_is_quoted_when_nothing_fits(alice: User, handbook: Source, publish: Publish, question: str) -> None:
    publish(handbook)
    publish(handbook, "travel.md", TRAVEL)
    assert best_quotes(question, search(user=alice, query=question)) == []


def test_an_outsider_finds_nothing(charlie: User, handbook: Source, publish: Publish) -> None:
    publish(handbook)
    assert titles(charlie, "How many days of annual leave?") == []


def test_a_suspended_person_finds_nothing(sam: User, handbook: Source, publish: Publish) -> None:
    publish(handbook)
    assert titles(sam, "How many days of annual leave?") == []


def test_an_administrator_reads_only_what_is_shared_with_them(ada: User, handbook: Source, publish: Publish) -> None:
    publish(handbook)
    assert titles(ada, "How many days of annual leave?") == []


def test_who_leaves_the_group_finds_nothing_any_more(
    alice: User, crew: Group, handbook: Source, publish: Publish
) -> None:
    publish(handbook)
    assert titles(alice, "annual leave")
    crew.members.remove(alice)
    assert titles(alice, "annual leave") == []


def test_a_search_can_be_narrowed_to_sources(alice: User, olivia: User, handbook: Source, publish: Publish) -> None:
    other = factories.make_source(owner=olivia, name="Other")
    publish(handbook)
    publish(other, "b.md", "# Leave of absence\n\nAnnual leave elsewhere: 20 days.")
    found = search(user=alice, query="annual leave", source_ids=[other.pk])
    assert {one.source for one in found} == {"Other"}


def test_narrowing_never_widens(charlie: User, handbook: Source, publish: Publish) -> None:
    publish(handbook)
    assert search(user=charlie, query="annual leave", source_ids=[handbook.pk]) == []


def test_withdrawn_documents_are_not_found_until_they_are_back(
    alice: User, olivia: User, handbook: Source, publish: Publish
) -> None:
    document = publish(handbook)
    withdraw_document(actor=olivia, document=document)
    assert titles(alice, "annual leave") == []
    restore_document(actor=olivia, document=document)
    assert titles(alice, "annual leave")


def test_an_old_version_is_not_found(alice: User, handbook: Source, publish: Publish) -> None:
    publish(handbook)
    publish(handbook, content=LEAVE.replace("27 days", "28 days"))
    texts = [found.text for found in search(user=alice, query="days of annual leave in a calendar year")]
    assert any("28 days" in text for text in texts)
    assert not any("27 days" in text for text in texts)


def test_the_same_text_in_two_documents_is_found_once(alice: User, handbook: Source, publish: Publish) -> None:
    publish(handbook, "a.md", "# A\n\nThe car park closes at ten in the evening.")
    publish(handbook, "b.md", "# B\n\nThe car park closes at ten in the evening.")
    assert len(search(user=alice, query="When does the car park close?")) == 1


def test_one_document_does_not_fill_the_list(alice: User, handbook: Source, publish: Publish) -> None:
    sections = "\n\n".join(f"## Parking {n}\n\nCar park {n} closes at {n} o'clock for visitors." for n in range(9))
    publish(handbook, "a.md", f"# Parking\n\n{sections}")
    assert len(search(user=alice, query="When does the car park close?", limit=6)) == 3


@pytest.mark.parametrize("query", ["", "   ", "the", "'; DROP TABLE x; --", "a & | ! ( ) : * <->", "\x00", "🙂" * 400])
def test_odd_questions_do_no_harm(alice: User, handbook: Source, publish: Publish, query: str) -> None:
    publish(handbook)
    search(user=alice, query=query)


def statements(captured: CaptureQueriesContext) -> int:
    """Those that ask knowledge; the registry of models is read anew every few seconds."""
    return sum("knowledge_" in query["sql"] for query in captured.captured_queries)


def test_the_number_of_statements_is_constant(alice: User, handbook: Source, publish: Publish) -> None:
    publish(handbook)
    search(user=alice, query="annual leave")  # counts the sources that it has not seen
    with CaptureQueriesContext(connection) as few:
        search(user=alice, query="annual leave")
    publish(handbook, "travel.md", TRAVEL)
    with CaptureQueriesContext(connection) as more:
        search(user=alice, query="annual leave and travel by car")
    assert statements(few) == statements(more) == 3


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_nobody_ever_finds_what_they_may_not_read(
    alice: User, bob: User, charlie: User, olivia: User, crew: Group, publish: Publish, data: st.DataObject
) -> None:
    """Whatever the groups and readers are, what is found is of sources that visible_to gives."""
    Source.objects.all().delete()
    people = [alice, bob, charlie]
    for number in range(3):
        group = factories.make_group(f"G{number}")
        group.members.set(data.draw(st.sets(st.sampled_from(people))))
        everyone = data.draw(st.booleans())
        source = factories.make_source(owner=olivia, name=f"S{number}", groups=[group], is_for_everyone=everyone)
        publish(source, f"{number}.md", f"# Page {number}\n\nThe secret of source {number} is the number {number}.")
    for person in people:
        allowed = set(Source.objects.visible_to(person).values_list("name", flat=True))
        assert {found.source for found in search(user=person, query="What is the secret number?")} == allowed
