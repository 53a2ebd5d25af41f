"""Parley for everyone: every page as axe judges it, in light, dark and all widths; keys, focus, forced colours, paper.

Each page is opened once and looked at four times: 1280 px in light and 320 px in dark by all rules, 768 px in dark and
640 px in light (what a window of 1280 px shows at 200 %) by those that depend on size and colour. All of them are asked
that nothing reaches beyond the screen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import groupby
from typing import Any

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from django.db import connection
from django.urls import reverse
from playwright.sync_api import Page, expect
from pytest_django.plugin import DjangoDbBlocker

from tests.architecture.access_matrix import PAGES
from tests.journeys.browsing import ask, ends
from tests.journeys.conftest import OpenWindow
from tests.journeys.house import House
from tests.journeys.visits import NO_PAGES, RICH, VISITS, Visit, make_things, put_away

pytestmark = pytest.mark.journey

# Off by default in axe, and promised here.
MORE_RULES = ("target-size", "label-content-name-mismatch", "td-has-header")
BY_SIZE = ("color-contrast", "target-size", "scrollable-region-focusable", "link-in-text-block")
LOOKS: list[tuple[int, str, tuple[str, ...]]] = [
    (1280, "light", ()),
    (320, "dark", ()),
    (768, "dark", BY_SIZE),
    (640, "light", BY_SIZE),
]
JUDGE = """async ([only, more]) => {
  const options = { resultTypes: ["violations"] };
  if (only.length) options.runOnly = { type: "rule", values: only };
  else options.rules = Object.fromEntries(more.map((name) => [name, { enabled: true }]));
  const { violations } = await axe.run(document, options);
  return violations.flatMap(({ id, nodes }) => nodes.map(({ target, any, all, none }) =>
    `${id}: ${target.join(" ")}: ${[...any, ...all, ...none].map(({ message }) => message).join("; ")}`));
}"""
BEYOND = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


def beside_the_browser(work: Callable[..., Any], *args: Any) -> Any:
    """Playwright keeps an event loop in this thread, in which Django refuses to use the database."""

    def do() -> Any:
        try:
            return work(*args)
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(do).result()


@pytest.fixture(scope="module")
def things(house: House, django_db_blocker: DjangoDbBlocker) -> Iterator[dict[str, str]]:
    with django_db_blocker.unblock():
        made = beside_the_browser(make_things)
        yield made
        beside_the_browser(put_away, made)


def judged(page: Page, only: Sequence[str]) -> list[str]:
    """What axe finds at the page's end, and at its beginning too: what stays in place may lie over half a button that
    has been scrolled under it."""
    page.evaluate("scrollTo(0, document.body.scrollHeight)")
    found: list[str] = page.evaluate(JUDGE, [only, MORE_RULES])
    if not found:
        return []
    page.evaluate("scrollTo(0, 0)")
    everywhere = set(page.evaluate(JUDGE, [only, MORE_RULES]))
    return [one for one in found if one in everywhere]


def look(page: Page, name: str) -> list[str]:
    """What axe finds in every look at the page as it stands, and where it is wider than the screen."""
    found = []
    for width, theme, only in LOOKS:
        page.set_viewport_size({"width": width, "height": 900})
        page.emulate_media(color_scheme=theme, reduced_motion="reduce")
        found += [f"{name}, {width} px, {theme}: {one}" for one in judged(page, only)]
        if (beyond := page.evaluate(BEYOND)) > 0:
            found.append(f"{name}, {width} px: reaches {beyond} px beyond the screen")
    page.set_viewport_size({"width": 1280, "height": 900})
    return found


def visit(page: Page, one: Visit, things: dict[str, str]) -> list[str]:
    """Look at a page, with everything folded open, and at each of its states."""
    args = {name: value[1:] if value.startswith("=") else things[value] for name, value in one.args.items()}
    page.goto(reverse(one.name, kwargs=args) + one.query)
    page.evaluate(AXE_SCRIPT)
    page.evaluate("for (const one of document.querySelectorAll('main details:not(.case-act)')) one.open = true")
    name = " ".join([one.name, *one.args.values()])
    found = look(page, name)
    for state, opens in one.states.items():
        opens(page)
        found += look(page, f"{name} with {state}")
        page.keyboard.press("Escape")
    return found


def whose() -> list[tuple[str | None, list[Visit]]]:
    return [(who, list(visits)) for who, visits in groupby(VISITS, lambda one: one.who)]


def test_every_page_is_visited() -> None:
    pages = {row.name for row in PAGES if row.method == "GET"}
    visited = {one.name for one in VISITS}
    assert pages - visited - NO_PAGES == set(), "add these to VISITS, or to NO_PAGES, in visits.py"
    assert (visited | NO_PAGES) - pages == set(), "these are no pages (any more)"


@pytest.mark.parametrize(("who", "visits"), whose(), ids=lambda value: value if isinstance(value, str) else "")
def test_axe_finds_nothing_on_any_page(
    window: OpenWindow, house: House, things: dict[str, str], who: str | None, visits: list[Visit]
) -> None:
    page = window(who).context.new_page()
    if who == "kim":
        things |= write_conversations(page, house)
    found = [wrong for one in visits for wrong in visit(page, one, things)]
    assert not found, "\n" + "\n".join(found)


def write_conversations(page: Page, house: House) -> dict[str, str]:
    """One that the handbook answered, with sources, and one that a model wrote with everything Markdown has."""
    conversations: dict[str, str] = {}
    house.model.script(tokens=[RICH])
    for name, assistant in (("asked", "handbook"), ("written", "researcher")):
        page.goto(f"/?assistant={assistant}")
        ends(ask(page, "How many days of annual leave do I have?"))
        conversations[name] = page.url.rstrip("/").rpartition("/")[2]
    return conversations


def test_pages_about_what_went_wrong_are_reached_too(window: OpenWindow) -> None:
    opened = window("alice")
    opened.expect("404")
    opened.expect("403")
    page = opened.context.new_page()
    for path in ("/no-such-page/", "/operations/pool/"):
        page.goto(path)
        page.evaluate(AXE_SCRIPT)
        assert not look(page, path)


def focused(page: Page) -> dict[str, Any]:
    found: dict[str, Any] = page.evaluate(
        "() => { const one = document.activeElement;"
        " return { tag: one.localName, id: one.id, words: one.getAttribute('aria-label') ?? one.textContent.trim() } }"
    )
    return found


def test_the_list_of_keys_is_true_everywhere_and_its_keys_do_what_it_says(
    window: OpenWindow, things: dict[str, str]
) -> None:
    page = window("ada").open("/operations/pool/")
    page.keyboard.press("?")
    sheet = page.locator("#shortcuts")
    expect(sheet).to_contain_text("Lists and tables")
    expect(sheet).to_contain_text("Go to Knowledge")
    expect(sheet.get_by_text("Write a question")).to_be_hidden()
    page.keyboard.press("Escape")
    expect(sheet).to_be_hidden()

    page.keyboard.press("j")
    first = page.evaluate("document.activeElement.closest('tr').rowIndex")
    page.keyboard.press("j")
    page.keyboard.press("k")
    assert page.evaluate("document.activeElement.closest('tr').rowIndex") == first

    page.keyboard.press("g")
    page.keyboard.press("k")
    expect(page).to_have_url(f"{window('ada').house.url}/knowledge/")
    page.keyboard.press("g")
    page.keyboard.press("c")
    expect(page.get_by_label("Your question")).to_be_focused()
    page.keyboard.type("?gk/j")  # where one writes, they are letters
    expect(page.get_by_label("Your question")).to_have_value("?gk/j")

    page.get_by_role("button", name="Account of Ada").click()
    page.locator("#account-menu").get_by_role("button", name="Keys").click()
    expect(sheet.get_by_text("Write a question")).to_be_visible()
    page.keyboard.press("Escape")
    assert focused(page)["words"] == "Account of Ada"


def test_single_keys_can_be_switched_off(window: OpenWindow) -> None:
    page = window("dana").open("/review/")
    page.keyboard.press("?")
    page.get_by_label("Keys that are one character work").uncheck()
    page.keyboard.press("Escape")
    page.reload()
    for key in ("?", "g", "k"):
        page.keyboard.press(key)
    expect(page.locator("#shortcuts")).to_be_hidden()
    expect(page).to_have_url(f"{window('dana').house.url}/review/")
    page.get_by_role("button", name="Account of Dana").click()
    page.get_by_role("button", name="Keys").click()
    page.get_by_label("Keys that are one character work").check()
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    expect(page.locator("#shortcuts")).to_be_visible()


def test_the_focus_stays_where_somebody_works(window: OpenWindow, things: dict[str, str]) -> None:
    page = window("kim").open(f"/knowledge/sources/{things['source']}/")
    row = page.locator("tr", has_text="Bad")
    row.get_by_role("button", name="Withdraw").focus()
    page.keyboard.press("Enter")
    expect(row.get_by_role("button", name="Bring back")).to_be_visible()
    assert page.evaluate("document.activeElement.closest('tr')?.textContent ?? ''").count("Bad")
    row.get_by_role("button", name="Bring back").focus()
    page.keyboard.press("Enter")
    expect(row.get_by_role("button", name="Withdraw")).to_be_visible()
    assert focused(page)["tag"] != "body"

    # What is put away leaves the focus with its neighbour, at last with the page.
    toasts = page.locator(".toast")
    while toasts.count():
        toasts.first.get_by_role("button", name="Dismiss").focus()
        page.keyboard.press("Enter")
        page.wait_for_timeout(50)
        assert focused(page)["tag"] != "body"
    assert focused(page)["tag"] == "main"


def test_forced_colours_tell_states_apart(window: OpenWindow, house: House) -> None:
    page = window("alice", forced_colors="active").open("/?assistant=handbook")
    answer = ask(page, "How many days of annual leave do I have?")
    ends(answer)
    edges = (
        "one => [getComputedStyle(one).outlineStyle, getComputedStyle(one).borderStyle,"
        " getComputedStyle(one).borderWidth].join()"
    )
    card = answer.locator(".source-card[data-cited]").first
    before = card.evaluate(edges)
    answer.locator("a.cite").first.click()
    expect(page.locator("#viewer-body .passage")).to_be_visible()
    assert card.evaluate(edges) != before
    current = page.locator(".conversation a[aria-current]")
    other = page.locator(".areas a:not([aria-current])").first
    assert "underline" in current.evaluate("one => getComputedStyle(one).textDecorationLine")
    assert "underline" not in other.evaluate("one => getComputedStyle(one).textDecorationLine")


def test_nothing_moves_for_whoever_asked_for_that(window: OpenWindow) -> None:
    page = window("alice", reduced_motion="reduce").open("/?assistant=handbook")
    answer = ask(page, "How many days of annual leave do I have?")
    ends(answer)
    answer.locator("a.cite").first.click()
    expect(page.locator("#viewer-body .passage")).to_be_visible()
    page.keyboard.press("?")
    assert page.evaluate("document.getAnimations().length") == 0


def test_a_conversation_is_printed_with_its_sources_below_each_answer(window: OpenWindow) -> None:
    page = window("alice").open("/?assistant=handbook")
    answer = ask(page, "How many days of annual leave do I have?")
    ends(answer)
    cited = answer.locator(".source-card[data-cited]").count()
    assert 0 < cited < answer.locator(".source-card").count()
    page.emulate_media(media="print")
    for chrome in (".bar", ".sidebar", ".dock", ".actions button"):
        expect(page.locator(chrome).first).to_be_hidden()
    shown = [card for card in answer.locator(".source-card").all() if card.is_visible()]
    assert len(shown) == cited
    text = answer.locator(".prose").first.bounding_box()
    first = shown[0].bounding_box()
    assert text and first and first["y"] >= text["y"] + text["height"]


def test_parley_can_be_installed_and_says_when_it_cannot_be_reached(window: OpenWindow, house: House) -> None:
    opened = window("alice")
    page = opened.open("/")
    told = opened.context.new_cdp_session(page).send("Page.getAppManifest")
    assert told["url"].endswith("/manifest.webmanifest")
    assert not told["errors"], told["errors"]

    until = "navigator.serviceWorker.ready.then(({ active }) => active.state)"
    assert page.evaluate(until) in ("activating", "activated")
    for words in ("answered", "net::ERR", "Failed to load", "WebSocket", "Manifest"):
        opened.expect(words)
    house.kill_web()
    try:
        page.goto("/knowledge/")
        expect(page.get_by_role("heading", name="You are offline")).to_be_visible()
        assert page.evaluate("getComputedStyle(document.body).fontFamily").count(
            "system-ui"
        )  # its sheets are kept, too
        kept = page.evaluate(
            "caches.keys().then(async (names) => (await Promise.all(names.map(async (name) =>"
            " (await (await caches.open(name)).keys()).map(({ url }) => new URL(url).pathname)))).flat())"
        )
        assert {path for path in kept if not path.startswith("/static/")} == {"/offline/"}
    finally:
        house.start_web()
    page.get_by_role("link", name="Try again").click()
    expect(page.get_by_role("heading", name="Knowledge", exact=True)).to_be_visible()
