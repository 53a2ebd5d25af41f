"""The table of a source's documents: filters, words, orders and pages, and one deed on many of them."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import AuditEvent, User
from knowledge.models import Document, Source
from tests import factories
from tests.conftest import SignIn
from tests.knowledge.conftest import Publish

State = Document.State


@pytest.fixture
def browser(olivia: User, signed_in: SignIn) -> Client:
    return signed_in(olivia)


@pytest.fixture
def shown(browser: Client, handbook: Source) -> Callable[[str], str]:
    """``shown("?state=held")``: the table alone."""
    return lambda query="": browser.get(f"/knowledge/sources/{handbook.pk}/documents/{query}").content.decode()


def act(browser: Client, source: Source, deed: str, *documents: Document, **headers: str) -> str:
    form = {"deed": deed, "document": [str(one.pk) for one in documents]}
    response = browser.post(f"/knowledge/sources/{source.pk}/documents/act/", form, headers=headers)
    assert response.status_code == 200, response.status_code
    return response.content.decode()


def test_filters_show_their_documents_and_how_many_they_are(handbook: Source, shown: Callable[[str], str]) -> None:
    for state in State.values:
        factories.make_document(source=handbook, title=f"A {state} paper", state=state)
    page = shown("")
    assert all(f"A {state} paper" in page for state in State.values)
    assert 'Being read <span class="digits quiet">2</span>' in page
    held = shown("?state=held")
    assert "A held paper" in held
    assert "A published paper" not in held
    waiting = shown("?state=waiting")
    assert "A queued paper" in waiting
    assert "A processing paper" in waiting
    assert "A published paper" in shown("?state=nonsense&sort=nonsense")


def test_words_are_sought_in_titles_and_names(handbook: Source, shown: Callable[[str], str]) -> None:
    factories.make_document(source=handbook, title="Leave", key="people/leave_100%.md")
    factories.make_document(source=handbook, title="Pay", key="people/pay.md")
    assert "Pay" not in shown("?q=LEAVE")
    assert "Leave" in shown("?q=100%25")
    assert "Leave" not in shown("?q=10_%25")
    assert "Nothing called that" in shown("?q=%3Cb%3E")
    assert "<b>" not in shown("?q=%3Cb%3E")


@pytest.mark.parametrize("order", ["", "changed", "title", "passages"])
def test_pages_of_every_order_hold_everything_once(
    browser: Client, handbook: Source, order: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("knowledge.listing.ROWS", 4)
    for number in range(10):
        factories.make_document(
            source=handbook, title=f"{'pP'[number % 2]}aper {number}", paragraphs=["Words."] * (number % 3 + 1)
        )
    seen: list[str] = []
    query: str | None = f"?sort={order}"
    while query:
        context = browser.get(f"/knowledge/sources/{handbook.pk}/documents/{query}").context
        seen += [row["document"].title for row in context["rows"]]
        query = context["next"]
    assert len(seen) == len(set(seen)) == 10
    if order == "title":
        assert seen == sorted(seen, key=str.lower)
    if order == "passages":
        assert [int(title[-1]) % 3 for title in seen] == [2] * 3 + [1] * 3 + [0] * 4


def test_a_cursor_of_another_order_is_refused(browser: Client, handbook: Source) -> None:
    for cursor in ("WyJ4IiwgIngiXQ", "nonsense", "WzEsIDJd"):
        for order in ("", "title", "passages"):
            url = f"/knowledge/sources/{handbook.pk}/documents/?sort={order}&cursor={cursor}"
            assert browser.get(url).status_code == 422


def test_a_keeper_sees_findings_and_goes_to_the_document(
    handbook: Source, publish: Publish, shown: Callable[[str], str]
) -> None:
    held = publish(handbook, "keys.md", "# Keys\n\nThe key of the server is AKIAQ3EGRIV5MZ7XN2LD, keep it safe.\n")
    assert held.state == State.HELD
    page = shown("")
    assert f'href="/knowledge/documents/{held.pk}/about/#quality-title"' in page
    assert "1 finding" in page


def test_a_reader_gets_neither_filters_nor_ticks(
    alice: User, handbook: Source, publish: Publish, signed_in: SignIn
) -> None:
    publish(handbook)
    factories.make_document(source=handbook, title="Hidden", state=State.HELD, version={"published_at": None})
    page = signed_in(alice).get(f"/knowledge/sources/{handbook.pk}/?state=held&q=leave").content.decode()
    assert "Annual leave" in page
    assert "Hidden" not in page
    assert 'class="tick"' not in page
    assert "filter-held" not in page


def test_many_are_withdrawn_and_brought_back_each_audited(browser: Client, handbook: Source, publish: Publish) -> None:
    first, second = publish(handbook), publish(handbook, "pay.md", "# Pay\n\nPay day is the 25th of each month.\n")
    page = act(browser, handbook, "withdraw", first, second, **{"HX-Request": "true"})
    assert "2 documents" in page
    assert 'name="deed" value="restore"' in page
    assert set(Document.objects.values_list("state", flat=True)) == {State.WITHDRAWN}
    objects = [f"document:{document.pk}" for document in (first, second)]
    assert AuditEvent.objects.filter(action="document.withdraw", object__in=objects).count() == 2
    act(browser, handbook, "restore", first, second)
    assert set(Document.objects.values_list("state", flat=True)) == {State.PUBLISHED}


def test_what_cannot_be_done_is_told_and_stops_nothing(browser: Client, handbook: Source, publish: Publish) -> None:
    published, refused = publish(handbook), publish(handbook, "empty.md", "# Nothing\n")
    page = act(browser, handbook, "retry", published, refused)
    assert "1 document" in page
    assert "Only a document that was refused can be tried again." in page
    refused.refresh_from_db()
    assert refused.state == State.QUEUED


def test_documents_of_other_sources_are_passed_over(browser: Client, handbook: Source, charlie: User) -> None:
    theirs = factories.make_document(source=factories.make_source(owner=charlie, name="Theirs"))
    assert "0 documents" in act(browser, handbook, "withdraw", theirs)
    theirs.refresh_from_db()
    assert theirs.state == State.PUBLISHED


def test_bad_input_is_refused(browser: Client, handbook: Source) -> None:
    url = f"/knowledge/sources/{handbook.pk}/documents/act/"
    document = factories.make_document(source=handbook)
    for form in (
        {"deed": "withdraw"},
        {"deed": "burn", "document": [str(document.pk)]},
        {"deed": "withdraw", "document": ["x"]},
    ):
        assert browser.post(url, form).status_code == 422


def test_a_reader_does_nothing_to_many(alice: User, handbook: Source, signed_in: SignIn) -> None:
    document = factories.make_document(source=handbook)
    form = {"deed": "withdraw", "document": [str(document.pk)]}
    assert signed_in(alice).post(f"/knowledge/sources/{handbook.pk}/documents/act/", form).status_code == 404


@pytest.mark.parametrize("order", ["title", "passages"])
def test_the_table_costs_as_many_statements_however_long(browser: Client, handbook: Source, order: str) -> None:
    url = f"/knowledge/sources/{handbook.pk}/documents/?sort={order}"

    def statements() -> int:
        with CaptureQueriesContext(connection) as queries:
            assert browser.get(url).status_code == 200
        return len(queries)

    factories.make_document(source=handbook, title="First")
    few = statements()
    for number in range(8):
        factories.make_document(source=handbook, title=f"Page {number}")
    assert statements() == few
