"""Files in the chat: brought in by button, drop and paste, asked about, cited, opened, gone with their conversation."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Locator, Page, Route, expect
from pytest_django.plugin import DjangoDbBlocker

from chat.models import Assistant
from tests.chat.files import LETTER, picture
from tests.journeys.browsing import ask, ends
from tests.journeys.conftest import OpenWindow
from tests.journeys.house import House
from tests.journeys.test_reach_everybody import beside_the_browser

pytestmark = pytest.mark.journey

CARRY = """([kind, name, text]) => {
    const carried = new DataTransfer();
    carried.items.add(new File([text], name, { type: "text/plain" }));
    const field = document.getElementById("question");
    const how = { bubbles: true, cancelable: true };
    if (kind === "paste") return field.dispatchEvent(new ClipboardEvent("paste", { ...how, clipboardData: carried }));
    for (const step of ["dragenter", "dragover", "drop"])
        field.dispatchEvent(new DragEvent(step, { ...how, dataTransfer: carried }));
}"""

# What is copied in a word processor: the words, plain and with their looks, and a picture of them.
FROM_OFFICE = """() => {
    const carried = new DataTransfer();
    carried.setData("text/plain", "Forty desks");
    carried.setData("text/html", "<b>Forty desks</b>");
    carried.items.add(new File(["picture"], "image.png", { type: "image/png" }));
    const how = { bubbles: true, cancelable: true, clipboardData: carried };
    return document.getElementById("question").dispatchEvent(new ClipboardEvent("paste", how));
}"""


def attach(page: Page, *files: tuple[str, bytes]) -> None:
    given = [{"name": name, "mimeType": "text/plain", "buffer": data} for name, data in files]
    page.get_by_label("Attach files").set_input_files(given)


def waiting(page: Page, name: str) -> Locator:
    return page.locator("#files .file").filter(has_text=name)


def test_files_are_brought_in_asked_about_opened_and_gone(house: House, window: OpenWindow) -> None:
    alice, charlie = window("alice"), window("charlie")
    alice.expect("422")
    page = alice.open("/?assistant=handbook")
    attach(page, ("offer.md", LETTER.encode()), ("logo.svg", b"<svg><script>alert(1)</script></svg>"))
    page.evaluate(CARRY, ["drop", "prices.txt", "Coffee costs two euros."])
    page.evaluate(CARRY, ["paste", "rooms.txt", "Room nine is blue."])
    expect(waiting(page, "logo.svg")).to_contain_text("Parley cannot read .svg files")
    expect(waiting(page, "offer.md")).to_contain_text("being read")
    house.start_worker()
    for name in ("offer.md", "prices.txt", "rooms.txt"):
        expect(waiting(page, name)).to_have_attribute("data-state", "ready")
    page.get_by_role("button", name="Remove logo.svg").click()
    page.get_by_role("button", name="Remove rooms.txt").click()
    expect(page.locator("#files .file")).to_have_count(2)

    page.reload()  # what waits is still there
    expect(page.locator("#files .file")).to_have_count(2)
    answer = ask(page, "What do the forty standing desks of Nordwind cost?")
    expect(ends(answer)).to_contain_text("forty standing desks for 18,400 euros")
    question = page.locator("article.question")
    expect(question.locator(".file")).to_have_count(2)
    expect(page.locator("#files .file")).to_have_count(0)
    expect(answer.locator(".source-card").first).to_contain_text("Your file")

    answer.locator("a.cite").first.click()
    viewer = page.locator("#viewer-body")
    expect(viewer.locator("mark").first).to_contain_text("18,400 euros")
    expect(viewer).to_contain_text("Only you see it, and only in its conversation.")
    page.keyboard.press("Escape")

    page.evaluate(CARRY, ["paste", "desk.txt", "The desk of Ms Halden is made of oak."])
    expect(waiting(page, "desk.txt")).to_have_attribute("data-state", "ready")
    second = ask(page, "What is the desk of Ms Halden made of?")
    expect(ends(second)).to_contain_text("made of oak")
    expect(page.locator("article.question").last.locator(".file")).to_contain_text("desk.txt")

    address = page.url
    file = str(question.first.locator("a.file-name").first.get_attribute("href"))
    charlie.expect("404")
    expect(charlie.open(file).get_by_role("heading", level=1)).to_contain_text("nothing here")
    alice.expect("404")
    conversation = re.search(r"/c/([0-9a-f-]+)/", address)
    assert conversation
    page.goto(f"/c/{conversation[1]}/keep")
    page.locator("main").get_by_role("button", name="Delete").click()
    expect(alice.open(file).get_by_role("heading", level=1)).to_contain_text("nothing here")


def test_a_question_may_go_before_its_files_are_read(house: House, window: OpenWindow) -> None:
    house.model.script(tokens=["It is ", "red. [1]"])
    page = window("alice").open("/?assistant=writer")
    attach(page, ("colours.txt", b"The door of the archive is red."))
    expect(waiting(page, "colours.txt")).to_be_visible()
    answer = ask(page, "Which colour has the door of the archive?")
    house.start_worker()
    expect(ends(answer)).to_contain_text("It is red.")
    expect(answer.locator("a.cite")).to_have_count(1)
    assert any("door of the archive is red" in str(request.body) for request in house.model.requests)


def test_a_file_that_another_tab_removed_goes_and_one_that_cannot_be_asked_after_is_no_trouble(
    house: House, window: OpenWindow
) -> None:
    house.stop_worker()
    alice = window("alice")
    for words in ("net::ERR_INTERNET_DISCONNECTED", "htmx:"):
        alice.expect(words)
    page = alice.open("/?assistant=writer")
    attach(page, ("slow.txt", b"Nobody reads this yet."))
    expect(waiting(page, "slow.txt")).to_contain_text("being read")
    with page.expect_event("requestfailed"):
        page.context.set_offline(True)
    page.wait_for_timeout(200)
    expect(page.locator(".toast")).to_have_count(0)
    page.context.set_offline(False)
    other = alice.open("/?assistant=writer")
    other.get_by_role("button", name="Remove slow.txt").click()
    for tab in (other, page):
        expect(waiting(tab, "slow.txt")).to_have_count(0)
    expect(page.locator(".toast")).to_have_count(0)


def test_words_from_an_office_program_stay_words(window: OpenWindow) -> None:
    page = window("alice").open("/?assistant=writer")
    assert page.evaluate(FROM_OFFICE), "the browser puts the words in"
    page.evaluate(CARRY, ["paste", "alone.txt", "A file comes alone."])
    expect(page.locator("#files .file")).to_have_count(1)
    page.get_by_role("button", name="Remove alone.txt").click()
    expect(page.locator("#files .file")).to_have_count(0)


def test_a_suggestion_pressed_while_a_file_is_sent_is_asked_once_that_is_there(
    house: House, window: OpenWindow, django_db_blocker: DjangoDbBlocker
) -> None:
    with django_db_blocker.unblock():
        beside_the_browser(_suggest, "What is in it?")
    house.model.script(tokens=["It is ", "green."])
    page = window("alice").open("/?assistant=writer")
    held: list[Route] = []
    page.route("**/files/", lambda route: held.append(route))
    with page.expect_request("**/files/"):
        attach(page, ("door.txt", b"The door is green."))
    page.get_by_role("button", name="What is in it?").click()
    expect(waiting(page, "door.txt")).to_contain_text("sending")
    house.start_worker()
    held[0].continue_()
    expect(page.locator(".question-text")).to_have_text("What is in it?")
    expect(ends(page.locator("article.answer"))).to_contain_text("It is green.")
    expect(page.locator("article.question .file")).to_contain_text("door.txt")
    with django_db_blocker.unblock():
        beside_the_browser(_suggest)


def _suggest(*suggestions: str) -> None:
    Assistant.objects.filter(slug="writer").update(suggestions=list(suggestions))


def test_an_image_that_the_model_cannot_use_is_said_and_comes_back(house: House, window: OpenWindow) -> None:
    house.start_worker()
    page = window("alice").open("/?assistant=writer")
    ends(ask(page, "Hello?"))
    attach(page, ("photo.png", picture()))
    expect(waiting(page, "photo.png")).to_have_attribute("data-state", "ready")
    expect(waiting(page, "photo.png").locator("img")).to_be_visible()
    field = page.get_by_label("Your question")
    field.fill("What is in this picture?")
    field.press("Enter")
    expect(page.locator(".toast")).to_contain_text("This model cannot read images")
    expect(field).to_have_value("What is in this picture?")
    expect(waiting(page, "photo.png")).to_be_visible()
    page.get_by_role("button", name="Remove photo.png").click()
    expect(page.locator("#files .file")).to_have_count(0)
    page.reload()
    expect(page.locator("#files .file")).to_have_count(0)
