"""Passages that follow each other are shown as one result; what is cited of it is still one passage's own words."""

from __future__ import annotations

from itertools import pairwise

import pytest

from accounts.models import User
from chat.composing.evidence import make_cards
from knowledge.models import Passage, Source
from knowledge.retrieval import look, search
from knowledge.retrieval.quoting import best_quotes
from tests.knowledge.conftest import Publish

QUESTION = "How are the boilers of the heating plant serviced?"


def long_page() -> str:
    """One section of about two passages on one matter, and another section."""
    first = " ".join(
        f"The boiler number {n} of the heating plant is serviced in week {n} by its mechanic." for n in range(10)
    )
    second = " ".join(f"Every servicing of heating boiler {n} is noted in log {n} of the plant." for n in range(10))
    return f"# Plant\n\n## Boilers\n\n{first}\n\n{second}\n\n## Roof\n\nThe roof is swept in autumn."


@pytest.fixture
def plant(handbook: Source, publish: Publish) -> Source:
    publish(handbook, "plant.md", long_page())
    assert Passage.objects.filter(heading_path=["Plant", "Boilers"]).count() == 2
    return handbook


def test_neighbours_under_one_heading_are_one_result(alice: User, plant: Source) -> None:
    found = search(user=alice, query=QUESTION)
    boilers = [one for one in found if one.heading_path == ("Plant", "Boilers")]
    assert len(boilers) == 1
    assert [part.passage_id for part in boilers[0].parts] == list(
        Passage.objects.filter(heading_path=["Plant", "Boilers"]).order_by("ordinal").values_list("pk", flat=True)
    )


def test_a_joined_text_is_the_versions_own(alice: User, plant: Source) -> None:
    document = plant.documents.get()
    version = document.published_version()
    assert version is not None
    for one in search(user=alice, query=QUESTION):
        assert version.text[one.start : one.end] == one.text
        assert version.text[one.quote_start : one.quote_end] == one.quote
        assert (one.start, one.end) == (one.parts[0].start, one.parts[-1].end)
        assert all(before.end <= after.start for before, after in pairwise(one.parts))


def test_what_is_cited_names_the_passage_that_its_words_stand_in(alice: User, plant: Source) -> None:
    question = "Where is the servicing of heating boiler 7 noted?"
    found = search(user=alice, query=question)
    for card in make_cards(found, best_quotes(question, found)):
        passage = Passage.objects.get(pk=card.passage_id)
        assert passage.start <= card.start < card.end <= passage.end
        assert passage.text[card.start - passage.start : card.end - passage.start] == card.quote


def test_another_heading_begins_another_result(alice: User, handbook: Source, publish: Publish) -> None:
    publish(
        handbook,
        "a.md",
        "# Shifts\n\n## Early\n\nThe early shift begins at six.\n\n## Late\n\nThe late one ends at ten.",
    )
    found = search(user=alice, query="When do the early and the late shift begin and end?")
    assert [one.heading_path for one in found] == [("Shifts", "Early"), ("Shifts", "Late")]


def test_what_became_of_each_candidate_is_told(alice: User, plant: Source, publish: Publish) -> None:
    publish(plant, "copy.md", "# Copy\n\nThe roof is swept in autumn.")
    done = look(user=alice, query="The roof is swept in autumn, and the boilers of the heating plant are serviced.")
    fates = {judged.fate for judged in done.choice.judged}
    assert fates == {"shown", "joined", "same"}
    assert len(done.choice.judged) == len(done.ranked)
