"""Text that wants to be more than text: as a question, a title, a passage, a file's name and a model's answer."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.journeys import hostile
from tests.journeys.browsing import ask, ends
from tests.journeys.conftest import OpenWindow
from tests.journeys.house import House

pytestmark = pytest.mark.journey

# Whatever on a page could run or fetch, other than Parley's own: handlers, frames, addresses outside or of scripts,
# htmx attributes that carry somebody else's address, and elements that stand twice.
FOREIGN = """() => {
  const wrong = [];
  const tell = (one, why) => wrong.push(`${why}: ${one.outerHTML.slice(0, 160)}`);
  for (const one of document.querySelectorAll("iframe, object, embed, base, style, script:not([src])"))
    tell(one, "element");
  for (const one of document.querySelectorAll("*:not(#limit-notices)")) {
    for (const { name, value } of one.attributes) {
      if (name.startsWith("on")) tell(one, name);
      if (/^(data-)?hx-/.test(name) && /outside|account|harmed/.test(value)) tell(one, name);
      if (!["href", "src", "action", "formaction", "xlink:href", "srcset"].includes(name)) continue;
      const url = new URL(value, location.href);
      if (url.origin !== location.origin) tell(one, name);
    }
  }
  for (const id of ["composer", "messages", "toasts", "conversation", "limit-notices"])
    if (document.querySelectorAll(`[id="${id}"]`).length > 1) wrong.push(`twice: #${id}`);
  if (window.harmed !== undefined) wrong.push(`ran: ${window.harmed}`);
  return wrong;
}"""


@pytest.fixture
def house_of_lies(house: House) -> House:
    """A house whose model says hostile things, in pieces that cut through their middle."""
    pieces = [hostile.ANSWER[at : at + 9] for at in range(0, len(hostile.ANSWER), 9)]
    house.model.script(tokens=pieces, pace=0.004)
    return house


def is_harmless(page: Page) -> None:
    assert page.evaluate(FOREIGN) == []


def test_an_answer_and_its_sources_stay_text(window: OpenWindow, house_of_lies: House) -> None:
    page = window("alice").open("/?assistant=researcher")
    answer = ask(page, hostile.QUESTION)
    expect(page.locator(".question-text")).to_have_text(hostile.QUESTION)
    expect(answer.locator(".source-title").first).to_have_text(hostile.TITLE)
    body = ends(answer)
    expect(body).to_contain_text(hostile.MARKUP[0])
    expect(body).to_contain_text("That is all.")
    expect(body.locator("img")).to_have_count(0)
    is_harmless(page)

    # Once more over the open line, where pieces are swapped into the page as they come.
    again = ask(page, hostile.QUESTION)
    ends(again)
    is_harmless(page)

    cite = again.locator("a.cite").first
    cite.hover()
    expect(page.locator("#peek")).to_contain_text(hostile.TITLE)
    cite.click()
    expect(page.locator("#viewer")).to_contain_text(hostile.TITLE)
    is_harmless(page)
    page.get_by_role("link", name="Open as a page of its own").click()
    expect(page.get_by_role("heading", name=hostile.TITLE).first).to_be_visible()
    is_harmless(page)


def test_a_link_outside_says_first_where_it_leads(window: OpenWindow, house_of_lies: House) -> None:
    page = window("alice").open("/?assistant=researcher")
    body = ends(ask(page, "Which lighthouse links are there?"))
    expect(body.get_by_role("link", name="press here")).to_have_count(0)
    body.get_by_role("link", name="a link").click()
    expect(page.get_by_role("heading", name="This link leads out of Parley")).to_be_visible()
    expect(page.locator("code.address")).to_have_text("https://outside.example/leave?q=secret")
    page.get_by_role("link", name="Stay here").click()
    expect(page.get_by_label("Your question")).to_be_visible()


def test_a_keeper_and_a_moderator_see_it_as_text_too(window: OpenWindow, house_of_lies: House) -> None:
    keeper = window("olivia").open("/knowledge/")
    keeper.get_by_role("link", name=hostile.SOURCE).click()
    row = keeper.get_by_role("row").filter(has_text=hostile.TITLE)
    expect(row).to_contain_text(hostile.FILE)
    is_harmless(keeper)
    row.get_by_role("button", name="Withdraw").click()
    expect(keeper.locator(".toast")).to_contain_text(hostile.TITLE)
    is_harmless(keeper)
    keeper.locator(".toast").get_by_role("button", name="Undo").click()
    expect(row).to_contain_text("Published")

    question = f"Is the lighthouse keeper's salary secret? {hostile.QUESTION}"
    ends(ask(window("alice").open("/?assistant=researcher"), question), "held")
    review = window("dana").open("/review/")
    review.get_by_role("link", name="Is the lighthouse keeper's salary secret?").click()
    expect(review.locator("#case-title")).to_have_text(question)
    expect(review.locator(".case-waiting")).to_contain_text(hostile.MARKUP[0])
    expect(review.locator(".case-passages")).to_contain_text(hostile.TITLE)
    is_harmless(review)


@pytest.mark.parametrize("markup", hostile.MARKUP)
def test_the_search_for_foreign_elements_finds_them(window: OpenWindow, markup: str) -> None:
    nobody = window()
    page = nobody.open("/account/login/")
    nobody.expect("")
    page.evaluate(
        """html => {
      const main = document.querySelector("main");
      main.id = "conversation";
      main.append(Object.assign(document.createElement("div"), { id: "composer" }));
      main.append(Object.assign(document.createElement("div"), { id: "messages" }));
      main.insertAdjacentHTML("beforeend", html);
    }""",
        markup,
    )
    assert page.evaluate(FOREIGN) != []
