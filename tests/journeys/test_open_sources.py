"""What an answer rests on, opened beside it: a page as it looks, from citation to citation, by mouse and keyboard."""

from __future__ import annotations

import re
import time

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.journeys.browsing import ask, ends
from tests.journeys.conftest import OpenWindow

pytestmark = pytest.mark.journey

CAR = "How much do I get for each kilometre by car?"
PHONE = {"viewport": {"width": 360, "height": 740}, "device_scale_factor": 2, "is_mobile": True, "has_touch": True}
# Whether the picture is there and the words are marked inside it.
MARK_ON_PICTURE = """() => {
  const picture = document.querySelector("#viewer .page-sheet img");
  const mark = document.querySelector("#viewer #cited").getBoundingClientRect();
  const box = picture.getBoundingClientRect();
  return picture.naturalWidth > 100 && mark.width > 20 && mark.height > 3
    && mark.left >= box.left && mark.right <= box.right && mark.top >= box.top && mark.bottom <= box.bottom;
}"""


def ask_for_rates(page: Page) -> Locator:
    answer = ask(page, CAR)
    ends(answer)
    return answer


def until(page: Page, truth: str, seconds: float = 10) -> None:
    """Wait until an expression is true. Playwright would evaluate text in the page, which its policy forbids."""
    end = time.monotonic() + seconds
    while not page.evaluate(truth):
        assert time.monotonic() < end, truth
        page.wait_for_timeout(50)


def is_drawn(page: Page) -> None:
    """The picture of the page has arrived, and the words are marked on it and in sight."""
    expect(page.locator("#viewer .page-marks #cited")).to_be_attached()
    until(page, "document.querySelector('#viewer .page-sheet img').complete")
    assert page.evaluate(MARK_ON_PICTURE)
    expect(page.locator("#viewer #cited")).to_be_in_viewport()


def test_a_cited_page_is_shown_as_it_looks_and_as_text(window: OpenWindow) -> None:
    page = window("alice").open("/")
    answer = ask_for_rates(page)
    answer.locator(".source-card", has_text="Travel expense rates").first.click()
    is_drawn(page)
    viewer = page.locator("#viewer")
    expect(viewer.get_by_role("img", name=re.compile("Page 2 of Travel expense rates.*Marked on it"))).to_be_attached()

    viewer.get_by_role("link", name="Text").click()
    expect(viewer.locator("mark").first).to_be_in_viewport()
    expect(viewer.locator(".page-sheet")).to_have_count(0)
    page.keyboard.press("Escape")
    page.reload()
    page.locator(".source-card", has_text="Travel expense rates").first.click()
    expect(viewer.locator("mark").first).to_be_in_viewport()
    expect(viewer.locator(".page-sheet")).to_have_count(0)

    viewer.get_by_role("link", name="Page", exact=True).click()
    is_drawn(page)
    viewer.get_by_role("link", name="Page 3").click()
    expect(viewer).to_contain_text("Page 3 of 3")
    viewer.get_by_role("link", name="go back to them").click()
    is_drawn(page)
    viewer.get_by_role("button", name="Enlarge").click()
    expect(viewer.locator("#cited")).to_be_in_viewport()


def test_from_citation_to_citation_by_key(window: OpenWindow) -> None:
    page = window("alice").open("/")
    answer = ask_for_rates(page)
    cites = answer.locator("a.cite")
    count = cites.count()
    assert count > 1
    cites.first.focus()
    page.keyboard.press("Enter")
    place = page.locator("#viewer-place")
    expect(place).to_have_text(f"Citation 1 of {count}")
    page.keyboard.press("]")
    expect(place).to_have_text(f"Citation 2 of {count}")
    expect(answer.locator('.source-card[data-number="2"]')).to_have_attribute("data-open", "")
    page.keyboard.press("ArrowLeft")
    expect(place).to_have_text(f"Citation 1 of {count}")
    page.keyboard.press("[")  # there is none before
    expect(place).to_have_text(f"Citation 1 of {count}")
    page.get_by_role("button", name="Next citation").click()
    expect(place).to_have_text(f"Citation 2 of {count}")

    page.keyboard.press("Escape")
    expect(page.locator("#viewer")).to_be_hidden()
    expect(answer.locator('.source-card[data-number="2"]')).to_be_focused()
    page.get_by_label("Your question").fill("")
    page.get_by_label("Your question").press_sequentially("[a]")
    expect(page.get_by_label("Your question")).to_have_value("[a]")


def test_reading_on_keeps_the_words_where_they_are(window: OpenWindow) -> None:
    page = window("alice").open("/")
    answer = ask(page, "When do I have to hand in a medical certificate?")
    ends(answer)
    answer.locator("a.cite").first.click()
    viewer = page.locator("#viewer")
    expect(viewer.locator("#cited")).to_be_in_viewport()
    page.goto(str(page.locator("#viewer-page").get_attribute("href")))
    expect(page.locator("main #cited")).to_be_in_viewport()
    while page.locator("#passage-later").count():
        parts = page.locator(".passage-part").count()
        page.locator("#passage-later").click()
        expect(page.locator(".passage-part")).to_have_count(parts + 1)
    if page.locator("#passage-earlier").count():
        page.locator("main #cited").scroll_into_view_if_needed()
        top = page.evaluate("document.querySelector('#cited').getBoundingClientRect().top")
        page.evaluate("document.querySelector('#passage-earlier').click()")
        until(page, "!!document.querySelector('.passage-part:not(:has(#cited)) ~ .passage-part #cited')")
        page.wait_for_timeout(200)
        assert abs(page.evaluate("document.querySelector('#cited').getBoundingClientRect().top") - top) < 3


def test_on_a_phone_the_page_fits_its_sheet(window: OpenWindow) -> None:
    page = window("alice", **PHONE).open("/")
    page.get_by_label("Your question").fill(CAR)
    page.get_by_role("button", name="Send").tap()
    answer = page.locator("article.answer").last
    ends(answer)
    answer.locator(".source-card", has_text="Travel expense rates").first.tap()
    is_drawn(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_a_keeper_takes_a_passage_out_and_back(window: OpenWindow) -> None:
    page = window("olivia").open("/")
    answer = ask(page, "When do I have to hand in a medical certificate?")
    ends(answer)
    answer.locator("a.cite").first.click()
    page.locator("#viewer").get_by_role("link", name="About this passage").click()
    expect(page.get_by_text("Searches find it")).to_be_visible()
    page.get_by_label("Why it should not be used").fill("It is being rewritten.")
    page.get_by_role("button", name="Take out of answers").click()
    expect(page.locator("#passage-state")).to_contain_text("It is being rewritten.")
    expect(page.locator(".cut[data-here]")).to_have_attribute("data-disabled", "")
    page.locator(".toast").get_by_role("button", name="Undo").click()
    expect(page.get_by_text("Searches find it")).to_be_visible()
    page.get_by_role("link", name="Who can see it").click()
    page.get_by_label("Name or e-mail address").fill("alice@example.org")
    page.get_by_role("button", name="Explain").click()
    expect(page.get_by_text("Everyone may read this source.")).to_be_visible()
