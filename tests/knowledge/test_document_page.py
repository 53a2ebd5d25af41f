"""The page of a document for its keeper, the comparison of two versions, and the same for programs."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from knowledge.ingestion import upload_document
from knowledge.models import Document, Source
from knowledge.publication.processing import process_document
from knowledge.versions import release_document, roll_back
from knowledge.viewing.histories import find_judged_version
from tests import factories
from tests.conftest import SignIn
from tests.knowledge.conftest import LEAVE, Publish
from tests.knowledge.test_hold_document import KEY, LEAKY


@pytest.fixture
def held(handbook: Source, publish: Publish) -> Document:
    """Published once; its second version holds a secret."""
    publish(handbook)
    return publish(handbook, content=LEAKY)


def about(document: Document) -> str:
    return f"/knowledge/documents/{document.pk}/about/"


def test_it_says_why_it_is_held_with_the_secret_covered(held: Document, olivia: User, signed_in: SignIn) -> None:
    page = signed_in(olivia).get(about(held)).content.decode()
    assert "Held for you." in page
    assert "There may be secrets: 1 access key." in page
    assert KEY not in page
    assert "<mark>AKIA••••••••••••••••</mark>" in page
    assert "Readers still find version 1." in page


def test_its_keeper_publishes_it_there(held: Document, olivia: User, signed_in: SignIn) -> None:
    client = signed_in(olivia)
    answer = client.post(f"/knowledge/documents/{held.pk}/release/", {"from": "document"}, follow=True)
    assert answer.redirect_chain[-1][0] == about(held)
    assert "Waiting to be read" in answer.content.decode()
    process_document(held.pk)
    page = client.get(about(held)).content.decode()
    assert "Released by Olivia" in page
    assert "Searches find it" in page


def test_a_second_decision_says_how_things_stand(held: Document, olivia: User, signed_in: SignIn) -> None:
    client = signed_in(olivia)
    client.post(f"/knowledge/documents/{held.pk}/refuse/", {"from": "document", "reason": "It leaks."})
    answer = client.post(f"/knowledge/documents/{held.pk}/release/", {"from": "document"}, follow=True)
    page = answer.content.decode()
    assert "Nothing is held here." in page
    assert "Refused by Olivia: It leaks." in page


def test_it_rolls_back_and_says_that_the_bytes_stay_away(
    handbook: Source, publish: Publish, olivia: User, signed_in: SignIn
) -> None:
    publish(handbook)
    document = publish(handbook, content=LEAVE.replace("27", "28"))
    client = signed_in(olivia)
    client.post(f"/knowledge/documents/{document.pk}/rollback/", {"from": "document", "version": "1"})
    page = client.get(about(document)).content.decode()
    assert "A sync passes over them until its source has others." in page
    assert document.versions.in_force().get().number == 1
    assert client.post(f"/knowledge/documents/{document.pk}/rollback/", {"version": "x"}).status_code == 422


def test_a_document_on_its_way_asks_for_itself(handbook: Source, olivia: User, signed_in: SignIn) -> None:
    document = upload_document(actor=olivia, source=handbook, file=[b"# A\n\nWords."], name="a.md")
    assert 'hx-trigger="every 1500ms"' in signed_in(olivia).get(about(document)).content.decode()
    process_document(document.pk)
    assert 'hx-trigger="every' not in signed_in(olivia).get(about(document)).content.decode()


def test_passages_and_versions_are_paged(handbook: Source, publish: Publish, olivia: User, signed_in: SignIn) -> None:
    text = "# Long\n\n" + "".join(f"## Part {number}\n\nSomething about number {number}.\n\n" for number in range(30))
    document = publish(handbook, "long.md", text)
    client = signed_in(olivia)
    first, rest = (client.get(about(document) + query).content.decode() for query in ("", "?passages_after=24"))
    assert "about number 24." in first and "about number 25." not in first
    assert "about number 25." in rest and "about number 24." not in rest


def test_a_keeper_who_is_no_reader_sees_no_words(held: Document, ada: User, signed_in: SignIn) -> None:
    page = signed_in(ada).get(about(held)).content.decode()
    assert "There may be secrets" in page
    assert "27 days" not in page and "AKIA" not in page
    first, second = held.versions.order_by("number")
    assert signed_in(ada).get(f"/knowledge/versions/{first.pk}/diff/{second.pk}/").status_code == 404
    assert signed_in(ada).get(f"/knowledge/versions/{first.pk}/file/").status_code == 404


def test_hostile_text_is_only_text(handbook: Source, publish: Publish, olivia: User, signed_in: SignIn) -> None:
    evil = "<img src=x onerror=alert(1)> password: <script>alert(1)</script>Sunny-Harbour-2931"
    document = publish(handbook, "evil.txt", f"{evil}\n\nSome more words to read here.")
    other = publish(handbook, "evil.txt", f"{evil} again\n\nSome more words to read here, {KEY}.")
    first, second = document.versions.order_by("number")
    pages = [about(other), f"/knowledge/versions/{first.pk}/diff/{second.pk}/"]
    for address in [*pages, f"{pages[1]}?shape=inline&show=all"]:
        page = signed_in(olivia).get(address).content.decode()
        assert "<img src=x" not in page
        assert "<script>alert" not in page


def test_two_versions_are_compared_whichever_way_they_are_named(
    held: Document, olivia: User, alice: User, signed_in: SignIn
) -> None:
    first, second = held.versions.order_by("number")
    for one, other in ((first, second), (second, first)):
        page = signed_in(olivia).get(f"/knowledge/versions/{one.pk}/diff/{other.pk}/").content.decode()
        assert "2 added, 0 removed" in page
        assert f"<ins>Whoever is on duty signs in with the key {KEY}.</ins>" in page
    address = f"/knowledge/versions/{first.pk}/diff/{second.pk}/"
    assert signed_in(alice).get(address).status_code == 404
    assert signed_in(olivia).get(f"/knowledge/versions/{first.pk}/diff/{first.pk}/").status_code == 404


def test_the_file_of_a_version_is_saved_under_its_number(held: Document, olivia: User, signed_in: SignIn) -> None:
    version = held.versions.get(number=1)
    answer = signed_in(olivia).get(f"/knowledge/versions/{version.pk}/file/")
    assert b"".join(answer.streaming_content) == LEAVE.encode()  # type: ignore[attr-defined]
    assert "leave (version 1).md" in answer.headers["Content-Disposition"]
    assert answer.headers["Content-Type"] == "application/octet-stream"


def test_programs_get_the_report_and_decide(held: Document, olivia: User, ada: User, with_key: SignIn) -> None:
    client = with_key(olivia)
    base = f"/api/v1/documents/{held.pk}"
    report = client.get(f"{base}/report").json()
    assert (report["version"], report["state"]) == (2, "held")
    (finding,) = report["findings"]
    assert (finding["check"], finding["level"], finding["holds"]) == ("secrets", "serious", True)
    listed = client.get(f"{base}/versions?limit=1").json()
    assert [one["state"] for one in listed["items"]] == ["waiting"]
    rest = client.get(f"{base}/versions?cursor={listed['next']}").json()
    assert [one["state"] for one in rest["items"]] == ["in_force"]
    assert client.get(f"{base}/versions?cursor=x").status_code == 422
    refused = client.post(f"{base}/refuse", {"reason": "No."}, content_type="application/json").json()
    assert (refused["state"], refused["version"]) == ("rejected", 1)
    conflict = client.post(f"{base}/release")
    assert (conflict.status_code, conflict.json()["error"]["code"]) == (409, "not_ready")


def test_programs_roll_back_withdraw_and_restore(
    handbook: Source, publish: Publish, olivia: User, with_key: SignIn
) -> None:
    publish(handbook)
    document = publish(handbook, content=LEAVE.replace("27", "28"))
    client, base = with_key(olivia), f"/api/v1/documents/{document.pk}"
    back = client.post(f"{base}/rollback", {"version": 1}, content_type="application/json").json()
    assert (back["state"], back["version"]) == ("published", 1)
    assert client.post(f"{base}/withdraw").json()["state"] == "withdrawn"
    assert client.post(f"{base}/restore").json()["version"] == 1


def test_readers_are_told_of_what_is_in_force_alone(held: Document, alice: User, with_key: SignIn) -> None:
    told = with_key(alice).get(f"/api/v1/documents/{held.pk}").json()
    assert (told["state"], told["reason"], told["version"], told["quality"]) == ("published", "", 1, {})


def test_after_rolling_back_the_report_is_that_of_the_version_in_force(held: Document, olivia: User) -> None:
    release_document(actor=olivia, document=held)
    process_document(held.pk)
    judged = find_judged_version(roll_back(actor=olivia, document=held, number=1))
    assert judged is not None
    assert judged.number == 1


def test_a_longer_history_costs_no_more_statements(handbook: Source, olivia: User, signed_in: SignIn) -> None:
    document = factories.make_document(source=handbook)
    client, counts = signed_in(olivia), []
    for first, last in ((2, 4), (4, 14)):
        for number in range(first, last):
            document.versions.filter(withdrawn_at=None).update(withdrawn_at=document.created_at)
            factories.make_version(document=document, number=number, paragraphs=[f"Part {n}" for n in range(number)])
        client.get(about(document))
        with CaptureQueriesContext(connection) as captured:
            client.get(about(document))
        counts.append(len(captured))
    assert counts[0] == counts[1]
