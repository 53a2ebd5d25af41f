"""What a sync makes of what it finds: news, copies, moves, what is gone, and what cannot be read."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import AuditEvent, User
from knowledge.connectors.base import LeftOut
from knowledge.connectors.registry import CONNECTORS
from knowledge.errors import NotReadyError
from knowledge.files import keep
from knowledge.ingestion import restore_document, upload_document, withdraw_document
from knowledge.models import Copy, Document, Passage, Source, Sync, Version
from knowledge.retrieval import search
from knowledge.sources import change_source, create_source, delete_source, pause_source, start_sync
from knowledge.syncs.removals import confirm_removals, undo_removals
from knowledge.syncs.running import begin, claim, find_forgotten
from knowledge.syncs.syncing import run_sync
from knowledge.versions import roll_back
from tests import factories
from tests.knowledge import shelf
from tests.knowledge.shelf import Shelf

pytestmark = pytest.mark.django_db(transaction=True)
SyncOnce = Callable[..., Sync]


@pytest.fixture
def there(monkeypatch: pytest.MonkeyPatch) -> Shelf:
    """What lies on the shelf."""
    monkeypatch.setitem(CONNECTORS, "shelf", "tests.knowledge.shelf.ShelfConnector")
    monkeypatch.setattr(shelf, "SHELF", Shelf())
    return shelf.SHELF


@pytest.fixture
def keeper(transactional_db: None) -> User:
    return factories.make_user("olivia", roles=["owner"])


@pytest.fixture
def source(keeper: User, there: Shelf) -> Source:
    return create_source(actor=keeper, name="Shelf", kind="shelf")


@pytest.fixture
def sync(keeper: User, source: Source) -> SyncOnce:
    """Look through the shelf once, to the end."""

    def once() -> Sync:
        begun = start_sync(actor=keeper, source=Source.objects.get(pk=source.pk))
        run_sync(begun.pk)
        begun.refresh_from_db()
        return begun

    return once


def text(number: int | str) -> str:
    return f"# Page {number}\n\nThis page speaks of matter {number}, and of nothing else at all."


def counts(sync: Sync) -> dict[str, int]:
    names = ("seen", "added", "changed", "unchanged", "removed", "renamed", "failed", "withheld")
    return {name: getattr(sync, name) for name in names if getattr(sync, name)}


def keys() -> dict[str, str]:
    return dict(Document.objects.values_list("key", "state"))


def events(source: Source, action: str, **about: Any) -> int:
    return AuditEvent.objects.filter(object=f"source:{source.pk}", action=action, **about).count()


def state_of_knowledge() -> list[Any]:
    """Every row of documents, versions and passages with the transaction that wrote it last."""
    rows: list[Any] = []
    with connection.cursor() as cursor:
        for table in ("document", "version", "passage", "copy", "embedding"):
            cursor.execute(f"select id, xmin::text from knowledge_{table} order by id")
            rows += cursor.fetchall()
    return rows


def test_everything_is_taken_and_counted(there: Shelf, sync: SyncOnce, keeper: User) -> None:
    there.texts = {"a.md": text("alpha"), "b/c.txt": text("beta")}
    there.left_out = [LeftOut("old/", "It is hidden.")]
    done = sync()
    assert (done.state, done.total, counts(done)) == ("done", 2, {"seen": 2, "added": 2})
    assert done.failures == [{"key": "old/", "reason": "It is hidden."}]
    assert keys() == {"a.md": "published", "b/c.txt": "published"}
    document = Document.objects.get(key="a.md")
    assert document.url == "https://shelf.example/a.md"
    assert document.versions.get().taken_in == done
    assert search(user=keeper, query="matter alpha")[0].document_title == "Page alpha"


def test_no_change_writes_nothing(there: Shelf, sync: SyncOnce) -> None:
    there.texts = {"a.md": text(1), "copy.md": text(1), "b.md": text(2), "bad.md": "# Only a heading\n"}
    there.fingerprints = {"b.md": "etag-2"}
    sync()
    before = state_of_knowledge()
    told = AuditEvent.objects.filter(object__startswith="document:").count()
    there.reads.clear()
    again = sync()
    assert counts(again) == {"seen": 4, "unchanged": 3, "failed": 1}
    assert "no text in it" in again.failures[0]["reason"]
    assert state_of_knowledge() == before
    assert AuditEvent.objects.filter(object__startswith="document:").count() == told
    assert there.told == {"b.md": "etag-2"}
    assert "b.md" not in there.reads


def test_many_unchanged_items_cost_no_statements_each(there: Shelf, sync: SyncOnce, source: Source) -> None:
    def fill(count: int) -> None:
        for number in range(len(there.texts), count):
            key, stored = f"{number}.md", keep([text(number).encode()])
            there.texts[key], there.fingerprints[key] = text(number), f"tag-{number}"
            version = {"sha256": stored.sha256, "file": stored.place}
            factories.make_document(source=source, title=f"{number}", fingerprint=f"tag-{number}", version=version)

    def statements() -> int:
        with CaptureQueriesContext(connection) as queries:
            assert sync().unchanged == len(there.texts)
        return len(queries)

    fill(3)
    few = statements()
    fill(300)
    assert statements() == few


def test_news_become_a_version(there: Shelf, sync: SyncOnce) -> None:
    there.texts = {"a.md": text("alpha"), "b.md": text("beta")}
    sync()
    there.texts["a.md"] = text("gamma")
    assert counts(sync()) == {"seen": 2, "changed": 1, "unchanged": 1}
    document = Document.objects.get(key="a.md")
    assert [bool(version.withdrawn_at) for version in document.versions.order_by("number")] == [True, False]


def test_a_new_sign_over_the_same_bytes_is_remembered(there: Shelf, sync: SyncOnce) -> None:
    there.texts, there.fingerprints = {"a.md": text(1)}, {"a.md": "one"}
    sync()
    there.fingerprints["a.md"] = "two"
    there.reads.clear()
    assert counts(sync()) == {"seen": 1, "unchanged": 1}
    assert there.reads == ["a.md"]
    sync()
    assert there.reads == ["a.md"]
    assert Version.objects.count() == 1


def test_the_same_bytes_in_many_places_are_one_document(there: Shelf, sync: SyncOnce) -> None:
    there.texts = {f"{number}.md": text("same") for number in range(100)}
    assert counts(sync()) == {"seen": 100, "added": 1, "unchanged": 99}
    assert (Document.objects.count(), Copy.objects.count(), Passage.objects.count()) == (1, 99, 1)
    before = state_of_knowledge()
    assert counts(sync()) == {"seen": 100, "unchanged": 100}
    assert state_of_knowledge() == before


def test_where_a_copy_remains_the_document_goes_on_there(there: Shelf, sync: SyncOnce) -> None:
    there.texts = {"a.md": text(1), "b.md": text(1)}
    sync()
    document = Document.objects.get()
    del there.texts["a.md"]
    moved = sync()
    assert counts(moved) == {"seen": 1, "renamed": 1}
    document.refresh_from_db()
    assert (document.key, document.state, Copy.objects.count()) == ("b.md", "published", 0)
    assert document.versions.count() == 1


def test_a_copy_that_changes_becomes_a_document(there: Shelf, sync: SyncOnce) -> None:
    there.texts = {"a.md": text("alpha"), "b.md": text("alpha")}
    sync()
    there.texts["b.md"] = text("beta")
    assert counts(sync()) == {"seen": 2, "added": 1, "unchanged": 1}
    assert keys() == {"a.md": "published", "b.md": "published"}
    assert not Copy.objects.exists()


@pytest.mark.parametrize("fingerprints", [{}, {"a.md": "1", "b.md": "1", "c.md": "1"}])
def test_when_the_original_changes_its_copies_keep_what_they_say(
    there: Shelf, sync: SyncOnce, fingerprints: dict[str, str]
) -> None:
    there.texts, there.fingerprints = dict.fromkeys(["a.md", "b.md", "c.md"], text("alpha")), fingerprints
    sync()
    there.texts["a.md"] = text("beta")
    there.fingerprints = fingerprints | ({"a.md": "2"} if fingerprints else {})
    assert counts(sync()) == {"seen": 3, "changed": 1, "added": 1, "unchanged": 1}
    assert keys() == {"a.md": "published", "b.md": "published"}
    assert Copy.objects.get().document.key == "b.md"
    assert "alpha" in Passage.objects.get(version__document__key="b.md").text
    assert counts(sync()) == {"seen": 3, "unchanged": 3}


def test_two_pages_that_become_the_same_are_one_and_may_part_again(there: Shelf, sync: SyncOnce) -> None:
    there.texts = {"a.md": text("alpha"), "b.md": text("beta")}
    sync()
    there.texts["b.md"] = text("alpha")
    assert counts(sync()) == {"seen": 2, "unchanged": 2, "removed": 1}
    assert keys() == {"a.md": "published", "b.md": "withdrawn"}
    there.texts["b.md"] = text("gamma")
    assert counts(sync()) == {"seen": 2, "unchanged": 1, "changed": 1}
    assert keys() == {"a.md": "published", "b.md": "published"}
    assert Document.objects.get(key="b.md").versions.count() == 2


def test_a_moved_file_keeps_its_document_and_history(there: Shelf, sync: SyncOnce) -> None:
    there.texts = {"a.md": text("old")}
    sync()
    there.texts["a.md"] = text("alpha")
    sync()
    document = Document.objects.get()
    there.texts = {"deep/er/b.md": text("alpha")}
    done = sync()
    assert counts(done) == {"seen": 1, "renamed": 1}
    assert done.renames == [{"from": "a.md", "to": "deep/er/b.md"}]
    moved = Document.objects.get()
    assert (moved.pk, moved.key, moved.url) == (document.pk, "deep/er/b.md", "https://shelf.example/deep/er/b.md")
    assert moved.versions.count() == 2
    assert AuditEvent.objects.filter(action="document.rename", object=f"document:{moved.pk}").count() == 1
    assert counts(sync()) == {"seen": 1, "unchanged": 1}


def test_a_file_that_moves_over_another_makes_a_version_of_that(there: Shelf, sync: SyncOnce) -> None:
    there.texts = {"a.md": text("alpha"), "b.md": text("beta")}
    sync()
    there.texts = {"a.md": text("beta")}
    assert counts(sync()) == {"seen": 1, "changed": 1, "removed": 1}
    assert keys() == {"a.md": "published", "b.md": "withdrawn"}


def test_two_files_that_change_places_stay_two_documents(there: Shelf, sync: SyncOnce) -> None:
    there.texts = {"a.md": text("alpha"), "b.md": text("beta")}
    sync()
    there.texts = {"a.md": text("beta"), "b.md": text("alpha")}
    assert counts(sync()) == {"seen": 2, "changed": 2}
    assert keys() == {"a.md": "published", "b.md": "published"}


def test_what_moved_while_it_was_away_is_the_same_document(there: Shelf, sync: SyncOnce) -> None:
    there.texts = {"a.md": text("alpha"), "b.md": text("beta")}
    sync()
    document = Document.objects.get(key="a.md")
    del there.texts["a.md"]
    assert counts(sync()) == {"seen": 1, "unchanged": 1, "removed": 1}
    there.texts["c.md"] = text("alpha")
    assert counts(sync()) == {"seen": 2, "unchanged": 1, "renamed": 1}
    document.refresh_from_db()
    assert (document.key, document.state) == ("c.md", "published")


def test_what_is_gone_is_withdrawn_and_comes_back_as_it_was(there: Shelf, sync: SyncOnce, keeper: User) -> None:
    there.texts = {"a.md": text("alpha"), "b.md": text("beta")}
    sync()
    del there.texts["a.md"]
    gone = sync()
    assert counts(gone) == {"seen": 1, "unchanged": 1, "removed": 1}
    document = Document.objects.get(key="a.md")
    assert (document.state, document.withdrawn_in) == ("withdrawn", gone)
    assert not any(found.document_title == "Page alpha" for found in search(user=keeper, query="matter alpha"))
    there.texts["a.md"] = text("alpha")
    assert counts(sync()) == {"seen": 2, "unchanged": 1, "added": 1}
    document.refresh_from_db()
    assert (document.state, document.withdrawn_in, document.versions.count()) == ("published", None, 1)


def test_one_removal_is_undone_and_stays_undone(there: Shelf, sync: SyncOnce, keeper: User) -> None:
    there.texts = {"a.md": text("alpha"), "b.md": text("beta")}
    sync()
    del there.texts["a.md"]
    sync()
    document = restore_document(actor=keeper, document=Document.objects.get(key="a.md"))
    assert document.is_kept
    assert counts(sync()) == {"seen": 1, "unchanged": 1}
    assert keys()["a.md"] == "published"
    there.texts["a.md"] = text("alpha")
    sync()
    document.refresh_from_db()
    assert not document.is_kept
    del there.texts["a.md"]
    assert sync().removed == 1


def test_all_removals_of_a_sync_are_undone(there: Shelf, sync: SyncOnce, keeper: User) -> None:
    there.texts = {f"{number}.md": text(number) for number in range(4)}
    sync()
    there.texts = {"3.md": text(3)}
    gone = sync()
    assert gone.removed == 3
    assert undo_removals(actor=keeper, sync=gone) == 3
    assert set(keys().values()) == {"published"}
    assert counts(sync()) == {"seen": 1, "unchanged": 1}
    assert events(gone.source, "source.undo_removals") == 1
    with pytest.raises(NotReadyError):
        undo_removals(actor=keeper, sync=gone)


def test_when_most_is_gone_nothing_is_withdrawn_without_a_word(there: Shelf, sync: SyncOnce, keeper: User) -> None:
    there.texts = {f"{number}.md": text(number) for number in range(20)}
    sync()
    there.texts = {f"{number}.md": text(number) for number in range(9)}
    gone = sync()
    assert counts(gone) == {"seen": 9, "unchanged": 9, "withheld": 11}
    assert set(keys().values()) == {"published"}
    before = state_of_knowledge()
    again = sync()
    assert again.withheld == 11
    assert state_of_knowledge() == before
    assert confirm_removals(actor=keeper, sync=again) == 11
    again.refresh_from_db()
    gone.refresh_from_db()
    assert (again.removed, again.withheld, gone.withheld) == (11, 0, 0)
    assert list(keys().values()).count("withdrawn") == 11
    with pytest.raises(NotReadyError):
        confirm_removals(actor=keeper, sync=again)
    assert undo_removals(actor=keeper, sync=again) == 11


def test_what_was_withheld_and_is_there_again_is_forgotten(there: Shelf, sync: SyncOnce, keeper: User) -> None:
    there.texts = {f"{number}.md": text(number) for number in range(20)}
    sync()
    all_of_it, there.texts = there.texts, {}
    assert sync().withheld == 20
    there.texts = all_of_it
    last = sync()
    assert counts(last) == {"seen": 20, "unchanged": 20}
    assert not Document.objects.exclude(withdrawn_in=None).exists()
    with pytest.raises(NotReadyError):
        confirm_removals(actor=keeper, sync=last)


def test_what_cannot_be_read_is_named_and_not_taken_for_gone(there: Shelf, sync: SyncOnce) -> None:
    there.texts = {"a.md": text("alpha"), "b.md": text("beta"), "film.mp4": "film"}
    sync()
    there.broken = {"a.md": "The disk is broken."}
    del there.texts["a.md"]
    done = sync()
    assert counts(done) == {"seen": 3, "unchanged": 1, "failed": 2}
    assert {"key": "a.md", "reason": "The disk is broken."} in done.failures
    assert any("cannot read .mp4" in failure["reason"] for failure in done.failures)
    assert keys() == {"a.md": "published", "b.md": "published"}


def test_an_incomplete_listing_takes_nothing_for_gone(there: Shelf, sync: SyncOnce) -> None:
    there.texts = {"a.md": text("alpha"), "b.md": text("beta")}
    sync()
    there.is_partly_seen = True
    there.texts = {"c.md": text("alpha")}
    assert counts(sync()) == {"seen": 1, "unchanged": 1}
    assert keys() == {"a.md": "published", "b.md": "published"}
    there.is_partly_seen = False
    assert counts(sync()) == {"seen": 1, "renamed": 1, "removed": 1}


def test_a_source_that_does_not_answer_fails_with_its_reason(there: Shelf, sync: SyncOnce) -> None:
    there.texts = {"a.md": text("alpha")}
    sync()
    there.is_down = True
    failed = sync()
    assert (failed.state, failed.failures) == ("failed", [{"key": "", "reason": "The shelf does not answer."}])
    assert keys() == {"a.md": "published"}
    assert events(failed.source, "source.synced", outcome="failed") == 1


def test_patterns_say_what_is_there(there: Shelf, sync: SyncOnce, source: Source, keeper: User) -> None:
    there.texts = {"a.md": text("alpha"), "drafts/b.md": text("beta"), "c.txt": text("gamma")}
    sync()
    change_source(actor=keeper, source=source, exclude=["drafts/"], include=["*.md"])
    assert counts(sync()) == {"seen": 1, "unchanged": 1, "removed": 2}
    change_source(actor=keeper, source=source, exclude=[], include=[])
    assert counts(sync()) == {"seen": 3, "unchanged": 1, "added": 2}


def test_the_name_decides_the_format_where_the_key_cannot(there: Shelf, sync: SyncOnce) -> None:
    there.texts = {"https://intranet.example/leave": "<html><body><h1>Leave</h1><p>27 days of leave.</p></body></html>"}
    there.names = {"https://intranet.example/leave": "leave.html"}
    assert counts(sync()) == {"seen": 1, "added": 1}
    version = Version.objects.get()
    assert (version.name, version.media_type, version.title) == ("leave.html", "text/html", "Leave")


def test_bytes_that_were_rolled_back_are_no_news(there: Shelf, sync: SyncOnce, keeper: User) -> None:
    there.texts = {"a.md": text("alpha")}
    sync()
    there.texts["a.md"] = text("beta")
    sync()
    document = roll_back(actor=keeper, document=Document.objects.get(), number=1)
    assert counts(sync()) == {"seen": 1, "unchanged": 1}
    version = document.published_version()
    assert version
    assert version.number == 1
    there.texts["a.md"] = text("gamma")
    assert counts(sync()) == {"seen": 1, "changed": 1}


def test_what_was_withdrawn_by_hand_stays_out(there: Shelf, sync: SyncOnce, keeper: User) -> None:
    there.texts = {"a.md": text("alpha"), "b.md": text("beta")}
    sync()
    withdraw_document(actor=keeper, document=Document.objects.get(key="a.md"))
    there.texts["a.md"] = text("alpha, a little different")
    assert counts(sync()) == {"seen": 2, "unchanged": 2}
    assert keys()["a.md"] == "withdrawn"
    restore_document(actor=keeper, document=Document.objects.get(key="a.md"))
    assert counts(sync()) == {"seen": 2, "unchanged": 1, "changed": 1}


def test_uploads_are_never_missed(there: Shelf, sync: SyncOnce, keeper: User, source: Source) -> None:
    upload_document(actor=keeper, source=source, file=[text("alpha").encode()], name="hand.md")
    there.texts = {"b.md": text("beta")}
    sync()
    assert set(keys()) == {"hand.md", "b.md"}
    assert sync().removed == 0


def test_one_sync_at_a_time(keeper: User, source: Source, there: Shelf) -> None:
    first = start_sync(actor=keeper, source=source)
    assert start_sync(actor=keeper, source=source).pk == first.pk
    owned = claim(first.pk)
    assert owned
    assert claim(first.pk) is None
    assert events(source, "source.sync") == 1


def test_a_former_owner_writes_nothing_more(keeper: User, source: Source, there: Shelf) -> None:
    there.texts = {"a.md": text("alpha")}
    begun = start_sync(actor=keeper, source=source)

    class Taken(Shelf):
        """Somebody else has taken the sync over by the time the first item is read."""

        @property
        def broken(self) -> dict[str, str]:  # type: ignore[override]
            Sync.objects.filter(pk=begun.pk).update(attempts=7)
            return {}

        @broken.setter
        def broken(self, value: object) -> None: ...

    shelf.SHELF = Taken(texts=there.texts)
    run_sync(begun.pk)
    begun.refresh_from_db()
    assert (begun.state, begun.attempts, begun.seen) == ("running", 7, 0)
    assert not Document.objects.exists()


@pytest.mark.parametrize("deed", [pause_source, delete_source])
def test_pausing_and_deleting_end_the_sync(keeper: User, source: Source, there: Shelf, deed: Any) -> None:
    begun = start_sync(actor=keeper, source=source)
    deed(actor=keeper, source=source)
    run_sync(begun.pk)
    begun.refresh_from_db()
    assert begun.state == "failed"
    assert "was" in begun.failures[0]["reason"]
    with pytest.raises(NotReadyError):
        start_sync(actor=keeper, source=Source.objects.get(pk=source.pk))


def test_forgotten_syncs_are_found_once_and_given_up_in_the_end(keeper: User, source: Source, there: Shelf) -> None:
    begun = start_sync(actor=keeper, source=source)
    assert find_forgotten() == []
    Sync.objects.filter(pk=begun.pk).update(started_at=timezone.now() - timedelta(minutes=5))
    assert find_forgotten() == [begun.pk]
    assert find_forgotten() == []
    assert claim(begun.pk)
    Sync.objects.filter(pk=begun.pk).update(lease_until=timezone.now(), attempts=5)
    assert find_forgotten() == []
    begun.refresh_from_db()
    assert (begun.state, begun.failures[0]["reason"]) == ("failed", "It was interrupted.")


def test_a_commands_sync_that_died_ends(keeper: User, source: Source, there: Shelf) -> None:
    from django.db import transaction

    with transaction.atomic():
        begun, _ = begin(source, actor=keeper, cause=Sync.Cause.COMMAND)
    claim(begun.pk)
    Sync.objects.filter(pk=begun.pk).update(lease_until=timezone.now())
    assert find_forgotten() == []
    begun.refresh_from_db()
    assert begun.state == "failed"


def test_a_broken_connector_is_said(there: Shelf, sync: SyncOnce, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shelf.ShelfConnector, "read", lambda self, item: 1 / 0)
    there.texts = {"a.md": text("alpha")}
    failed = sync()
    assert failed.state == "failed"
    assert "ZeroDivisionError" in failed.failures[0]["reason"]


@pytest.mark.parametrize("key", ["", "x" * 501 + ".md", "a\x00b.md", "\udc80.md"])
def test_a_name_that_cannot_be_kept_is_counted_as_failed(there: Shelf, sync: SyncOnce, key: str) -> None:
    there.texts = {key: text(1), "good.md": text(2)}
    done = sync()
    assert (done.state, counts(done)) == ("done", {"seen": 2, "added": 1, "failed": 1})
