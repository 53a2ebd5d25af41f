"""Parley in the reader's language: as their browser asks, as they choose, and from right to left."""

from __future__ import annotations

import re

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Locator, Page, expect

from tests.journeys.browsing import ends
from tests.journeys.conftest import OpenWindow
from tests.journeys.house import House
from tests.journeys.test_reach_everybody import look
from tests.journeys.test_read_rich_answer import SILENT_VOICE

pytestmark = pytest.mark.journey


def choose(page: Page, language: str) -> None:
    page.locator('[popovertarget="language-menu"]').click()
    page.locator(f'#language-menu [value="{language}"]').click()


def asked(page: Page, question: str) -> Locator:
    """The answer to the first question of a conversation, once it is whole."""
    page.locator("#question").fill(question)
    page.locator("#question").press("Enter")
    ends(page.locator("article.answer"))
    return page.locator("article.answer")


def test_a_browser_is_answered_in_what_it_asks_for(window: OpenWindow) -> None:
    page = window(locale="de-AT").open("/account/login/")
    expect(page.locator("html")).to_have_attribute("lang", "de")
    expect(page.get_by_role("button", name="Anmelden", exact=True)).to_be_visible()
    choose(page, "ar")
    expect(page.locator("html")).to_have_attribute("dir", "rtl")
    page.reload()
    expect(page.locator("html")).to_have_attribute("lang", "ar")
    choose(page, "")
    expect(page.locator("html")).to_have_attribute("lang", "de")
    page.reload()
    expect(page.locator("html")).to_have_attribute("lang", "de")
    expect(page.locator("#language-menu [aria-current]")).to_have_text("Wie mein Browser")


@pytest.mark.parametrize("language", ["de", "ar"])
def test_the_keys_of_the_areas_are_those_that_the_list_names(window: OpenWindow, house: House, language: str) -> None:
    opened = window("ada")
    opened.expect("403")  # the admin's own sign-in
    page = opened.open("/account/keys/")
    choose(page, language)
    try:
        expect(page.locator("html")).to_have_attribute("lang", language)
        page.keyboard.press("?")
        told = page.locator("#shortcuts dt", has=page.get_by_text("G", exact=True))
        letters = [words.removeprefix("G").strip() for words in told.all_inner_texts()]
        areas = page.locator(".areas a").evaluate_all("all => all.map((one) => one.pathname)")
        page.keyboard.press("Escape")
        assert len(letters) == len(areas) == 7
        for letter, area in zip(letters, areas, strict=True):
            page.keyboard.press("g")
            page.keyboard.press(letter.lower())
            expect(page).to_have_url(re.compile(f"^{house.url}{area}(login/.*)?$"))
            page.goto("/account/keys/")
    finally:
        page.goto("/account/keys/")
        choose(page, "")
    expect(page.locator("html")).to_have_attribute("lang", "en")


def test_what_is_read_aloud_and_printed_is_in_the_readers_language(window: OpenWindow, house: House) -> None:
    page = window("alice").open("/?assistant=writer")
    choose(page, "de")
    try:
        house.model.script(tokens=["Der Anteil ist $\\frac{h}{40}$ davon."])
        answer = asked(page, "Wie viel?")
        page.evaluate(SILENT_VOICE)
        answer.get_by_role("button", name="Vorlesen").click()
        page.wait_for_function("() => window.spoken.length")
        assert page.evaluate("() => window.spoken[0]") == "Der Anteil ist Formel davon."

        page.goto("/?assistant=handbook")
        answer = asked(page, "How many days of annual leave do I have?")
        page.emulate_media(media="print")
        head = answer.locator(".evidence").evaluate("one => getComputedStyle(one, '::before').content")
        assert head == '"Quellen"'
    finally:
        page.emulate_media(media="screen")
        choose(page, "")


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
