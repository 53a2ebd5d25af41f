"""Parley in the reader's language: as their browser asks, as they choose, and from right to left."""

from __future__ import annotations

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Page, expect

from tests.journeys.browsing import ends
from tests.journeys.conftest import OpenWindow
from tests.journeys.house import House
from tests.journeys.test_reach_everybody import look

pytestmark = pytest.mark.journey


def choose(page: Page, language: str) -> None:
    page.locator('[popovertarget="language-menu"]').click()
    page.locator(f'#language-menu [value="{language}"]').click()


def test_a_browser_is_answered_in_what_it_asks_for(window: OpenWindow) -> None:
    page = window(locale="de-AT").open("/account/login/")
    expect(page.locator("html")).to_have_attribute("lang", "de")
    expect(page.get_by_role("button", name="Anmelden")).to_be_visible()
    choose(page, "ar")
    expect(page.locator("html")).to_have_attribute("dir", "rtl")
    page.reload()
    expect(page.locator("html")).to_have_attribute("lang", "ar")


def test_who_chooses_a_language_keeps_it_and_reads_from_right_to_left(window: OpenWindow, house: House) -> None:
    page = window("alice").open("/?assistant=writer")
    choose(page, "ar")
    try:
        expect(page.locator("html")).to_have_attribute("dir", "rtl")
        house.model.script(tokens=["# Hello\n\n", "Good ", "day.\n\n", "```python\nprint(1)\n```"])
        page.locator("#question").fill("Hello there")
        page.locator("#question").press("Enter")
        prose = ends(page.locator("article.answer"))
        expect(prose).to_contain_text("Good day.")
        sidebar = page.locator("#sidebar").bounding_box()
        assert sidebar and sidebar["x"] > 640, "the list is on the right"
        code = prose.locator("pre").evaluate("(one) => getComputedStyle(one).direction")
        assert code == "ltr"
        page.evaluate(AXE_SCRIPT)
        assert look(page, "Arabic") == []
        again = window("alice", locale="en-GB").open("/")
        expect(again.locator("html")).to_have_attribute("lang", "ar")
        choose(page, "de")
        expect(page.locator("html")).to_have_attribute("lang", "de")
        expect(page.locator("html")).to_have_attribute("dir", "ltr")
    finally:
        choose(page, "en")
    expect(page.get_by_label("Your question")).to_be_visible()
