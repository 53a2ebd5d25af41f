"""The versions of a conversation in its reader's hands: back and forth, another question, quotes, drafts, long ones."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.journeys.browsing import Window, ask, ends, plain
from tests.journeys.conftest import OpenWindow
from tests.journeys.house import House

pytestmark = pytest.mark.journey

BEFORE, AFTER = "Show the version before", "Show the version after"
SELECT = """(text) => {
  const walker = document.createTreeWalker(document.querySelector("article.answer .prose"), NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const at = walker.currentNode.data.indexOf(text);
    if (at < 0) continue;
    const range = document.createRange();
    range.setStart(walker.currentNode, at);
    range.setEnd(walker.currentNode, at + text.length);
    getSelection().removeAllRanges();
    getSelection().addRange(range);
    return true;
  }
  return false;
}"""
HIDE = """(hidden) => {
  Object.defineProperty(document, "hidden", { configurable: true, value: hidden });
  document.dispatchEvent(new Event("visibilitychange"));
}"""


@pytest.fixture
def alice(window: OpenWindow) -> Window:
    return window("alice")


@pytest.fixture
def page(alice: Window, house: House) -> Page:
    """A conversation with the writer that has begun."""
    house.model.script(tokens=("Good ", "day."))
    page = alice.open("/?assistant=writer")
    ends(ask(page, "Hello there"))
    return page


def says(house: House, text: str, pace: float = 0.0) -> None:
    house.model.script(tokens=re.findall(r"\S+\s*", text), pace=pace)


def body(answer: Locator) -> Locator:
    return answer.locator(".prose").first


def told(page: Page) -> list[str]:
    """The questions and answers on the page, in order."""
    return [plain(one) for one in page.locator("#messages .question-text, #messages .answer .prose").all_inner_texts()]


def edit(page: Page, question: str) -> Locator:
    """Open a question as a form; the field in it."""
    page.locator("article.question", has_text=question).get_by_role("link", name="Edit this question").click()
    return page.get_by_role("textbox", name="Your question, to be asked anew")


def test_answers_written_again_stay_beside_each_other(alice: Window, page: Page, house: House) -> None:
    says(house, "It is a fact.")
    ends(ask(page, "What is it"))
    first = page.locator("article.answer").first
    says(house, "Good morning.")
    first.get_by_role("button", name="Answer again").click()
    expect(body(first)).to_have_text("Good morning.")
    ends(first)
    assert told(page) == ["Hello there", "Good morning."]
    expect(first.locator(".versions")).to_contain_text("2 / 2")

    first.get_by_role("button", name=BEFORE).click()
    expect(page.locator("article.answer")).to_have_count(2)
    assert told(page) == ["Hello there", "Good day.", "What is it", "It is a fact."]
    expect(first.locator(".versions")).to_contain_text("1 / 2")
    expect(first.get_by_role("button", name=AFTER)).to_be_focused()

    says(house, "Yes.")
    ends(ask(page, "Is it still"))
    everything = ["Hello there", "Good day.", "What is it", "It is a fact.", "Is it still", "Yes."]
    assert told(page) == everything
    page.reload()
    assert told(page) == everything
    assert told(alice.open(page.url)) == everything


def test_an_edited_question_is_answered_in_its_place(page: Page, house: House) -> None:
    field = edit(page, "Hello there")
    expect(field).to_have_value("Hello there")
    expect(field).to_be_focused()
    page.keyboard.press("Escape")
    expect(field).to_have_count(0)
    expect(page.get_by_role("link", name="Edit this question")).to_be_focused()
    page.keyboard.press("Enter")
    field.fill("Who are you")
    says(house, "I am Parley.")
    page.get_by_role("button", name="Save and ask").dblclick()
    answer = page.locator("article.answer")
    expect(body(answer)).to_have_text("I am Parley.")
    ends(answer)
    assert told(page) == ["Who are you", "I am Parley."]
    question = page.locator("article.question")
    expect(question.locator(".versions")).to_contain_text("2 / 2")
    question.get_by_role("button", name=BEFORE).press("Enter")
    expect(body(answer)).to_have_text("Good day.")
    expect(question.get_by_role("button", name=AFTER)).to_be_focused()
    page.keyboard.press("Enter")
    expect(body(answer)).to_have_text("I am Parley.")


def test_another_tab_follows_to_the_other_branch(alice: Window, page: Page, house: House) -> None:
    other = alice.open(page.url)
    expect(other.locator("article.answer")).to_have_count(1)
    says(house, "I am Parley.")
    edit(page, "Hello there").fill("Who are you")
    page.keyboard.press("Enter")
    for tab in (page, other):
        expect(body(tab.locator("article.answer"))).to_have_text("I am Parley.")
        ends(tab.locator("article.answer"))
        assert told(tab) == ["Who are you", "I am Parley."]
    page.get_by_role("button", name=BEFORE).click()
    for tab in (page, other):
        expect(body(tab.locator("article.answer"))).to_have_text("Good day.")
        assert told(tab) == ["Hello there", "Good day."]
    says(house, "Nothing more.")
    ends(ask(page, "What else"))
    expect(other.locator("article.answer")).to_have_count(2)
    ends(other.locator("article.answer").last)
    assert told(other) == told(page) == ["Hello there", "Good day.", "What else", "Nothing more."]


def test_a_question_that_is_being_edited_is_not_thrown_away_by_another_tab(
    alice: Window, page: Page, house: House
) -> None:
    says(house, "I am Parley.")
    edit(page, "Hello there").fill("Who are you")
    page.keyboard.press("Enter")
    expect(body(page.locator("article.answer"))).to_have_text("I am Parley.")
    ends(page.locator("article.answer"))
    other = alice.context.new_page()
    with other.expect_event("websocket") as line:
        other.goto(page.url)
    field = edit(other, "Who are you")
    field.fill("Half a thought")
    with line.value.expect_event("framereceived", lambda frame: "data-turned" in str(frame)):
        page.get_by_role("button", name=BEFORE).click()
    expect(body(page.locator("article.answer"))).to_have_text("Good day.")
    other.wait_for_timeout(1000)  # what would be fetched is there by then
    expect(field).to_have_value("Half a thought")
    expect(field).to_be_focused()
    other.keyboard.press("Escape")
    expect(body(other.locator("article.answer"))).to_have_text("Good day.")
    assert told(other) == ["Hello there", "Good day."]


def test_an_answer_under_way_on_another_branch_stays_there(page: Page, house: House) -> None:
    words = [f"word{number} " for number in range(5000)]
    house.model.script(tokens=words, pace=0.03)
    ask(page, "Tell me a long story")
    story = page.locator("article.answer").nth(1)
    expect(body(story)).to_contain_text("word5 ")
    says(house, "A short one.")
    edit(page, "Tell me a long story").fill("Tell me a short story")
    page.keyboard.press("Enter")
    expect(body(story)).to_have_text("A short one.")
    ends(story)
    page.reload()
    expect(page.locator("article.answer")).to_have_count(2)
    expect(body(story)).to_have_text("A short one.")
    page.locator("article.question").nth(1).get_by_role("button", name=BEFORE).click()
    expect(story).to_have_attribute("data-state", "writing")
    written = len(body(story).inner_text().split())
    expect(body(story)).to_contain_text(f"word{written + 20} ")
    page.get_by_role("button", name="Stop the answer").click()
    said = ends(story, "stopped").inner_text().split()
    assert said == [word.strip() for word in words[: len(said)]]


def test_selected_words_are_quoted(page: Page) -> None:
    assert page.evaluate(SELECT, "Good day")
    page.get_by_role("button", name="Quote").click()
    field = page.get_by_label("Your question")
    expect(field).to_have_value("> Good day\n\n")
    expect(field).to_be_focused()
    page.get_by_label("Your question").fill("Why")
    page.locator("h1").click()
    assert page.evaluate(SELECT, "Good")
    page.keyboard.press("q")
    expect(field).to_have_value("Why\n\n> Good\n\n")


def test_a_draft_waits_for_its_writer_alone(window: OpenWindow, alice: Window, page: Page, house: House) -> None:
    field = page.get_by_label("Your question")
    field.fill("Half a thought")
    again = alice.open(page.url)
    expect(again.get_by_label("Your question")).to_have_value("Half a thought")
    expect(alice.open("/").get_by_label("Your question")).to_have_value("")
    drafts = "Object.keys(localStorage).filter((key) => key.startsWith('parley:draft:'))"
    page.evaluate("localStorage.setItem('parley:draft:7:new', '{}')")
    page.reload()
    expect(field).to_have_value("Half a thought")
    assert len(page.evaluate(drafts)) == 1
    says(house, "And half an answer.")
    field.press("Enter")
    ends(page.locator("article.answer").nth(1))
    assert page.evaluate(drafts) == []


def test_sent_from_two_tabs_it_is_asked_once(alice: Window, page: Page) -> None:
    page.get_by_label("Your question").fill("Only once")
    other = alice.open(page.url)
    expect(other.get_by_label("Your question")).to_have_value("Only once")
    for tab in (page, other):
        tab.get_by_label("Your question").press("Enter")
    ends(page.locator("article.answer").nth(1))
    page.reload()
    expect(page.locator("article.question", has_text="Only once")).to_have_count(1)
    expect(page.locator("article.answer")).to_have_count(2)


def test_the_first_question_sent_twice_begins_one_conversation(alice: Window) -> None:
    page = alice.open("/?assistant=writer")
    rows = page.locator("#conversations li")
    before = rows.count()
    page.get_by_label("Your question").fill("Twice at once")
    page.get_by_role("button", name="Send").dblclick()
    ends(page.locator("article.answer"))
    expect(rows).to_have_count(before + 1)


def test_the_title_tells_a_reader_who_looks_elsewhere(page: Page, house: House) -> None:
    before = page.title()
    says(house, "One two three four five.")
    page.evaluate(HIDE, True)  # before there is anything, lest all of it is there already
    ask(page, "Count to five")
    ends(page.locator("article.answer").nth(1))
    assert page.title() == f"● {before}"
    page.evaluate(HIDE, False)
    assert page.title() == before


def test_a_long_conversation_opens_at_its_end_and_grows_upwards(page: Page, house: House) -> None:
    says(house, "Yes.")
    for number in range(31):
        ends(ask(page, f"Question number {number}"))
    page.reload()
    expect(page.locator("article.question").last).to_be_in_viewport()
    expect(page.locator("article")).to_have_count(60)
    above = page.locator("article.question").first
    name = plain(above.locator(".question-text").inner_text())
    above.scroll_into_view_if_needed()
    expect(page.locator("article")).to_have_count(64)
    assert told(page)[0] == "Hello there"
    expect(page.locator("article.question", has_text=name).first).to_be_in_viewport()
    expect(page.get_by_role("link", name="Earlier messages")).to_have_count(0)
