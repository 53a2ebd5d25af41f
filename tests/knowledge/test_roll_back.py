"""Going back to an earlier version and forth again; and that a published one never changes."""

from __future__ import annotations

import pytest
from django.db import DatabaseError, transaction

from accounts.models import AuditEvent, User
from app.errors import NotAllowedError
from knowledge.errors import NotReadyError
from knowledge.ingestion import upload_document, withdraw_document
from knowledge.models import Document, Source, Version
from knowledge.publication.processing import process_document
from knowledge.retrieval import search
from knowledge.versions import roll_back
from tests import factories
from tests.conftest import SignIn
from tests.knowledge.conftest import LEAVE, Publish

NEWER = LEAVE.replace("27 days", "28 days").replace("Annual leave", "Yearly leave")


@pytest.fixture
def changed(handbook: Source, publish: Publish) -> Document:
    """Two published versions: 27 days, then 28 days."""
    publish(handbook)
    return publish(handbook, content=NEWER)


def in_force(document: Document) -> Version:
    return document.versions.in_force().get()


def test_the_earlier_version_is_in_force_and_found_again(changed: Document, olivia: User, alice: User) -> None:
    back = roll_back(actor=olivia, document=changed, number=1)
    assert (in_force(back).number, back.title) == (1, "Annual leave")
    texts = [one.text for one in search(user=alice, query="How many days of annual leave?", limit=5)]
    assert any("27 days" in text for text in texts)
    assert not any("28 days" in text for text in texts)
    event = AuditEvent.objects.get(action="document.roll_back", actor=str(olivia.pk))
    assert (event.payload["from"], event.payload["to"]) == (2, 1)


def test_the_bytes_that_were_left_do_not_come_back_until_one_goes_forward(changed: Document, olivia: User) -> None:
    left = in_force(changed).sha256
    assert roll_back(actor=olivia, document=changed, number=1).ignored_sha256 == left
    forward = roll_back(actor=olivia, document=changed, number=2)
    assert (in_force(forward).number, forward.ignored_sha256) == (2, "")


def test_going_to_a_middle_version_still_keeps_the_newest_bytes_out(
    changed: Document, olivia: User, handbook: Source, publish: Publish
) -> None:
    newest = in_force(publish(handbook, content=NEWER.replace("28 days", "29 days"))).sha256
    roll_back(actor=olivia, document=changed, number=1)
    middle = roll_back(actor=olivia, document=changed, number=2)
    assert (in_force(middle).number, middle.ignored_sha256) == (2, newest)


def test_old_citations_open_what_they_quoted(changed: Document, olivia: User, alice: User, signed_in: SignIn) -> None:
    cited = in_force(changed).passages.get(text__contains="28 days")
    roll_back(actor=olivia, document=changed, number=1)
    page = signed_in(alice).get(f"/knowledge/passages/{cited.pk}/").content.decode()
    assert "28 days" in page


def test_only_its_keeper_may(changed: Document, alice: User, charlie: User) -> None:
    with pytest.raises(NotAllowedError):
        roll_back(actor=alice, document=changed, number=1)


@pytest.mark.parametrize("number", [2, 3, 99])
def test_only_to_another_version_that_was_published(changed: Document, olivia: User, number: int) -> None:
    factories.make_version(document=changed, number=3, published_at=None, withdrawn_at=changed.updated_at)
    with pytest.raises(NotReadyError):
        roll_back(actor=olivia, document=changed, number=number)


def test_not_while_a_version_is_read(changed: Document, olivia: User, handbook: Source) -> None:
    upload_document(actor=olivia, source=handbook, file=[b"# A\n\nEven newer."], name="leave.md")
    with pytest.raises(NotReadyError):
        roll_back(actor=olivia, document=changed, number=1)
    process_document(changed.pk)
    assert in_force(roll_back(actor=olivia, document=changed, number=1)).number == 1


def test_not_when_it_is_withdrawn(changed: Document, olivia: User) -> None:
    withdraw_document(actor=olivia, document=changed)
    with pytest.raises(NotReadyError):
        roll_back(actor=olivia, document=changed, number=1)


@pytest.mark.parametrize(
    "change",
    [
        {"text": "Something else."},
        {"sha256": "0" * 64},
        {"file": "else/where"},
        {"number": 7},
        {"pages": [[0, 1]]},
        {"published_at": None},
        {"size_bytes": 1},
    ],
    ids=lambda change: next(iter(change)),
)
def test_the_database_refuses_to_change_a_published_version(changed: Document, change: dict[str, object]) -> None:
    version = changed.versions.get(number=1)
    with pytest.raises(DatabaseError, match="never changes"), transaction.atomic():
        Version.objects.filter(pk=version.pk).update(**change)


def test_what_is_not_its_content_may_change_and_it_may_be_deleted(changed: Document) -> None:
    version = changed.versions.get(number=1)
    Version.objects.filter(pk=version.pk).update(passage_count=0, withdrawn_at=changed.updated_at)
    changed.source.delete()
    assert not Version.objects.filter(pk=version.pk).exists()
