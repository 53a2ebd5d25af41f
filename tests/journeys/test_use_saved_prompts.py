"""Saved prompts where one writes, by keyboard alone; the list of assistants; and a model chosen for a conversation."""

from __future__ import annotations

from functools import partial

import pytest
from django.utils import timezone
from playwright.sync_api import Locator, Page, expect
from pytest_django.plugin import DjangoDbBlocker

from accounts.limits.counting import FRESH_SECONDS
from accounts.models import Limit
from tests import factories
from tests.journeys.browsing import ends
from tests.journeys.conftest import OpenWindow
from tests.journeys.house import House
from tests.journeys.test_reach_everybody import beside_the_browser
from tests.journeys.test_use_a_phone import PHONE, fits, has_names

pytestmark = pytest.mark.journey


def offered(page: Page) -> Locator:
    """What the menu after a slash shows."""
    return page.get_by_role("listbox", name="Saved prompts").get_by_role("option")


def question(page: Page) -> Locator:
    return page.locator("#question")


def test_a_slash_offers_them_and_their_places_are_filled_in(window: OpenWindow, house: House) -> None:
    house.model.script(tokens=["Welcome, Ines."])
    page = window("alice").open("/?assistant=writer")
    expect(question(page)).to_be_focused()
    page.keyboard.type("/")
    options = offered(page)
    expect(options).to_have_count(2)
    expect(question(page)).to_have_attribute("role", "combobox")
    expect(question(page)).to_have_attribute("aria-expanded", "true")
    expect(options.first).to_have_attribute("aria-selected", "true")
    page.keyboard.press("ArrowDown")
    expect(options.nth(1)).to_have_attribute("aria-selected", "true")
    active = question(page).get_attribute("aria-activedescendant")
    assert active == options.nth(1).get_attribute("id")
    page.keyboard.type("welc")
    expect(options).to_have_count(1)
    expect(options).to_contain_text("Olivia")
    page.keyboard.press("Enter")

    expect(page.get_by_label("name", exact=True)).to_be_focused()
    expect(page.get_by_role("listbox")).to_have_count(0)
    page.keyboard.type("Ines")
    expect(page.locator(".prompt-text")).to_have_text("Write a welcome note for Ines in English.")
    page.keyboard.press("Enter")
    expect(question(page)).to_be_focused()
    expect(question(page)).to_have_value("Write a welcome note for Ines in English.")
    page.keyboard.press("Enter")
    assert "Welcome, Ines." in ends(page.locator("article.answer")).inner_text()

    page.keyboard.type("/thank")
    expect(offered(page)).to_have_count(1)
    page.keyboard.press("Enter")
    expect(question(page)).to_have_value("Write a short thank-you note.")


def test_escape_leaves_what_was_written(window: OpenWindow) -> None:
    page = window("alice").open("/?assistant=writer")
    page.keyboard.type("/wel")
    expect(offered(page)).to_have_count(1)
    page.keyboard.press("Escape")
    expect(offered(page)).to_have_count(0)
    expect(question(page)).to_have_value("/wel")
    page.keyboard.press("Backspace")
    expect(offered(page)).to_have_count(1)
    page.keyboard.press("Enter")
    expect(page.get_by_label("language", exact=True)).to_have_value("English")
    page.keyboard.press("Escape")
    expect(page.get_by_label("language", exact=True)).to_have_count(0)
    expect(question(page)).to_be_focused()
    expect(question(page)).to_have_value("")
    page.keyboard.type("What is /etc for?")
    expect(page.get_by_role("listbox")).to_have_count(0)


def test_a_question_that_only_looks_like_one_is_asked(window: OpenWindow, house: House) -> None:
    house.model.script(tokens=["A folder."])
    page = window("alice").open("/?assistant=writer")
    page.keyboard.type("/etc")
    expect(page.get_by_role("listbox")).to_have_count(0)
    page.keyboard.press("Enter")
    assert "A folder." in ends(page.locator("article.answer")).inner_text()


def test_a_prompt_is_kept_deleted_and_brought_back(window: OpenWindow) -> None:
    page = window("charlie").open("/prompts/new")
    page.get_by_label("Name").fill("Minutes")
    page.get_by_label("Text").fill("Summarise the minutes of {{meeting}}.")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("To fill in: meeting")).to_be_visible()
    page.get_by_role("searchbox", name="Find a prompt").press_sequentially("minut")
    expect(page.locator(".prompt-row")).to_have_count(1)
    page.get_by_role("button", name="Delete Minutes").click()
    expect(page.locator(".prompt-row")).to_have_count(0)
    page.get_by_role("button", name="Undo").click()
    expect(page.locator(".prompt-row")).to_have_count(1)
    page.get_by_role("link", name="Use Minutes").click()
    expect(page.get_by_label("meeting")).to_be_focused()
    page.keyboard.type("Monday")
    page.keyboard.press("Enter")
    expect(question(page)).to_have_value("Summarise the minutes of Monday.")


