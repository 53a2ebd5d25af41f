"""From signing in to the words behind an answer, by mouse and by keyboard alone."""

from __future__ import annotations

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.factories import PASSWORD
from tests.journeys.browsing import ask, ends, plain, sign_in
from tests.journeys.conftest import OpenWindow

pytestmark = pytest.mark.journey

LEAVE = "How many days of annual leave do I have?"
NOTE = "When do I have to hand in a medical certificate?"

# What stood on the page when the first word of the second answer did.
NOTE_ORDER = """() => {
  new MutationObserver(() => {
    const answer = document.querySelectorAll("article.answer")[1];
    const text = answer?.querySelector(".prose")?.textContent.trim();
    if (text && window.cardsAtFirstWord === undefined)
      window.cardsAtFirstWord = answer.querySelectorAll(".source-card").length;
  }).observe(document.getElementById("messages"), { childList: true, subtree: true, characterData: true });
}"""


def quoted_by(answer: Locator, cite: Locator) -> str:
    """The words on the card of a citation."""
    number = cite.get_attribute("data-number")
    return plain(answer.locator(f'.source-card[data-number="{number}"] .source-quote').inner_text())


def shows_cited(page: Page, words: str) -> None:
    """The source is open beside the page, at these words, which are marked."""
    cited = page.locator("#viewer #cited")
    expect(cited).to_be_in_viewport()
    marked = plain(" ".join(page.locator("#viewer mark").all_inner_texts()))
    assert words in marked or marked in words, (words, marked)


def test_alice_asks_and_opens_what_the_answer_rests_on(window: OpenWindow) -> None:
    page = window().context.new_page()
    sign_in(page, "alice")
    first = ask(page, LEAVE)
    expect(ends(first)).to_contain_text("27 days")
    expect(first.get_by_text("Verified quotes")).to_be_visible()

    page.evaluate(NOTE_ORDER)
    second = ask(page, NOTE)
    expect(ends(second)).to_contain_text("fourth calendar day")
    assert page.evaluate("window.cardsAtFirstWord") > 0

    cite = second.locator("a.cite").first
    words = quoted_by(second, cite)
    cite.click()
    shows_cited(page, words)
    expect(page.locator("#viewer")).to_contain_text("Handbook")
    page.keyboard.press("Escape")
    expect(page.locator("#viewer")).to_be_hidden()
    expect(cite).to_be_focused()


def test_the_same_by_keyboard_alone(window: OpenWindow) -> None:
    page = window().open("/")
    walk_to(page, page.get_by_role("textbox", name="Email"), "Tab")
    page.keyboard.type("alice@example.org")
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_label("Your question")).to_be_focused()
    page.keyboard.type(LEAVE)
    page.keyboard.press("Enter")
    answer = page.locator("article.answer")
    expect(ends(answer)).to_contain_text("27 days")
    expect(page.get_by_label("Your question")).to_be_focused()

    cite = answer.locator("a.cite").last
    walk_to(page, cite, "Shift+Tab")
    words = quoted_by(answer, cite)
    expect(page.get_by_role("tooltip")).to_contain_text(words)
    page.keyboard.press("Enter")
    shows_cited(page, words)
    expect(page.locator("#viewer")).to_be_focused()
    walk_to(page, page.get_by_role("button", name="Close the source"), "Tab")
    page.keyboard.press("Escape")
    expect(page.locator("#viewer")).to_be_hidden()
    expect(cite).to_be_focused()
    page.keyboard.press("/")
    expect(page.get_by_label("Your question")).to_be_focused()


def walk_to(page: Page, there: Locator, key: str) -> None:
    """Press ``key`` until ``there`` has the focus; at most as often as there are things to stop at."""
    for _ in range(40):
        page.keyboard.press(key)
        if there.evaluate("one => one === document.activeElement"):
            return
    raise AssertionError(f"{key} does not lead to {there}")
