"""Documents brought in by their keepers, by hand and from a folder: read, found by those who may, withdrawn."""

from __future__ import annotations

import re
from io import BytesIO
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from reportlab.pdfgen.canvas import Canvas

from tests.journeys.browsing import ask, ends
from tests.journeys.conftest import OpenWindow
from tests.journeys.house import CREW, House

pytestmark = pytest.mark.journey

SOURCE = "Sailing club"
GOOD = ("boats.md", "regatta.pdf")
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
    page.get_by_role("link", name="Uploads").click()
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
            {"name": "tool.exe", "mimeType": "application/octet-stream", "buffer": b"MZ"},
            {"name": "torn.pdf", "mimeType": "application/pdf", "buffer": b"%PDF-1.4 torn"},
        ]
    )
    arrivals = page.get_by_role("list", name="Files on their way")
    rows = {name: arrivals.get_by_role("listitem").filter(has_text=name) for name in (*GOOD, "tool.exe", "torn.pdf")}
    for name in (*GOOD, "torn.pdf"):
        expect(rows[name]).to_contain_text("Arrived; it is being read now.")
    expect(rows["tool.exe"]).to_contain_text("Parley does not read .exe files.")
    table = page.get_by_role("table", name=f"Documents of {SOURCE}")
    # Nothing reads yet; what was brought in waits, and the page follows by itself once something does.
    expect(table.get_by_text("Waiting to be read")).to_have_count(3)
    house.start_worker()
    expect(table.get_by_text("Published")).to_have_count(2)
    for name in GOOD:
        expect(rows[name]).to_contain_text("Published")
    expect(rows["torn.pdf"]).to_contain_text("Not taken")

    asked = {"Where are the dinghies kept?": "boathouse seven", "When must the spinnaker be packed?": "harbour gate"}
    alice = window("alice").open("/?assistant=handbook")
    for question, words in asked.items():
        expect(ends(ask(alice, question))).to_contain_text(words)
    alice.locator("article.answer").last.locator("a.cite").first.click()
    expect(alice.locator("#viewer #cited")).to_be_attached()
    expect(alice.locator("#viewer .page-sheet img")).to_have_attribute("alt", re.compile("Marked on it: .*spinnaker"))
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


def test_ada_follows_a_folder_and_withdraws_many_at_once(window: OpenWindow, house: House, tmp_path: Path) -> None:
    for number in range(1, 5):
        words = f"# Berth {number}\n\nBerth {number} is for boats of up to {number + 5} metres.\n"
        (tmp_path / f"berth-{number}.md").write_text(words)
    (tmp_path / "chart.bin").write_bytes(b"\x00\x01")
    house.start_worker()
    page = window("ada").open("/knowledge/sources/new/")
    page.get_by_role("link", name="Folder", exact=True).click()
    page.get_by_label("Name").fill("Harbour")
    page.get_by_label("Folder", exact=True).fill(str(tmp_path))
    page.get_by_role("button", name="Test the connection").click()
    expect(page.get_by_text("It works: 5 items")).to_be_visible()
    page.get_by_role("button", name="Make source").click()

    # The run is followed to its end, and says what it did not take.
    runs = page.get_by_role("table", name="Runs over Harbour")
    expect(runs.get_by_text("with things not taken")).to_be_visible()
    expect(page.get_by_role("button", name="Sync now")).to_be_enabled()
    runs.get_by_role("link", name="1", exact=True).click()
    expect(page.get_by_text("cannot read .bin files")).to_be_visible()
    page.go_back()

    table = page.get_by_role("table", name="Documents of Harbour")
    expect(table.get_by_text("Published")).to_have_count(4)
    for number in (2, 3):
        page.get_by_label(f"Tick Berth {number}").check()
    bulk = page.get_by_role("form", name="With the ticked documents")
    expect(bulk).to_contain_text("2 ticked")
    bulk.get_by_role("button", name="Withdraw").click()
    expect(page.get_by_text("2 documents withdrawn.")).to_be_visible()
    page.get_by_role("link", name="Withdrawn 2").click()
    expect(table.get_by_role("link", name="Berth 2", exact=True)).to_be_visible()
    expect(table.get_by_text("Berth 1")).to_have_count(0)
    page.get_by_label("Tick all on this page").check()
    bulk.get_by_role("button", name="Bring back").click()
    expect(page.get_by_text("2 documents brought back.")).to_be_visible()
    expect(page.get_by_text("None of these")).to_be_visible()

    page.get_by_role("link", name="All 4").click()
    page.get_by_label("Search titles and names in Harbour").fill("berth-4")
    expect(table.get_by_role("row")).to_have_count(2)
