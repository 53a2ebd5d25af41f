"""Parley on a phone in the dark: nothing wider than the screen, a drawer, a sheet, and a name on everything."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.journeys.browsing import ends
from tests.journeys.conftest import OpenWindow
from tests.journeys.house import House

pytestmark = pytest.mark.journey

PHONE = {
    "viewport": {"width": 360, "height": 740},
    "device_scale_factor": 2,
    "is_mobile": True,
    "has_touch": True,
    "color_scheme": "dark",
}
WIDE = (
    "A table:\n\n"
    + f"|{'|'.join(f' column {number} ' for number in range(9))}|\n|{'---|' * 9}\n"
    + f"|{'|'.join(' a rather long cell ' for _ in range(9))}|\n\n"
    + f"```python\nname = '{'x' * 300}'\n```\n\n"
    + f"A word without an end: {'Donaudampfschifffahrt' * 12}.\n\n"
    + f"An address: https://intranet.example/{'path/' * 40}\n"
)
# How far the page reaches beyond the screen, in CSS pixels.
BEYOND = "document.documentElement.scrollWidth - 360"
BRIGHTNESS = """() => {
  const colour = getComputedStyle(document.body).backgroundColor;
  const canvas = document.createElement("canvas").getContext("2d");
  canvas.fillStyle = colour;
  canvas.fillRect(0, 0, 1, 1);
  return Math.max(...canvas.getImageData(0, 0, 1, 1).data.slice(0, 3));
}"""
# How the thing with the focus and the frames around it are drawn; and the same once it has lost the focus. Where both
# are alike, nobody sees the focus.
DRAWN = """() => {
  const one = document.activeElement;
  const look = (box) => {
    const { outlineStyle, outlineWidth, outlineColor, boxShadow, borderColor, backgroundColor } = getComputedStyle(box);
    return [outlineStyle, outlineWidth, outlineColor, boxShadow, borderColor, backgroundColor].join();
  };
  const all = () => [one, one.parentElement, one.parentElement.parentElement].map(look).join("|");
  const box = one.getBoundingClientRect();
  const isInSight = box.width > 0 && box.height > 0 && box.right > 0 && box.left < innerWidth;
  const focused = all();
  one.blur();
  return isInSight && focused !== all();
}"""
NAMELESS = re.compile(r"^\s*- (button|link|textbox|checkbox|radio|combobox|menuitem\w*)(?! \")", re.MULTILINE)


def fits(page: Page) -> None:
    assert page.evaluate(BEYOND) <= 0, page.url


def has_names(page: Page) -> None:
    """Everything that can be pressed or filled has a name that a screen reader says."""
    tree = page.locator("body").aria_snapshot()
    assert "button" in tree
    assert not NAMELESS.findall(tree), tree


def ask_by_thumb(page: Page, question: str) -> Locator:
    page.get_by_label("Your question").fill(question)
    page.get_by_role("button", name="Send").tap()
    return page.locator("article.answer").last


def test_a_conversation_fits_and_its_drawer_and_sheet_open_and_close(window: OpenWindow, house: House) -> None:
    house.model.script(tokens=[WIDE[at : at + 20] for at in range(0, len(WIDE), 20)])
    page = window("alice", **PHONE).open("/?assistant=researcher")
    assert page.evaluate(BRIGHTNESS) < 64
    fits(page)
    has_names(page)
    answer = ask_by_thumb(page, "How many days of annual leave do I have?")
    body = ends(answer)
    expect(body.locator("table")).to_be_attached()
    fits(page)
    has_names(page)

    drawer = page.get_by_role("navigation", name="Conversations")
    expect(drawer).not_to_be_in_viewport()
    page.get_by_role("link", name="Conversations", exact=True).tap()
    expect(drawer).to_be_in_viewport()
    fits(page)
    has_names(page)
    drawer.get_by_role("link", name="Close").tap()
    expect(drawer).not_to_be_in_viewport()
    page.get_by_role("link", name="Conversations", exact=True).tap()
    page.keyboard.press("Escape")
    expect(drawer).not_to_be_in_viewport()

    answer.locator(".source-card").first.tap()
    sheet = page.locator("#viewer")
    expect(sheet).to_be_in_viewport()
    expect(sheet).to_contain_text("Handbook")
    expect(page.get_by_role("main")).to_have_attribute("inert", "")  # what lies behind the sheet is out of reach
    fits(page)
    has_names(page)
    page.get_by_role("button", name="Close the source").tap()
    expect(sheet).to_be_hidden()
    fits(page)


@pytest.mark.parametrize(
    ("name", "path"),
    [
        (None, "/account/login/"),
        ("alice", "/account/keys/"),
        ("olivia", "/knowledge/"),
        ("olivia", "/knowledge/sources/new/"),
        ("dana", "/review/"),
    ],
)
def test_other_pages_fit_and_name_their_parts(window: OpenWindow, name: str | None, path: str) -> None:
    page = window(name, **PHONE).open(path)
    assert page.evaluate(BRIGHTNESS) < 64
    fits(page)
    has_names(page)


def test_a_moderator_decides_on_a_phone(window: OpenWindow) -> None:
    question = "Is a salary paid in advance?"
    ends(ask_by_thumb(window("alice", **PHONE).open("/?assistant=handbook"), question), "held")
    review = window("dana", **PHONE).open("/review/")
    review.get_by_role("link", name=question).tap()
    review.get_by_role("button", name="Claim this case").tap()
    expect(review.get_by_text("You have claimed this case")).to_be_visible()
    fits(review)
    has_names(review)
    review.get_by_role("button", name="Approve").first.tap()
    expect(review.get_by_text("Decided by Dana")).to_be_visible()
    fits(review)


def test_whoever_tabs_sees_where_they_are(window: OpenWindow) -> None:
    page = window("alice", color_scheme="dark").open("/?assistant=handbook")
    page.get_by_label("Your question").fill("How many days of annual leave do I have?")
    page.keyboard.press("Enter")
    ends(page.locator("article.answer"))
    page.locator("body").evaluate("() => document.activeElement.blur()")
    stops = 0
    while stops < 60:
        page.keyboard.press("Tab")
        name = page.evaluate("document.activeElement.outerHTML.slice(0, 300)")
        if name.startswith("<body"):
            break
        stops += 1
        assert page.evaluate(DRAWN), name
    assert stops > 10
