"""An answer that takes its time: read over a reload, in two tabs, stopped, asked for again, and over a crash."""

from __future__ import annotations

import pytest
from playwright.sync_api import Locator, Page, WebSocketRoute, expect

from tests.journeys.browsing import Window, ask, ends, eventually, plain
from tests.journeys.conftest import OpenWindow
from tests.journeys.house import House

pytestmark = pytest.mark.journey

ENDLESS = [f"word{number} " for number in range(5000)]
PACE = 0.03
QUESTION = "Tell me a long story."
GREETING = ("Good ", "day.")


@pytest.fixture
def alice(window: OpenWindow) -> Window:
    return window("alice")


@pytest.fixture
def page(alice: Window) -> Page:
    """A conversation with the writer that has begun, so that the next answer comes over the open line."""
    page = alice.open("/?assistant=writer")
    ends(ask(page, "Good day."))
    return page


def body(answer: Locator) -> Locator:
    return answer.locator(".prose").first


def is_beginning(text: str, words: list[str]) -> bool:
    """Whether ``text`` is how ``words`` begin: none missing, none twice."""
    said = text.split()
    return bool(said) and said == [word.strip() for word in words[: len(said)]]


def test_a_reload_and_a_second_tab_read_the_same_answer(alice: Window, page: Page, house: House) -> None:
    house.model.script(tokens=ENDLESS, pace=PACE)
    ask(page, QUESTION)
    tabs = [page]
    answers = [page.locator("article.answer").nth(1)]
    expect(body(answers[0])).to_contain_text("word20 ")
    page.reload()
    tabs.append(alice.open(page.url))
    answers.append(tabs[1].locator("article.answer").nth(1))
    for answer in answers:
        expect(answer).to_have_attribute("data-state", "writing")
    written = len(body(answers[0]).inner_text().split())
    for answer in answers:
        expect(body(answer)).to_contain_text(f"word{written + 20} ")
    tabs[1].keyboard.press("Escape")
    texts = [plain(ends(answer, "stopped").inner_text()) for answer in answers]
    assert texts[0] == texts[1]
    assert is_beginning(texts[0], ENDLESS)


def test_stop_keeps_the_text_and_again_gives_another_answer(page: Page, house: House) -> None:
    house.model.script(tokens=ENDLESS, pace=PACE)
    answer = ask(page, QUESTION)
    expect(body(answer)).to_contain_text("word9 ")
    page.get_by_role("button", name="Stop the answer").click()
    kept = plain(ends(answer, "stopped").inner_text())
    assert is_beginning(kept, ENDLESS)
    expect(answer).to_contain_text("What was written is kept; you can let it go on.")
    page.reload()
    assert plain(body(answer).inner_text()) == kept

    house.model.script(tokens=("Once ", "upon ", "a ", "time."))
    answer.get_by_role("button", name="Answer again").click()
    expect(body(answer)).to_have_text("Once upon a time.")
    ends(answer)
    expect(page.locator("article.answer")).to_have_count(2)
    expect(page.get_by_role("button", name="Send")).to_be_visible()


def test_a_line_that_breaks_is_opened_once(alice: Window, house: House) -> None:
    page = alice.context.new_page()
    lines: list[WebSocketRoute] = []

    def carry(line: WebSocketRoute) -> None:
        lines.append(line)
        line.connect_to_server()

    page.route_web_socket("**/ws/**", carry)
    page.goto("/?assistant=writer")
    ends(ask(page, "Good day."))
    eventually(page, lambda: len(lines) == 1)
    lines[0].close(code=1012)
    expect(page.get_by_text("Connection lost. Reconnecting…")).to_be_visible()
    page.evaluate("window.dispatchEvent(new Event('online'))")
    expect(page.locator("#connection")).to_be_hidden()
    page.wait_for_timeout(1500)
    assert len(lines) == 2
    house.model.script(tokens=GREETING)
    expect(body(ask(page, "Are you there?"))).to_have_text("Good day.")


def test_after_a_crash_the_page_finds_its_way_back(alice: Window, page: Page, house: House) -> None:
    alice.expect("WebSocket connection to")
    house.model.script(tokens=ENDLESS, pace=PACE)
    page.evaluate("window.isTheSame = true")
    answer = ask(page, QUESTION)
    expect(body(answer)).to_contain_text("word9 ")
    house.kill_web()
    expect(page.get_by_text("Connection lost. Reconnecting…")).to_be_visible()
    shown = plain(body(answer).inner_text())
    house.start_web()
    kept = plain(ends(answer, "interrupted").inner_text())
    assert kept.startswith(shown)
    assert is_beginning(kept, ENDLESS)
    expect(answer).to_contain_text("Interrupted.")
    expect(page.locator("#connection")).to_be_hidden()
    assert page.evaluate("window.isTheSame")

    house.model.script(tokens=GREETING)
    expect(body(ask(page, "Are you there?"))).to_have_text("Good day.")
