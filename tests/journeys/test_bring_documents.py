"""Files brought in by their keeper: on their way, read, and found by those who may, and by nobody else."""

from __future__ import annotations

from io import BytesIO

import pytest
from playwright.sync_api import Page, expect
from reportlab.pdfgen.canvas import Canvas

from tests.journeys.browsing import ask, ends
from tests.journeys.conftest import OpenWindow
from tests.journeys.house import CREW, House

pytestmark = pytest.mark.journey

SOURCE = "Sailing club"
MARKDOWN = "# Sailing club\n\nThe dinghies are kept in boathouse seven, and the padlock opens with 4417.\n"


def pdf(*lines: str) -> bytes:
    """A page with these lines."""
    data = BytesIO()
    canvas = Canvas(data)
    for number, line in enumerate(lines):
        canvas.drawString(72, 760 - 16 * number, line)
    canvas.save()
    return data.getvalue()


def make_source(page: Page) -> None:
    page.get_by_role("link", name="New source").click()
    page.get_by_label("Name").fill(SOURCE)
    page.get_by_label("The groups ticked below").check()
    page.get_by_label(CREW).check()
    page.get_by_role("button", name="Make source").click()
    expect(page.get_by_role("heading", name=SOURCE)).to_be_visible()


def test_olivia_brings_files_in_and_only_her_group_finds_them(window: OpenWindow, house: House) -> None:
    page = window("olivia").open("/knowledge/")
    make_source(page)
    regatta = pdf("Regatta rules", "The spinnaker must be packed before the harbour gate closes at nine.")
    page.get_by_label("Choose files").set_input_files(
        [
            {"name": "boats.md", "mimeType": "text/markdown", "buffer": MARKDOWN.encode()},
            {"name": "regatta.pdf", "mimeType": "application/pdf", "buffer": regatta},
        ]
    )
    arrivals = page.get_by_role("list", name="Files on their way")
    for name in ("boats.md", "regatta.pdf"):
        expect(arrivals.get_by_role("listitem").filter(has_text=name)).to_contain_text("Arrived; it is being read now.")
    table = page.get_by_role("table", name=f"Documents of {SOURCE}")
    # Nothing reads yet; what was brought in waits, and the page follows by itself once something does.
    expect(table.get_by_text("Waiting to be read")).to_have_count(2)
    house.start_worker()
    expect(table.get_by_text("Published")).to_have_count(2)

    asked = {"Where are the dinghies kept?": "boathouse seven", "When must the spinnaker be packed?": "harbour gate"}
    alice = window("alice").open("/?assistant=handbook")
    for question, words in asked.items():
        expect(ends(ask(alice, question))).to_contain_text(words)
    alice.locator("article.answer").last.locator("a.cite").first.click()
    expect(alice.locator("#viewer #cited")).to_contain_text("spinnaker")
    expect(alice.locator("#viewer")).to_contain_text(SOURCE)

    charlie = window("charlie").open("/?assistant=handbook")
    for question, words in asked.items():
        answer = ask(charlie, question)
        ends(answer)
        expect(answer).not_to_contain_text(words)
        expect(answer).not_to_contain_text(SOURCE)
    charlie.goto("/knowledge/")
    expect(charlie.get_by_text("Handbook")).to_be_visible()
    expect(charlie.get_by_text(SOURCE)).to_have_count(0)
    refused = charlie.request.get(page.url)
    assert refused.status == 404