def test_a_prompt_is_put_below_what_was_being_written_and_both_survive_a_reload(window: OpenWindow) -> None:
    page = window("alice").open("/")
    question(page).fill("Half a thought")
    page.goto("/prompts/")
    page.get_by_role("link", name="Use Thank you").click()
    both = "Half a thought\n\nWrite a short thank-you note."
    expect(question(page)).to_have_value(both)
    expect(question(page)).to_be_focused()
    page.keyboard.type(" For Bob.")
    question(page).press("Control+Home")
    page.keyboard.type("No more than h")
    question(page).press("Delete")
    edited = both.replace("H", "No more than h", 1) + " For Bob."
    expect(question(page)).to_have_value(edited)
    page.reload()
    expect(question(page)).to_have_value(edited)
    page.goto("/")
    expect(question(page)).to_have_value(edited)


def test_a_question_that_a_limit_refused_is_kept(
    window: OpenWindow, house: House, django_db_blocker: DjangoDbBlocker
) -> None:
    opened = window("charlie")
    opened.expect("429")
    page = opened.open("/?assistant=writer")
    with django_db_blocker.unblock():
        limit = beside_the_browser(partial(factories.make_limit, amount=0))
        page.wait_for_timeout(1000 * FRESH_SECONDS)
        try:
            question(page).fill("Is there room for me?")
            question(page).press("Enter")
            expect(page.get_by_role("alert")).to_contain_text("Your question was not sent.")
            expect(question(page)).to_have_value("Is there room for me?")
            page.goto("/")
            expect(question(page)).to_have_value("Is there room for me?")
        finally:
            beside_the_browser(partial(Limit.objects.filter(pk=limit.pk).update, removed_at=timezone.now()))


def test_without_a_script_the_page_has_all_of_it(window: OpenWindow) -> None:
    page = window("alice", java_script_enabled=False).open("/prompts/")
    page.get_by_role("link", name="Use Welcome note").click()
    page.get_by_label("name", exact=True).fill("Ines")
    page.get_by_role("button", name="Put it in").click()
    expect(question(page)).to_have_value("Write a welcome note for Ines in English.")
    page.get_by_role("link", name="Assistant: Handbook").click()
    page.get_by_role("link", name="Writer").click()
    expect(page.get_by_placeholder("Ask Writer…")).to_be_visible()


def test_an_assistant_is_chosen_by_typing_and_arrows(window: OpenWindow) -> None:
    page = window("alice").open("/?assistant=handbook")
    opener = page.locator("#assistant-picker")
    opener.focus()
    page.keyboard.press("Enter")
    box = page.get_by_role("dialog", name="Choose an assistant")
    expect(box.get_by_role("searchbox", name="Find an assistant")).to_be_focused()
    expect(box.get_by_role("link")).to_have_count(3)
    page.keyboard.press("ArrowUp")
    expect(box.get_by_role("link").last).to_be_focused()
    page.keyboard.press("ArrowUp")
    expect(box.get_by_role("link").nth(1)).to_be_focused()
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowUp")
    expect(box.get_by_role("searchbox", name="Find an assistant")).to_be_focused()
    page.keyboard.type("nobody")
    expect(box.get_by_text("No assistant has these words.")).to_be_visible()
    page.keyboard.press("Control+a")
    page.keyboard.type("writes research")
    expect(box.get_by_role("link")).to_have_count(1)
    page.keyboard.press("Enter")
    expect(page.get_by_placeholder("Ask Researcher…")).to_be_visible()
    page.locator("#assistant-picker").click()
    expect(box).to_be_visible()
    page.keyboard.press("Escape")
    expect(box).to_be_hidden()
    expect(page.locator("#assistant-picker")).to_be_focused()


def test_a_model_is_chosen_and_stays_chosen(window: OpenWindow, house: House) -> None:
    house.model.script(tokens=["Yes."])
    page = window("alice").open("/?assistant=writer")
    page.get_by_label("Model").select_option(label="large")
    question(page).fill("First?")
    question(page).press("Enter")
    ends(page.locator("article.answer"))
    assert house.model.requests[-1].body["model"] == "large"
    with page.expect_response("**/model") as answer:
        page.get_by_label("Model").select_option(label="scripted")
    assert answer.value.status == 204
    page.reload()
    expect(page.get_by_label("Model")).to_have_value("")
    question(page).fill("Second?")
    question(page).press("Enter")
    expect(page.locator("article.answer")).to_have_count(2)
    ends(page.locator("article.answer").last)
    assert house.model.requests[-1].body["model"] == "scripted"


def test_on_a_phone_all_of_it_fits(window: OpenWindow) -> None:
    page = window("alice", **PHONE).open("/?assistant=writer")
    fits(page)
    has_names(page)
    page.locator("#assistant-picker").tap()
    expect(page.get_by_role("dialog", name="Choose an assistant")).to_be_in_viewport()
    fits(page)
    has_names(page)
    page.get_by_role("button", name="Close").last.tap()
    page.get_by_role("button", name="Saved prompts").tap()
    expect(offered(page)).to_have_count(2)
    fits(page)
    page.get_by_role("option", name="Welcome note").tap()
    page.get_by_label("name", exact=True).fill("Ines")
    fits(page)
    has_names(page)
    page.get_by_role("button", name="Put it in").tap()
    expect(question(page)).to_have_value("Write a welcome note for Ines in English.")
    for path in ("/prompts/", "/prompts/new", "/account/instructions/", "/assistants/"):
        page.goto(path)
        fits(page)
        has_names(page)
