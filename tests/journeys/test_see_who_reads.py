"""An administrator is allowed to read somebody's conversations, and that person sees it on the page they have open."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.journeys.browsing import ask, ends
from tests.journeys.conftest import OpenWindow

pytestmark = pytest.mark.journey

REASON = "Complaint 17 of the works council."


def test_a_permission_shows_at_once_and_goes_when_it_ends(window: OpenWindow) -> None:
    theirs = window("charlie").open("/?assistant=handbook")
    ends(ask(theirs, "How many days of annual leave do I have?"))
    theirs.evaluate("window.isTheSame = true")

    asking = window("ada").open("/people/?q=charlie")
    asking.get_by_role("row", name="Charlie").get_by_role("link").first.click()
    asking.get_by_label("Why", exact=True).last.fill(REASON)
    asking.get_by_role("button", name="Ask for permission").click()
    expect(asking.get_by_role("row", name=REASON).first).to_contain_text("waits for a second person")

    deciding = window("aaron").open("/people/insights/")
    deciding.get_by_role("row", name=REASON).first.get_by_role("button", name="Allow").first.click()
    expect(theirs.get_by_text("may read your conversations")).to_be_visible()

    asking.reload()
    asking.get_by_role("row", name=REASON).first.get_by_role("link", name="Read").click()
    asking.get_by_role("link", name="How many days").first.click()
    expect(asking.locator(".question-text").first).to_contain_text("How many days")
    asking.get_by_role("link", name="Conversations of others").click()
    asking.get_by_role("row", name=REASON).first.get_by_role("button", name="End").click()
    expect(theirs.get_by_text("may read your conversations")).to_be_hidden()
    assert theirs.evaluate("window.isTheSame")

    theirs.goto("/account/insights/")
    expect(theirs.get_by_role("listitem").filter(has_text=REASON)).to_contain_text("Opened 1 conversation.")
