"""A conversation is shared with a group, read without what its reader may not see, ended; and taken along as a file."""

from __future__ import annotations

import io
import re
import zipfile

import pypdfium2
import pytest
from playwright.sync_api import Page, expect
from pytest_django.plugin import DjangoDbBlocker

from accounts.models import User
from chat.models import Conversation
from tests import factories
from tests.journeys.conftest import OpenWindow
from tests.journeys.house import House
from tests.journeys.test_reach_everybody import beside_the_browser
from tests.journeys.test_use_a_phone import PHONE, fits, has_names

pytestmark = pytest.mark.journey

OPEN = "Everybody may take 28 days of leave in a calendar year."
CLOSED = "The band of a senior engineer runs from fifty-six to seventy-two thousand euros."
WITHHELD = "You do not have access to this source."


@pytest.fixture
def conversation(house: House, django_db_blocker: DjangoDbBlocker) -> Conversation:
    """alice's, with one source that charlie may read and one that he may not; both are in a group of their own."""
    with django_db_blocker.unblock():
        return beside_the_browser(_make)


def _make() -> Conversation:
    people = {user.name.lower(): user for user in User.objects.all()}
    alice, charlie = people["alice"], people["charlie"]
    factories.make_group("Choir", members=[alice, charlie])
    factories.make_conversation(owner=charlie, title="Of charlie's own")
    found = factories.make_conversation(owner=alice, title="Leave and pay")
    answer = factories.make_answer(conversation=found, text=f"{OPEN} [1]\n\n{CLOSED} [2]")
    for number, (title, words, group) in enumerate((("Leave", OPEN, "Choir"), ("Bands", CLOSED, "Board")), 1):
        groups = [factories.make_group(group, members=[alice])]
        source = factories.make_source(owner=people["olivia"], name=f"{title} {found.pk}", groups=groups)
        document = factories.make_document(source=source, title=title, paragraphs=[words])
        factories.make_citation(message=answer, passage=document.versions.get().passages.get(), number=number)
    return found


def share(page: Page, conversation: Conversation) -> str:
    """With Choir, from the conversation's head; the link."""
    page.goto(f"/c/{conversation.pk}/")
    page.get_by_role("link", name="Share this conversation").click()
    page.get_by_label("Everybody in Choir").check()
    page.get_by_role("button", name="Share", exact=True).click()
    expect(page.get_by_text("It is shared.")).to_be_visible()
    return str(page.get_by_label("Link of the share").first.input_value())


def test_a_group_reads_what_each_of_it_may_until_it_is_revoked(window: OpenWindow, conversation: Conversation) -> None:
    mine = window("alice").open()
    link = share(mine, conversation)
    hers = window("charlie")
    page = hers.open(link)
    expect(page.get_by_role("heading", name="Leave and pay")).to_be_visible()
    expect(page.locator(".answer")).to_contain_text(OPEN)
    expect(page.get_by_text(WITHHELD)).to_be_visible()
    assert "senior engineer" not in page.content() and "Bands" not in page.content()
    page.locator("a.cite", has_text="1").click()
    expect(page.locator("#viewer-body .passage")).to_contain_text("28 days")
    page.keyboard.press("Escape")
    page.locator("a.cite", has_text="2").click()
    expect(page.locator(".source-closed")).to_be_in_viewport()
    expect(page.locator("#viewer")).to_be_hidden()

    page.goto("/shares/?show=with")
    expect(page.get_by_role("link", name="Leave and pay").first).to_be_visible()
    mine.goto("/shares/")
    row = mine.locator(".share-row").first
    expect(row).to_contain_text("opened once")
    row.get_by_role("button", name="Revoke").click()
    expect(row).to_contain_text("Revoked")
    hers.expect("404")
    page.goto(link)
    expect(page.get_by_role("heading", name="There is nothing here")).to_be_visible()
    mine.get_by_role("button", name="Undo").click()
    expect(row.get_by_role("button", name="Revoke")).to_be_visible()
    page.goto(link)
    expect(page.get_by_role("heading", name="Leave and pay")).to_be_visible()


