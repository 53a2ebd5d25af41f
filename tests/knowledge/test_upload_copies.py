"""The same file uploaded again, under this name or that, is one document."""

from __future__ import annotations

from accounts.models import AuditEvent, User
from knowledge.ingestion import upload_document, withdraw_document
from knowledge.models import Copy, Document, Source
from knowledge.publication.processing import process_document
from tests import factories
from tests.knowledge.conftest import LEAVE, Publish


def test_another_name_is_another_place_of_the_document(olivia: User, handbook: Source, publish: Publish) -> None:
    first = publish(handbook, "leave.md")
    again = publish(handbook, "copy of leave.md")
    assert (again.pk, again.versions.count(), Document.objects.count()) == (first.pk, 1, 1)
    assert list(first.copies.values_list("key", flat=True)) == ["copy of leave.md"]
    publish(handbook, "copy of leave.md")
    assert AuditEvent.objects.filter(object=f"document:{first.pk}", action="document.copy").count() == 1


def test_a_hundred_times_is_one(handbook: Source, publish: Publish) -> None:
    for number in range(100):
        publish(handbook, f"{number}.md")
    assert (Document.objects.count(), Copy.objects.count()) == (1, 99)


def test_another_source_has_its_own(olivia: User, handbook: Source, publish: Publish) -> None:
    first = publish(handbook)
    other = publish(factories.make_source(owner=olivia, name="Other"))
    assert other.pk != first.pk


def test_when_one_of_them_changes_the_others_keep_what_they_say(
    olivia: User, handbook: Source, publish: Publish
) -> None:
    publish(handbook, "a.md")
    publish(handbook, "b.md")
    publish(handbook, "c.md")
    publish(handbook, "a.md", LEAVE.replace("27", "28"))
    parted = Document.objects.get(key="b.md")
    process_document(parted.pk)
    assert "27 days" in parted.versions.get().passages.earliest("ordinal").text
    assert list(parted.copies.values_list("key", flat=True)) == ["c.md"]
    publish(handbook, "c.md", LEAVE.replace("27", "29"))
    assert not Copy.objects.exists()
    assert Document.objects.count() == 3


def test_what_was_withdrawn_does_not_stand_for_a_new_upload(olivia: User, handbook: Source, publish: Publish) -> None:
    withdraw_document(actor=olivia, document=publish(handbook, "a.md"))
    assert publish(handbook, "b.md").state == Document.State.PUBLISHED


def test_the_keeper_is_asked_for_nothing_twice(olivia: User, handbook: Source) -> None:
    first = upload_document(actor=olivia, source=handbook, file=[b"# A\n\nWords."], name="a.md")
    second = upload_document(actor=olivia, source=handbook, file=[b"# A\n\nWords."], name="b.md")
    assert first.pk == second.pk
    assert process_document(first.pk)
    assert process_document(second.pk) is None
