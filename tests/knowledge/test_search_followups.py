"""Questions that lean on the one before them are searched for together with it; others are left as they are."""

from __future__ import annotations

import pytest

from accounts.models import User
from knowledge.models import Source
from knowledge.retrieval import look, search
from knowledge.retrieval.followups import standalone
from tests.knowledge.conftest import Publish

LEAVE = """# Annual leave

Full-time employees have 27 days of annual leave.

## Part-time

Part-timers who work three days a week have 16.5 days of annual leave.
"""
PARKING = "# Parking\n\nPart-timers park on the upper deck of the garage, full-timers on the lower one."
EARLIER = "How many days of annual leave do I have?"


@pytest.mark.parametrize(
    "question",
    [
        "and for part-timers?",
        "What about part-timers?",
        "how about the London office?",
        "with a doctor's note?",
        "Can I carry them over?",
        "Is that paid out?",
        "why?",
        "part-timers?",
        "and if I leave?",
        "what if they refuse?",
    ],
)
def test_a_question_that_leans_is_read_with_the_one_before(question: str) -> None:
    assert standalone(question, [EARLIER]) == f"{EARLIER} {question}"


@pytest.mark.parametrize(
    "question",
    [
        "When does the canteen open?",
        "What is hepcidin?",
        "Does IT have to approve add-ons for the design tool?",
        "How long does it take for business cards to arrive?",
        "I lost the key to my locker. Who replaces it?",
        "Who approves the form that I need for travel?",
    ],
)
def test_a_question_that_names_its_matter_is_left_as_it_is(question: str) -> None:
    assert standalone(question, [EARLIER]) == question


def test_the_first_question_is_left_as_it_is() -> None:
    assert standalone("and for part-timers?", []) == "and for part-timers?"


def test_a_row_of_leaning_questions_goes_back_to_the_one_that_stands_alone() -> None:
    earlier = [EARLIER, "and for part-timers?", "Can they carry it over?"]
    assert standalone("and until when?", earlier) == f"{EARLIER} and until when?"


def test_the_same_question_again_is_not_said_twice() -> None:
    assert standalone("and then?", ["And then?"]) == "and then?"


def test_an_endless_earlier_question_is_cut() -> None:
    assert len(standalone("and for part-timers?", ["leave " * 500])) < 400


def test_a_leaning_question_finds_what_the_one_before_was_about(
    alice: User, handbook: Source, publish: Publish
) -> None:
    publish(handbook, "leave.md", LEAVE)
    publish(handbook, "parking.md", PARKING)
    alone = search(user=alice, query="and for part-timers?")
    read = search(user=alice, query="and for part-timers?", earlier=[EARLIER])
    assert alone[0].document_title == "Parking"
    assert "16.5 days" in read[0].text


def test_what_was_searched_for_is_told(alice: User, handbook: Source, publish: Publish) -> None:
    publish(handbook, "leave.md", LEAVE)
    assert look(user=alice, query="and for part-timers?", earlier=[EARLIER]).query == f"{EARLIER} and for part-timers?"
