"""A version over the line waits for its keeper: nobody finds it, and the keeper publishes or refuses it."""

from __future__ import annotations

import pytest
from django.utils import timezone
from pytest_django import DjangoCaptureOnCommitCallbacks

from accounts.models import AuditEvent, User
from app.errors import BadInputError, NotAllowedError
from knowledge.errors import NotReadyError
from knowledge.models import Document, Passage, Source
from knowledge.publication.processing import process_document, process_documents
from knowledge.retrieval import search
from knowledge.versions import refuse_document, release_document
from tests.conftest import SignIn
from tests.knowledge.conftest import LEAVE, Publish

KEY = "AKIA" + "Q7RT2VNWX5KPLM3D"
LEAKY = f"{LEAVE}\n\n## The store\n\nWhoever is on duty signs in with the key {KEY}.\n"
State = Document.State


@pytest.fixture
def held(handbook: Source, publish: Publish) -> Document:
    """Published once; its second version holds a secret."""
    publish(handbook)
    return publish(handbook, content=LEAKY)


def actions(document: Document) -> list[str]:
    return list(
        AuditEvent.objects.filter(object=f"document:{document.pk}").order_by("seq").values_list("action", flat=True)
    )


def test_a_version_over_the_line_is_held_with_its_reason(held: Document) -> None:
    assert (held.state, held.attempts, held.lease_until) == (State.HELD, 0, None)
    assert held.reason == "There may be secrets: 1 access key."
    assert held.quality["holds"] == ["secrets"]
    assert actions(held)[-1] == "document.hold"
    waiting = held.waiting_version()
    assert waiting is not None
    (finding,) = waiting.report["findings"]
    start, end = finding["places"][0]
    assert waiting.text[start:end] == KEY
    assert KEY not in str(waiting.report)


def test_the_version_before_stays_in_force_and_nothing_new_is_found(held: Document, alice: User) -> None:
    in_force = held.published_version()
    assert in_force is not None
    assert in_force.number == 1
    assert not Passage.objects.filter(version__number=2).exists()
    found = search(user=alice, query="signs in with the key on duty", limit=5)
    assert all("AKIA" not in one.text for one in found)


def test_the_same_bytes_again_wait_no_second_time(held: Document, handbook: Source, publish: Publish) -> None:
    again = publish(handbook, content=LEAKY)
    assert (again.state, again.versions.count()) == (State.HELD, 2)


def test_a_better_version_is_published_over_the_held_one(held: Document, handbook: Source, publish: Publish) -> None:
    mended = publish(handbook, content=LEAKY.replace(KEY, "from the safe"))
    assert (mended.state, mended.reason) == (State.PUBLISHED, "")
    version = mended.published_version()
    assert version is not None
    assert version.number == 3


def test_releasing_publishes_exactly_what_was_judged(
    held: Document, olivia: User, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    with django_capture_on_commit_callbacks() as callbacks:
        queued = release_document(actor=olivia, document=held)
    assert (queued.state, len(callbacks)) == (State.QUEUED, 1)
    outcome = process_document(held.pk)
    assert outcome is not None
    assert outcome.state == State.PUBLISHED
    held.refresh_from_db()
    version = held.published_version()
    assert version is not None
    assert (version.number, version.accepted_by, version.passage_count) == (2, olivia, version.passages.count())
    assert version.report["holds"] == ["secrets"]
    assert version.passages.filter(text__contains=KEY).exists()
    assert actions(held)[-2:] == ["document.release", "document.publish"]


def test_refusing_ends_it_and_keeps_it_away(held: Document, olivia: User) -> None:
    refused = refuse_document(actor=olivia, document=held, reason=" It  leaks. ")
    assert (refused.state, refused.reason) == (State.REJECTED, "Refused by Olivia: It leaks.")
    version = refused.versions.get(number=2)
    assert (refused.ignored_sha256, version.published_at) == (version.sha256, None)
    assert refused.waiting_version() is None
    assert refused.published_version()
    assert actions(held)[-1] == "document.refuse"


def test_only_keepers_decide(held: Document, alice: User, bob: User) -> None:
    for decide in (release_document, refuse_document):
        with pytest.raises(NotAllowedError):
            decide(actor=alice, document=held)
    assert AuditEvent.objects.filter(outcome="denied", actor=str(alice.pk)).count() == 2


def test_a_decision_is_made_once(held: Document, olivia: User) -> None:
    refuse_document(actor=olivia, document=held)
    for decide in (release_document, refuse_document):
        with pytest.raises(NotReadyError):
            decide(actor=olivia, document=held)


def test_a_long_reason_is_not_taken(held: Document, olivia: User) -> None:
    with pytest.raises(BadInputError):
        refuse_document(actor=olivia, document=held, reason="x" * 301)


def test_a_source_may_never_hold_for_it(handbook: Source, publish: Publish) -> None:
    handbook.quality_lines = {"secrets": None}
    handbook.save()
    document = publish(handbook, content=LEAKY)
    assert (document.state, document.quality["holds"]) == (State.PUBLISHED, [])
    assert document.quality["findings"][0]["check"] == "secrets"


def test_a_first_version_that_is_held_has_its_title_and_nobody_opens_it(
    handbook: Source, publish: Publish, alice: User, olivia: User, signed_in: SignIn
) -> None:
    document = publish(handbook, content=LEAKY)
    assert document.title == "Annual leave"
    assert Document.objects.visible_to(alice).filter(pk=document.pk).count() == 0
    assert signed_in(alice).get(f"/knowledge/documents/{document.pk}/").status_code == 404
    assert signed_in(olivia).get(f"/knowledge/documents/{document.pk}/about/").status_code == 200


def test_several_documents_are_processed_together_each_to_its_own_end(
    handbook: Source, olivia: User, publish: Publish
) -> None:
    from knowledge.ingestion import upload_document

    contents = {"good.md": b"# Good\n\nSome words.", "leaky.md": LEAKY.encode(), "broken.pdf": b"%PDF-1.4 no"}
    ids = [upload_document(actor=olivia, source=handbook, file=[data], name=name).pk for name, data in contents.items()]
    taken = upload_document(actor=olivia, source=handbook, file=[b"# Taken\n\nBy another."], name="taken.md")
    Document.objects.filter(pk=taken.pk).update(state="processing", lease_until=timezone.now().replace(year=2100))
    outcomes = process_documents([*ids, taken.pk])
    assert [outcome and outcome.state for outcome in outcomes.values()].count(None) == 1
    assert {str(Document.objects.get(pk=pk).key): outcomes[pk].state for pk in ids if outcomes[pk]} == {  # type: ignore[union-attr]
        "good.md": State.PUBLISHED,
        "leaky.md": State.HELD,
        "broken.pdf": State.REJECTED,
    }


def test_a_version_overtaken_while_it_was_read_is_not_published(
    handbook: Source, olivia: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    from knowledge.ingestion import upload_document
    from knowledge.publication import preparing

    document = upload_document(actor=olivia, source=handbook, file=[b"# A\n\nOld words."], name="a.md")
    real = preparing.extract

    def slow(*args: object, **more: object) -> object:
        upload_document(actor=olivia, source=handbook, file=[b"# A\n\nNew words."], name="a.md")
        Document.objects.filter(pk=document.pk).update(state="processing", attempts=1)  # and another has begun it
        return real(*args, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(preparing, "extract", slow)
    assert process_document(document.pk) is None
    assert document.published_version() is None
