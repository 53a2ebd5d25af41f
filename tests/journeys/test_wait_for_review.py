"""A held answer: one person waits and sees why, another decides, and the page of the first tells it by itself."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.journeys.browsing import ask, ends
from tests.journeys.conftest import OpenWindow

pytestmark = pytest.mark.journey

WHY = "Questions about pay and dismissal are read by a person before you get the answer."
PAY = "Does my salary go on while I am on sick leave?"
LEAVING = "Can I be dismissed while I am on sick leave?"
REASON = "Please ask the People team in person; this needs more than a handbook."


@pytest.fixture
def page(window: OpenWindow) -> Page:
    """Alice's conversation with the handbook, begun and marked, so that a reload would show."""
    page = window("alice").open("/?assistant=handbook")
    ends(ask(page, "How many days of annual leave do I have?"))
    page.evaluate("window.isTheSame = true")
    return page


def open_case(review: Page, question: str) -> None:
    review.get_by_role("link", name=question).click()
    expect(review.get_by_role("heading", name=question)).to_be_visible()
    review.get_by_role("button", name="Claim this case").click()
    expect(review.get_by_text("You have claimed this case")).to_be_visible()


def test_an_answer_is_held_with_its_reason_and_released_live(window: OpenWindow, page: Page) -> None:
    answer = ask(page, PAY)
    ends(answer, "held")
    expect(answer).to_contain_text("Held for review by a person.")
    expect(answer).to_contain_text(WHY)
    expect(answer.locator(".prose").first).to_be_empty()

    review = window("dana").open("/review/")
    open_case(review, PAY)
    expect(review.locator(".case-waiting")).to_contain_text("sick")
    review.get_by_role("button", name="Approve", exact=False).first.click()
    expect(review.get_by_text("Decided by Dana")).to_be_visible()

    expect(ends(answer, "released")).to_contain_text("sick")
    expect(answer).to_contain_text("Read and released by a person.")
    assert page.evaluate("window.isTheSame")


def test_an_answer_is_rejected_with_a_reason_that_its_reader_sees(window: OpenWindow, page: Page) -> None:
    answer = ask(page, LEAVING)
    ends(answer, "held")
    review = window("dana").open("/review/")
    open_case(review, LEAVING)
    review.keyboard.press("r")
    expect(review.get_by_label("Why it does not go out")).to_be_focused()
    review.keyboard.type(REASON)
    review.keyboard.press("Control+Enter")
    expect(review.get_by_text("Decided by Dana")).to_be_visible()

    ends(answer, "rejected")
    expect(answer).to_contain_text("Not released after review.")
    expect(answer).to_contain_text(REASON)
    expect(answer.locator(".prose").first).to_be_empty()
    assert page.evaluate("window.isTheSame")
    page.reload()
    expect(answer).to_contain_text(REASON)


def test_the_queue_shows_a_new_case_by_itself(window: OpenWindow, page: Page) -> None:
    review = window("dana").open("/review/")
    question = "Who was fired for being late?"
    ends(ask(page, question), "held")
    expect(review.get_by_role("link", name=question)).to_be_visible()
