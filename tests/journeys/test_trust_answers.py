"""What one can hold on to: sentences without a source, who answers for a topic, replies, the queue, an appeal."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.journeys.browsing import ask, ends
from tests.journeys.conftest import OpenWindow
from tests.journeys.house import House
from tests.journeys.test_go_back_and_forth import SELECT
from tests.journeys.test_wait_for_review import REASON, open_case

pytestmark = pytest.mark.journey

GOOD = "A full-time employee has 27 days of annual leave in a calendar year [1]. "
BAD = "Parrots may fly in the corridor after lunch."
LEAVE = "How many days of annual leave do I have?"
PAY = "Is my salary paid while I am on parental leave?"
WHY = "It is about my own pay."


def researched(window: OpenWindow, house: House, text: str, **options: object) -> Page:
    """Alice's page with a model's answer that says ``text``."""
    house.model.script(tokens=[text])
    page = window("alice", **options).open("/?assistant=researcher")
    page.get_by_label("Your question").fill(LEAVE)
    page.get_by_role("button", name="Send", exact=True).click()
    ends(page.locator("article.answer"))
    return page


def test_a_sentence_without_a_source_says_so_by_pointer_and_by_key(window: OpenWindow, house: House) -> None:
    page = researched(window, house, GOOD + BAD)
    answer = page.locator("article.answer")
    for _ in range(2):  # as it was written, and after a reload
        mark = answer.locator("mark.unsupported")
        expect(mark).to_have_text(BAD)
        expect(answer.locator(".grounds")).to_contain_text("1 of 2 sentences have no source.")
        expect(answer.locator(".prose").first).to_contain_text(f"{BAD} (No passage supports this.)")
        mark.focus()
        expect(page.locator("#peek")).to_have_text("No passage supports this.")
        page.keyboard.press("Escape")
        expect(page.locator("#peek")).to_be_hidden()
        mark.hover()
        expect(page.locator("#peek")).to_be_visible()
        page.mouse.move(0, 0)
        expect(page.locator("#peek")).to_be_hidden()
        page.reload()


def test_a_citation_shows_its_words_to_keys_and_opens_beside_at_them(window: OpenWindow, house: House) -> None:
    page = researched(window, house, GOOD)
    chip = page.locator("article.answer a.cite").first
    expect(page.locator("article.answer .grounds")).to_be_hidden()
    chip.focus()
    peek = page.locator("#peek")
    expect(peek).to_contain_text("27 days of annual leave")
    expect(chip).to_have_attribute("aria-describedby", "peek")
    assert _is_inside(page, "#peek")
    page.keyboard.press("Escape")
    expect(peek).to_be_hidden()
    expect(chip).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#viewer #cited").first).to_be_attached()
    expect(page.locator("#viewer")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#viewer")).to_be_hidden()
    expect(chip).to_be_focused()


def test_escape_takes_away_what_lies_over_the_page_before_it_stops_an_answer(window: OpenWindow, house: House) -> None:
    page = researched(window, house, GOOD)
    house.model.script(tokens=["word "] * 5000, pace=0.03)
    answer = ask(page, "And now at length?")
    expect(answer).to_have_attribute("data-state", "writing")
    page.locator("article.answer a.cite").first.focus()
    expect(page.locator("#peek")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#peek")).to_be_hidden()
    assert page.evaluate(SELECT, "annual leave")
    expect(page.get_by_role("button", name="Quote")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Quote")).to_have_count(0)
    page.wait_for_timeout(300)
    expect(answer).to_have_attribute("data-state", "writing")
    page.keyboard.press("Escape")
    ends(answer, "stopped")


def test_on_a_phone_a_citation_opens_a_sheet_and_leaves_nothing_behind(window: OpenWindow, house: House) -> None:
    phone = {"viewport": {"width": 360, "height": 640}, "has_touch": True, "is_mobile": True}
    page = researched(window, house, GOOD + BAD, **phone)
    page.locator("article.answer mark.unsupported").tap()
    expect(page.locator("#peek")).to_have_text("No passage supports this.")
    assert _is_inside(page, "#peek")
    page.locator("article.answer a.cite").first.tap()
    expect(page.locator("#viewer #cited").first).to_be_attached()
    expect(page.locator("#peek")).to_be_hidden()
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


def _is_inside(page: Page, selector: str) -> bool:
    box = page.locator(selector).bounding_box()
    size = page.evaluate("[innerWidth, innerHeight]")
    return (
        bool(box)
        and box["x"] >= 0
        and box["y"] >= 0
        and (box["x"] + box["width"] <= size[0] and box["y"] + box["height"] <= size[1])
    )


def test_where_nothing_answers_it_names_who_keeps_the_topic_and_notes_the_question(
    window: OpenWindow, house: House
) -> None:
    house.start_worker()
    page = window("alice").open("/?assistant=handbook")
    answer = ask(page, "May parrots fly through the corridor at the moon base?")
    ends(answer)
    block = answer.locator(".grounds")
    expect(block).to_contain_text("Nothing you may read answers this.")
    expect(block).to_contain_text(re.compile("Olivia, who keeps “Handbook”|Nothing you may read"))
    expect(block).to_contain_text("Your question is kept as unanswered, without your name")


def test_a_reply_to_feedback_comes_to_its_reader_live(window: OpenWindow) -> None:
    page = window("alice").open("/?assistant=handbook")
    answer = ask(page, LEAVE)
    ends(answer)
    answer.get_by_role("button", name="This did not help").click()
    answer.get_by_label("What is the matter?").fill("What of people who began in June?")
    answer.get_by_role("button", name="Something is missing").click()
    expect(answer.get_by_role("button", name="Something is missing")).to_have_attribute("aria-pressed", "true")

    review = window("dana").open("/review/")
    review.get_by_role("link", name="Feedback of readers").click()
    given = review.locator(".given-one", has_text="What of people who began in June?").first
    expect(given).to_contain_text(LEAVE)
    expect(given).not_to_contain_text("Alice")
    given.get_by_label("Your reply to the reader").fill("They have a part of it; the page says so now.")
    given.get_by_role("button", name="Send the reply").click()
    expect(review.get_by_text("Dana replied")).to_be_visible()

    expect(answer.locator(".replies")).to_contain_text("They have a part of it")
    expect(answer.locator(".replies")).to_contain_text("A moderator replied")
    row = page.locator(".conversation:has([aria-current])")
    expect(row.get_by_role("img", name="A new reply:")).to_be_visible()
    answer.get_by_role("button", name="Mark as read").press("Enter")  # the toast may lie over it
    expect(row.get_by_role("img", name="A new reply:")).to_have_count(0)
    expect(page.locator(".toast[data-marks]")).to_have_count(0)
    expect(answer.get_by_role("button", name="Mark as read")).to_have_count(0)

    answer.get_by_role("button", name="This did not help").click()
    expect(answer.locator(".replies")).not_to_contain_text("They have a part of it")
    expect(answer.get_by_label("What is the matter?")).to_have_count(0)
    ends(ask(page, LEAVE))
    expect(row.get_by_role("img", name="A new reply:")).to_have_count(0)


def test_who_waits_sees_the_place_and_may_appeal_to_another_person(window: OpenWindow) -> None:
    page = window("alice").open("/?assistant=handbook")
    answer = ask(page, PAY)
    ends(answer, "held")
    page.evaluate("window.isTheSame = true")
    standing = answer.locator(".standing")
    expect(standing).to_contain_text(re.compile("in the queue"))

    review = window("dana").open("/review/")
    open_case(review, PAY)
    expect(standing).to_contain_text("A reviewer is reading it now.")
    review.keyboard.press("r")
    expect(review.get_by_label("Why it does not go out")).to_be_focused()
    review.keyboard.type(REASON)
    review.keyboard.press("Control+Enter")
    ends(answer, "rejected")
    expect(answer).to_contain_text(REASON)

    answer.get_by_text("Appeal", exact=True).click()
    answer.get_by_label("Why should somebody look at it again?").fill(WHY)
    answer.get_by_role("button", name="Send the appeal").click()
    ends(answer, "held")
    expect(answer).to_contain_text("You asked that somebody else looks at it again.")
    expect(answer.locator(".prose").first).to_be_empty()

    review.goto("/review/")
    review.get_by_role("link", name=PAY).click()
    expect(review.get_by_text(WHY)).to_be_visible()
    expect(review.get_by_role("button", name="Claim this case")).to_have_count(0)

    other = window("frank").open("/review/")
    open_case(other, PAY)
    other.get_by_role("button", name="Approve", exact=False).first.click()
    expect(ends(answer, "released")).to_contain_text("parental")
    expect(answer).to_contain_text("Decided by another person after your appeal.")
    assert page.evaluate("window.isTheSame")
