"""Leaving an answer that is being written: for good, for a moment, for another page; and having it go on."""

from __future__ import annotations

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.journeys.browsing import Window, ask, ends, plain
from tests.journeys.conftest import OpenWindow
from tests.journeys.house import House

pytestmark = pytest.mark.journey

ENDLESS = [f"word{number} " for number in range(5000)]
PACE = 0.03
BACK_SECONDS, STOP_SECONDS = 1.5, 2.0


@pytest.fixture
def alice(window: OpenWindow) -> Window:
    return window("alice")


@pytest.fixture
def page(alice: Window) -> Page:
    """A conversation with the writer that has begun."""
    page = alice.open("/?assistant=writer")
    ends(ask(page, "Good day."))
    return page


def begin(page: Page, house: House) -> Locator:
    house.model.script(tokens=ENDLESS, pace=PACE)
    answer = ask(page, "Tell me a long story.")
    expect(answer.locator(".prose").first).to_contain_text("word9 ")
    return answer


def is_cut(house: House, within: float) -> bool:
    return house.model.wait_for(lambda: house.model.requests[-1].was_cut_by_client, within)


def test_closing_the_tab_stops_the_model_and_coming_back_offers_to_go_on(
    alice: Window, page: Page, house: House
) -> None:
    begin(page, house)
    address = page.url
    page.close()
    assert is_cut(house, STOP_SECONDS)

    back = alice.open(address)
    answer = back.locator("article.answer").nth(1)
    kept = plain(ends(answer, "stopped").inner_text())
    assert kept.startswith("word0 word1 ")
    expect(answer).to_contain_text("Nobody was reading this any more, so it was stopped.")

    house.model.script(tokens=("and ", "they ", "lived."))
    answer.get_by_role("button", name="Continue").click()
    whole = back.locator("article.answer").nth(1)
    expect(whole.locator(".prose").first).to_contain_text("and they lived.")
    assert plain(ends(whole).inner_text()) == f"{kept} and they lived."
    expect(back.locator("article.answer")).to_have_count(2)
    back.reload()
    assert plain(whole.locator(".prose").first.inner_text()) == f"{kept} and they lived."


def test_a_reload_finds_the_same_answer_going_on(page: Page, house: House) -> None:
    answer = begin(page, house)
    page.reload()
    expect(answer).to_have_attribute("data-state", "writing")
    assert not is_cut(house, BACK_SECONDS + 1)
    expect(answer).to_have_attribute("data-state", "writing")
    page.get_by_role("button", name="Stop the answer").click()
    ends(answer, "stopped")


def test_going_to_another_page_of_parley_is_not_leaving(page: Page, house: House) -> None:
    begin(page, house)
    address = page.url
    page.get_by_role("link", name="New conversation").click()
    expect(page.get_by_role("heading", name="What would you like to know?")).to_be_visible()
    assert not is_cut(house, BACK_SECONDS + 1)
    page.goto(address)
    answer = page.locator("article.answer").nth(1)
    expect(answer).to_have_attribute("data-state", "writing")
    page.get_by_role("button", name="Stop the answer").click()
    ends(answer, "stopped")


def test_a_second_tab_keeps_an_answer_going(alice: Window, page: Page, house: House) -> None:
    begin(page, house)
    second = alice.open(page.url)
    answer = second.locator("article.answer").nth(1)
    expect(answer).to_have_attribute("data-state", "writing")
    page.close()
    assert not is_cut(house, BACK_SECONDS + 1)
    second.keyboard.press("Escape")
    ends(answer, "stopped")