def test_people_are_found_while_their_name_is_written(window: OpenWindow, conversation: Conversation) -> None:
    page = window("alice").open(f"/c/{conversation.pk}/share")
    words = page.get_by_role("searchbox", name="People in your groups")
    words.press_sequentially("char")
    page.get_by_label("charlie@example.org").check()
    words.fill("")
    words.press_sequentially("olivia")
    expect(page.get_by_label("olivia@example.org")).to_be_visible()
    expect(page.get_by_label("charlie@example.org")).to_be_checked()
    words.fill("dana")
    expect(page.get_by_text("Nobody in your groups")).to_be_visible()
    page.get_by_label("30 days").check()
    page.get_by_role("button", name="Share", exact=True).click()
    expect(page.locator(".share-row").first).to_contain_text("Charlie")


def test_without_a_script_it_is_the_same_form(window: OpenWindow, conversation: Conversation) -> None:
    page = window("alice", java_script_enabled=False).open(f"/c/{conversation.pk}/share")
    page.get_by_role("searchbox", name="People in your groups").fill("char")
    page.get_by_role("button", name="Find").click()
    page.get_by_label("charlie@example.org").check()
    page.get_by_role("button", name="Share", exact=True).click()
    expect(page.get_by_text("It is shared.")).to_be_visible()
    page.get_by_role("button", name="Revoke").first.click()
    expect(page.get_by_text("Nobody can open it any more.")).to_be_visible()
    page.get_by_role("button", name="Undo").click()
    expect(page.locator(".share-row").first.get_by_role("button", name="Revoke")).to_be_visible()


def test_a_conversation_is_saved_as_a_pdf(window: OpenWindow, conversation: Conversation) -> None:
    page = window("alice").open(f"/c/{conversation.pk}/")
    page.get_by_role("link", name="Export this conversation").click()
    with page.expect_download() as saving:
        page.get_by_role("link", name="Download PDF").click()
    document = pypdfium2.PdfDocument(saving.value.path().read_bytes())
    text = " ".join(document[0].get_textpage().get_text_bounded().split())
    assert "How many days of leave do I have?" in text and OPEN in text and "Written by an AI" in text
    assert saving.value.suggested_filename.endswith(".pdf")


def test_everything_is_written_in_the_background_and_fetched(
    window: OpenWindow, house: House, conversation: Conversation
) -> None:
    alice = window("alice")
    for words in ("net::ERR_FAILED", "htmx:"):
        alice.expect(words)
    page = alice.open("/account/data/")
    page.route("**/account/data/progress", lambda route: route.abort(), times=1)
    with page.expect_event("requestfailed"):
        page.get_by_role("button", name="Export all").click()
    house.start_worker()
    expect(page.get_by_text("Your file is ready")).to_be_visible()
    with page.expect_download() as saving:
        page.get_by_role("link", name="Download").click()
    with zipfile.ZipFile(io.BytesIO(saving.value.path().read_bytes())) as archive:
        assert any(str(conversation.pk)[-6:] in name for name in archive.namelist())
    page.get_by_role("button", name="Remove the file now").click()
    expect(page.get_by_role("button", name="Export all")).to_be_visible()


def test_all_conversations_are_deleted_and_brought_back(window: OpenWindow, conversation: Conversation) -> None:
    page = window("charlie").open("/account/data/")
    delete = page.get_by_role("button", name=re.compile("^Delete .* conversation"))
    page.get_by_label("To confirm").first.fill("charlie@example.org")
    delete.click()
    expect(page.get_by_text("You have 0 conversations.")).to_be_visible()
    page.get_by_role("button", name="Bring back").first.click()
    expect(delete).to_be_visible()


def test_on_a_phone_all_of_it_fits(window: OpenWindow, conversation: Conversation) -> None:
    page = window("alice", **PHONE).open(f"/c/{conversation.pk}/")
    fits(page)
    link = share(page, conversation)
    for path in (f"/c/{conversation.pk}/share", f"/c/{conversation.pk}/export/", "/shares/", "/account/data/", link):
        page.goto(path)
        fits(page)
        has_names(page)
