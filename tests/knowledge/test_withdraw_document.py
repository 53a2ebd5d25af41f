"""Taking a document out, and back."""

from __future__ import annotations

import pytest

from accounts.models import AuditEvent, User
from app.errors import NotAllowedError
from knowledge.errors import NotReadyError
from knowledge.ingestion import restore_document, withdraw_document
from knowledge.models import Document, Source
from tests.knowledge.conftest import LEAVE, Publish


def test_withdrawing_twice_is_one_deed(olivia: User, handbook: Source, publish: Publish) -> None:
    document = publish(handbook)
    withdraw_document(actor=olivia, document=document)
    assert withdraw_document(actor=olivia, document=document).state == Document.State.WITHDRAWN
    assert AuditEvent.objects.filter(action="document.withdraw", object=f"document:{document.pk}").count() == 1


def test_the_last_version_comes_back(olivia: User, handbook: Source, publish: Publish) -> None:
    document = publish(handbook)
    publish(handbook, content=LEAVE.replace("27", "28"))
    withdraw_document(actor=olivia, document=document)
    restored = restore_document(actor=olivia, document=document)
    version = restored.published_version()
    assert version is not None
    assert version.number == 2
    assert restored.state == Document.State.PUBLISHED


def test_a_document_that_is_there_cannot_be_brought_back(olivia: User, handbook: Source, publish: Publish) -> None:
    with pytest.raises(NotReadyError):
        restore_document(actor=olivia, document=publish(handbook))


def test_a_withdrawn_file_that_comes_again_is_published_again(handbook: Source, olivia: User, publish: Publish) -> None:
    document = publish(handbook)
    withdraw_document(actor=olivia, document=document)
    assert publish(handbook).state == Document.State.PUBLISHED


def test_only_the_keeper_may(alice: User, handbook: Source, publish: Publish) -> None:
    document = publish(handbook)
    with pytest.raises(NotAllowedError):
        withdraw_document(actor=alice, document=document)
    document.refresh_from_db()
    assert document.state == Document.State.PUBLISHED
