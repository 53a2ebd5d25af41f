"""Finding back: a new name in the list, pins, tags, the archive; a message found by its words, by keyboard alone."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.journeys.browsing import ask, ends
from tests.journeys.conftest import OpenWindow
from tests.journeys.house import House
from tests.journeys.test_use_a_phone import PHONE, ask_by_thumb, fits, has_names

pytestmark = pytest.mark.journey


def begin(page: Page, house: House, question: str, answer: str, *, by_thumb: bool = False) -> str:
    """A conversation with one answer; its address."""
    house.model.script(tokens=[answer])
    page.goto("/?assistant=writer")
    send = ask_by_thumb if by_thumb else ask
    ends(send(page, question))
    page.wait_for_url("**/c/**")
    return page.url


def open_menu(page: Page, title: str) -> None:
    row = page.get_by_role("listitem").filter(has=page.get_by_role("link", name=title, exact=True))
    row.hover()
    page.get_by_role("link", name=f"More about {title}").click()
    expect(page.locator("#conversation-menu")).to_be_visible()


def test_a_conversation_is_named_pinned_tagged_and_archived_in_the_list(window: OpenWindow, house: House) -> None:
    page = window("alice").open()
    begin(page, house, "Which plants need water?", "The fern.")
    begin(page, house, "Which lamp is broken?", "The one in the hall.")
    side = page.get_by_role("navigation", name="Conversations")

    open_menu(page, "Which lamp is broken?")
    page.get_by_role("button", name="Rename").click()
    name = page.get_by_label("New name")
    expect(name).to_be_focused()
    name.fill("Lamps")
    name.press("Enter")
    expect(side.get_by_role("link", name="Lamps", exact=True)).to_be_focused()
    expect(page.get_by_role("heading", name="Lamps", level=1)).to_be_visible()
    expect(page).to_have_title("Lamps · Parley")
    page.keyboard.press("F2")
    name.fill("Nothing")
    name.press("Escape")
    expect(side.get_by_role("link", name="Lamps", exact=True)).to_be_focused()

    open_menu(page, "Which plants need water?")
    page.get_by_role("button", name="Pin to the top").click()
    expect(side.locator("section").filter(has_text="Pinned").get_by_role("link", name="Which plants")).to_have_count(2)
    expect(side.get_by_role("link", name="Which plants need water?", exact=True)).to_be_focused()

    open_menu(page, "Lamps")
    page.get_by_label("Tag", exact=True).fill("office")
    page.get_by_role("button", name="Add").click()
    expect(page.get_by_role("list", name="Kept under")).to_have_text(re.compile("office"))
    side.get_by_role("link", name="office").click()
    expect(side.get_by_role("link", name="Which plants need water?", exact=True)).to_have_count(0)
    expect(page).to_have_url(re.compile(r"\?tag="))
    page.reload()
    expect(side.get_by_role("link", name="Which plants need water?", exact=True)).to_have_count(0)
    side.get_by_role("link", name="All", exact=True).click()

    open_menu(page, "Lamps")
    page.get_by_role("button", name="Archive").click()
    expect(side.get_by_role("link", name="Lamps", exact=True)).to_have_count(0)
    page.get_by_role("button", name="Undo").click()
    expect(side.get_by_role("link", name="Lamps", exact=True)).to_be_visible()


def test_a_message_is_found_with_the_keyboard(window: OpenWindow, house: House) -> None:
    page = window("alice").open()
    address = begin(page, house, "Where are the umbrellas?", "The umbrellas stand behind the reception desk.")
    page.goto("/")
    page.keyboard.press("Control+k")
    expect(page.get_by_label("Search your conversations")).to_be_focused()
    page.keyboard.type("umbrellas recep")
    suggested = page.locator("#suggestions a")
    expect(suggested.first.locator("mark").first).to_have_text("umbrellas")
    page.keyboard.press("ArrowDown")
    expect(suggested.first).to_be_focused()
    page.keyboard.press("Enter")
    page.wait_for_url(f"{address}?at=*")
    found = page.locator("article:target")
    expect(found).to_contain_text("behind the reception desk")
    expect(found).to_be_in_viewport()


def test_the_search_page_narrows_as_one_types(window: OpenWindow, house: House) -> None:
    page = window("alice").open()
    begin(page, house, "Where is the aquarium?", "On the third floor.")
    page.goto("/search/")
    page.get_by_label("Words to find").press_sequentially("aquar")
    hits = page.locator(".hits > li")
    expect(hits).to_have_count(1)
    expect(page).to_have_url(re.compile("q=aquar"))
    page.get_by_label("With sources").check()
    expect(page.get_by_text("Nothing found")).to_be_visible()
    page.get_by_label("With sources").uncheck()
    expect(hits).to_have_count(1)


def test_searching_fits_a_phone(window: OpenWindow, house: House) -> None:
    page = window("alice", **PHONE).open()
    answer = f"In the {'very ' * 60} large hall. {'Donaudampfschifffahrt' * 12}"
    begin(page, house, "Where is the piano?", answer, by_thumb=True)
    page.goto("/search/?q=large")
    expect(page.locator(".hits > li")).to_have_count(1)
    fits(page)
    has_names(page)
    page.goto("/")
    page.get_by_role("link", name="Conversations", exact=True).tap()
    page.get_by_role("link", name="More about Where is the piano?").tap()
    expect(page.locator("#conversation-menu")).to_be_visible()
    fits(page)
    has_names(page)


def test_without_scripts_the_same_is_done_on_a_page(window: OpenWindow, house: House) -> None:
    begin(window("alice").open(), house, "Where is the harp?", "In the cellar.")
    page = window("alice", java_script_enabled=False).open()
    page.get_by_role("link", name="More about Where is the harp?").click()
    page.get_by_label("Name").fill("The harp")
    page.get_by_role("button", name="Rename").click()
    expect(page.get_by_role("heading", name="The harp", level=1)).to_be_visible()
    page.get_by_role("link", name="More about The harp").click()
    page.get_by_role("button", name="Archive").click()
    expect(page.get_by_role("link", name="More about The harp")).to_have_count(0)
    page.get_by_role("link", name="Archived").last.click()
    expect(page.get_by_role("link", name="More about The harp")).to_be_visible()
    page.get_by_label("Search your conversations").fill("cellar")
    page.get_by_label("Search your conversations").press("Enter")
    expect(page.locator(".hits mark")).to_have_text("cellar")
