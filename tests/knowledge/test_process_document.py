"""Reading a document to its end, with workers that die, stall or come twice."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.models import User
from app.errors import UnavailableError
from knowledge.ingestion import upload_document
from knowledge.models import Document, Source
from knowledge.publication import preparing, processing
from knowledge.publication.processing import process_document
from knowledge.tasks import requeue_stuck
from tests.knowledge.conftest import Publish


@pytest.fixture
def waiting(olivia: User, handbook: Source) -> Document:
    return upload_document(actor=olivia, source=handbook, file=[b"# A\n\nSome words."], name="a.md")


def test_a_document_that_another_worker_holds_is_left_alone(waiting: Document) -> None:
    Document.objects.filter(pk=waiting.pk).update(
        state="processing", attempts=1, lease_until=timezone.now() + timedelta(seconds=30)
    )
    assert process_document(waiting.pk) is None


def test_a_worker_that_died_is_taken_over_from(waiting: Document) -> None:
    Document.objects.filter(pk=waiting.pk).update(
        state="processing", attempts=1, lease_until=timezone.now() - timedelta(seconds=1)
    )
    outcome = process_document(waiting.pk)
    assert outcome is not None
    assert outcome.state == Document.State.PUBLISHED


def test_a_document_that_ends_two_workers_is_refused(waiting: Document) -> None:
    Document.objects.filter(pk=waiting.pk).update(
        state="processing", attempts=2, lease_until=timezone.now() - timedelta(seconds=1)
    )
    process_document(waiting.pk)
    waiting.refresh_from_db()
    assert waiting.state == Document.State.REJECTED
    assert "twice" in waiting.reason


def test_who_lost_the_lease_does_not_publish(waiting: Document, monkeypatch: pytest.MonkeyPatch) -> None:
    real = preparing.extract

    def slow(*args: object, **options: object) -> object:
        Document.objects.filter(pk=waiting.pk).update(attempts=2)  # another worker has taken over meanwhile
        return real(*args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(preparing, "extract", slow)
    assert process_document(waiting.pk) is None
    assert waiting.published_version() is None


def test_a_part_that_does_not_answer_costs_no_attempt(waiting: Document, monkeypatch: pytest.MonkeyPatch) -> None:
    def down(*_: object) -> object:
        raise UnavailableError

    monkeypatch.setattr(processing, "embed_passages", down)
    process_document(waiting.pk)
    waiting.refresh_from_db()
    assert (waiting.state, waiting.attempts) == (Document.State.QUEUED, 0)
    assert waiting.lease_until
    assert waiting.lease_until > timezone.now()


def test_what_was_left_lying_is_queued_again_once(waiting: Document) -> None:
    assert requeue_stuck() == 0
    Document.objects.filter(pk=waiting.pk).update(updated_at=timezone.now() - timedelta(minutes=5))
    assert requeue_stuck() == 1
    assert requeue_stuck() == 0


def test_a_document_that_is_gone_is_nothing_to_do(waiting: Document) -> None:
    gone = waiting.pk
    waiting.delete()
    assert process_document(gone) is None


def test_a_title_holds_no_secret(handbook: Source, publish: Publish) -> None:
    text = "Password: Tr0ub4dor-and-3\n\nWhat follows is said at length so that there is enough of it to be read.\n"
    assert publish(handbook, name="door-codes.txt", content=text).title == "Door codes"
