"""Bringing a file in: who may, what happens to it, what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.conf import settings
from pytest_django import DjangoCaptureOnCommitCallbacks

from accounts.models import AuditEvent, User
from app.errors import BadInputError, NotAllowedError
from knowledge.errors import CannotReadError, TooLargeError
from knowledge.ingestion import retry_document, safe_name, upload_document
from knowledge.models import Document, Passage, Source
from knowledge.publication.processing import process_document
from tests.knowledge.conftest import LEAVE, Publish


def test_a_document_is_published_with_exact_passages(handbook: Source, publish: Publish) -> None:
    document = publish(handbook)
    assert (document.state, document.title) == (Document.State.PUBLISHED, "Annual leave")
    version = document.published_version()
    assert version is not None
    passages = list(version.passages.all())
    assert [passage.heading_path for passage in passages] == [["Annual leave"], ["Annual leave", "Carrying days over"]]
    for passage in passages:
        assert version.text[passage.start : passage.end] == passage.text
        assert passage.embeddings.count() == 1
        assert passage.words


def test_it_is_read_by_a_task_that_is_queued_on_commit(
    olivia: User, handbook: Source, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    with django_capture_on_commit_callbacks() as callbacks:
        document = upload_document(actor=olivia, source=handbook, file=[LEAVE.encode()], name="leave.md")
    assert document.state == Document.State.QUEUED
    assert len(callbacks) == 1


def test_everything_is_audited(olivia: User, handbook: Source, publish: Publish) -> None:
    document = publish(handbook)
    events = AuditEvent.objects.filter(object=f"document:{document.pk}").order_by("seq")
    assert [(event.action, event.actor) for event in events] == [
        ("document.take", str(olivia.pk)),
        ("document.publish", "system:ingestion"),
    ]


def test_the_same_bytes_again_change_nothing(handbook: Source, publish: Publish) -> None:
    first = publish(handbook)
    before = first.updated_at
    again = publish(handbook)
    assert again.pk == first.pk
    assert again.versions.count() == 1
    assert again.updated_at == before


def test_other_bytes_make_a_new_version_and_withdraw_the_old(handbook: Source, publish: Publish) -> None:
    document = publish(handbook)
    publish(handbook, content=LEAVE.replace("27 days", "28 days"))
    old, new = document.versions.order_by("number")
    assert (old.number, new.number) == (1, 2)
    assert old.withdrawn_at
    assert not new.withdrawn_at
    assert "28 days" in new.text
    assert "27 days" in old.text


def test_a_bad_new_version_leaves_the_old_one_in_force(handbook: Source, publish: Publish) -> None:
    document = publish(handbook)
    refused = publish(handbook, content=b"\x00\x01binary")
    assert refused.pk == document.pk
    assert refused.state == Document.State.REJECTED
    assert "binary" in refused.reason
    version = refused.published_version()
    assert version is not None
    assert version.number == 1


def test_two_uploads_before_reading_publish_the_newer_only(olivia: User, handbook: Source) -> None:
    upload_document(actor=olivia, source=handbook, file=[b"# A\n\nFirst words."], name="a.md")
    document = upload_document(actor=olivia, source=handbook, file=[b"# A\n\nSecond words."], name="a.md")
    process_document(document.pk)
    assert Passage.objects.filter(version__document=document).get().text == "Second words."
    assert process_document(document.pk) is None


def test_an_unknown_kind_is_refused_before_it_is_kept(olivia: User, handbook: Source) -> None:
    with pytest.raises(CannotReadError, match=r"cannot read \.exe files"):
        upload_document(actor=olivia, source=handbook, file=[b"MZ"], name="setup.exe")
    assert not Document.objects.exists()


def test_an_empty_file_is_refused(olivia: User, handbook: Source) -> None:
    with pytest.raises(BadInputError, match="empty"):
        upload_document(actor=olivia, source=handbook, file=[], name="a.md")


def test_a_file_past_the_limit_is_refused_while_it_arrives(
    olivia: User, handbook: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "UPLOAD_MAX_BYTES", 1000)
    arrived = []

    def flood() -> object:
        for _ in range(1000):
            arrived.append(1)
            yield b"x" * 600

    with pytest.raises(TooLargeError):
        upload_document(actor=olivia, source=handbook, file=flood(), name="a.txt")  # type: ignore[arg-type]
    assert len(arrived) == 2
    assert not list((Path(settings.FILES_ROOT) / "drafts").iterdir())


def test_a_file_is_named_by_parley_not_by_its_owner(olivia: User, handbook: Source) -> None:
    document = upload_document(actor=olivia, source=handbook, file=[b"Words."], name="../../etc/cron.d/x.txt")
    assert document.key == "x.txt"
    version = document.versions.get()
    assert version.file.endswith(version.sha256)
    assert (Path(settings.FILES_ROOT) / version.file).read_bytes() == b"Words."


@pytest.mark.parametrize("name", ["", "..", "/", "\u200b", "a\\.."])
def test_a_name_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(BadInputError):
        safe_name(name)


def test_only_the_keeper_may(alice: User, ada: User, handbook: Source) -> None:
    with pytest.raises(NotAllowedError):
        upload_document(actor=alice, source=handbook, file=[b"Words."], name="a.txt")
    assert AuditEvent.objects.filter(action="knowledge.edit_source", outcome="denied", actor=str(alice.pk)).exists()
    assert upload_document(actor=ada, source=handbook, file=[b"Words."], name="a.txt").pk


def test_another_keeper_may_not(charlie: User, handbook: Source) -> None:
    charlie.roles = ["employee", "owner"]
    charlie.save()
    with pytest.raises(NotAllowedError):
        upload_document(actor=charlie, source=handbook, file=[b"Words."], name="a.txt")


def test_a_refused_document_can_be_tried_again(olivia: User, handbook: Source, publish: Publish) -> None:
    document = publish(handbook, "empty.md", "# Only a heading\n")
    assert document.state == Document.State.REJECTED
    assert "no text" in document.reason
    assert retry_document(actor=olivia, document=document).state == Document.State.QUEUED
    process_document(document.pk)
    document.refresh_from_db()
    assert document.state == Document.State.REJECTED
