"""``manage.py ingest``: a folder or a file into a source, here and now."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from accounts.models import AuditEvent, User
from knowledge.connectors.base import LeftOut, Patterns
from knowledge.connectors.folder import FolderConnector
from knowledge.ingestion import upload_document
from knowledge.models import Document, Source, Sync
from knowledge.publication.processing import process_document
from knowledge.retrieval import search
from knowledge.sources import create_source, start_sync
from knowledge.syncs.syncing import run_sync
from tests import factories

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "handbook"
    (place / "inner").mkdir(parents=True)
    (place / ".git").mkdir()
    (place / "leave.md").write_text("# Leave\n\nYou have 27 days of leave.")
    (place / "inner" / "car.txt").write_text("A car costs 0.38 a kilometre.")
    (place / "film.mp4").write_bytes(b"\x00\x00")
    (place / ".git" / "config.txt").write_text("secret")
    (place / "link.md").symlink_to("/etc/hostname")
    return place


@pytest.fixture
def keeper(transactional_db: None) -> User:
    return factories.make_user("ada", roles=["admin"])


def test_a_folder_is_taken_and_what_is_not_is_named(
    keeper: User, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    call_command("ingest", str(folder), "--source", "Books")
    source = Source.objects.get(name="Books")
    assert (source.kind, source.owner, source.is_for_everyone) == ("folder", keeper, True)
    states = dict(Document.objects.values_list("key", "state"))
    assert states == {"leave.md": "published", "inner/car.txt": "published"}
    sync = Sync.objects.get()
    assert (sync.state, sync.seen, sync.added, sync.failed) == ("done", 3, 2, 1)
    out = capsys.readouterr().out
    assert {failure["key"] for failure in sync.failures} == {"film.mp4", ".git/", "link.md"}
    assert "film.mp4" in out
    assert search(user=keeper, query="days of leave")[0].document_title == "Leave"
    assert AuditEvent.objects.filter(action="source.synced").exists()


def test_again_changes_only_what_changed(keeper: User, folder: Path) -> None:
    call_command("ingest", str(folder), "--source", "Books")
    (folder / "leave.md").write_text("# Leave\n\nYou have 28 days of leave.")
    (folder / "inner" / "car.txt").unlink()
    (folder / "new.md").write_text("# New\n\nWords.")
    events = AuditEvent.objects.count()
    call_command("ingest", str(folder), "--source", "Books")
    sync = Sync.objects.order_by("-started_at").first()
    assert sync
    assert (sync.added, sync.changed, sync.unchanged, sync.removed) == (1, 1, 0, 1)
    assert Document.objects.get(key="inner/car.txt").state == Document.State.WITHDRAWN
    assert AuditEvent.objects.count() > events
    call_command("ingest", str(folder), "--source", "Books")
    last = Sync.objects.order_by("-started_at").first()
    assert last
    assert (last.added, last.changed, last.unchanged, last.removed) == (0, 0, 2, 0)


def test_what_was_uploaded_by_hand_is_not_missed(keeper: User, folder: Path) -> None:
    call_command("ingest", str(folder), "--source", "Books")
    source = Source.objects.get(name="Books")
    document = upload_document(actor=keeper, source=source, file=[b"# By hand\n\nWords."], name="hand.md")
    process_document(document.pk)
    call_command("ingest", str(folder), "--source", "Books")
    document.refresh_from_db()
    assert document.state == Document.State.PUBLISHED


def test_a_file_that_comes_back_is_published_again(keeper: User, folder: Path) -> None:
    call_command("ingest", str(folder), "--source", "Books")
    (folder / "leave.md").rename(folder / "kept.bin")
    call_command("ingest", str(folder), "--source", "Books")
    (folder / "kept.bin").rename(folder / "leave.md")
    call_command("ingest", str(folder), "--source", "Books")
    assert Document.objects.get(key="leave.md").state == Document.State.PUBLISHED


def test_groups_are_its_readers(keeper: User, folder: Path) -> None:
    alice = factories.make_user("alice", groups=[factories.make_group("Crew")])
    charlie = factories.make_user("charlie")
    call_command("ingest", str(folder), "--source", "Books", "--group", "Crew")
    assert search(user=alice, query="days of leave")
    assert not search(user=charlie, query="days of leave")


def test_one_file_into_a_source_that_is_there(keeper: User, folder: Path) -> None:
    olivia = factories.make_user("olivia", roles=["owner"])
    source = factories.make_source(owner=olivia, name="Mine")
    call_command("ingest", str(folder / "leave.md"), "--source", "Mine", "--owner", "olivia@example.org")
    assert Document.objects.get(source=source).key == "leave.md"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["/nowhere", "--source", "A"], "nothing at"),
        (["{folder}", "--source", "A", "--group", "Nobody"], "no group called Nobody"),
        (["{folder}", "--source", "A", "--owner", "x@example.org"], "nobody called"),
        (["{folder}/film.mp4", "--source", "A"], "Nothing could be taken"),
    ],
)
def test_what_cannot_be_done_is_said(keeper: User, folder: Path, arguments: list[str], words: str) -> None:
    with pytest.raises(CommandError, match=words):
        call_command("ingest", *(argument.format(folder=folder) for argument in arguments))


def test_nobody_there_to_keep_it(folder: Path) -> None:
    with pytest.raises(CommandError, match="--owner"):
        call_command("ingest", str(folder), "--source", "A")


def test_a_sync_over_the_folder_finds_what_is_new(keeper: User, folder: Path) -> None:
    source = create_source(actor=keeper, name="Follows", kind="folder", config={"path": str(folder)})
    sync = start_sync(actor=keeper, source=source)
    run_sync(sync.pk)
    sync.refresh_from_db()
    assert (sync.state, sync.added) == ("done", 2)
    run_sync(sync.pk)  # delivered twice: nothing more happens
    assert Document.objects.count() == 2


def test_a_folder_that_is_gone_fails_and_withdraws_nothing(keeper: User, folder: Path) -> None:
    call_command("ingest", str(folder), "--source", "Books")
    folder.rename(folder.parent / "elsewhere")
    sync = start_sync(actor=keeper, source=Source.objects.get(name="Books"))
    run_sync(sync.pk)
    sync.refresh_from_db()
    assert sync.state == Sync.State.FAILED
    assert not Document.objects.filter(state=Document.State.WITHDRAWN).exists()


def test_links_are_never_followed(folder: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret.md").write_text("secret")
    (folder / "way").symlink_to(outside)
    found = list(FolderConnector({"path": str(folder)}, None, Patterns()).items({}))
    assert LeftOut("way/", "It is a link, not a folder.") in found
    assert "way/secret.md" not in {one.key for one in found}
