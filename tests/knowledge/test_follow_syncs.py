"""The pages on which keepers follow the runs over a source, answer what they ask, and steer the source."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import AuditEvent, User
from knowledge.models import Document, Source, Sync
from knowledge.sources import create_source
from knowledge.syncs.syncing import run_sync
from tests import factories
from tests.conftest import SignIn


@pytest.fixture
def browser(olivia: User, signed_in: SignIn) -> Client:
    return signed_in(olivia)


@pytest.fixture
def papers(olivia: User, tmp_path: Path, settings: Any) -> Source:
    """A folder of three papers and a file that cannot be read."""
    settings.SOURCE_FOLDERS = [str(tmp_path)]
    for number in range(3):
        (tmp_path / f"paper-{number}.md").write_text(f"# Paper {number}\n\nPaper {number} speaks of matter {number}.\n")
    (tmp_path / "tool.exe").write_bytes(b"MZ")
    return create_source(actor=olivia, name="Papers", kind="folder", config={"path": str(tmp_path)})


def page(browser: Client, source: Source, part: str = "") -> str:
    return browser.get(f"/knowledge/sources/{source.pk}/{part}").content.decode()


def post(browser: Client, path: str, **form: str) -> str:
    """What the page says that comes after."""
    response = browser.post(f"/knowledge/{path}/", form, follow=True)
    assert response.status_code == 200, response.status_code
    return response.content.decode()


def run(browser: Client, source: Source) -> Sync:
    browser.post(f"/knowledge/sources/{source.pk}/sync/")
    sync = source.syncs.latest("started_at")
    run_sync(sync.pk)
    sync.refresh_from_db()
    return sync


def test_a_run_is_followed_until_it_ends(browser: Client, papers: Source) -> None:
    browser.post(f"/knowledge/sources/{papers.pk}/sync/")
    browser.post(f"/knowledge/sources/{papers.pk}/sync/")
    assert papers.syncs.count() == 1
    shown = page(browser, papers)
    assert 'hx-trigger="every 1s"' in shown.split('id="syncs"')[1]
    assert "Looking through it" in shown
    Sync.objects.update(state="running", total=40, seen=10)
    assert 'max="40"' in page(browser, papers, "syncs/latest/")
    Sync.objects.update(state="queued", total=None, seen=0)
    run_sync(papers.syncs.get().pk)
    response = browser.get(f"/knowledge/sources/{papers.pk}/syncs/latest/")
    assert response["HX-Trigger"] == "documents-changed"
    ended = response.content.decode()
    assert "every 1s" not in ended
    assert 'id="sync-now"' in ended
    assert "disabled" not in ended.split('id="sync-now"')[1]


def test_a_run_tells_what_it_did_and_what_it_did_not_take(browser: Client, papers: Source) -> None:
    sync = run(browser, papers)
    shown = browser.get(f"/knowledge/syncs/{sync.pk}/").content.decode()
    assert "tool.exe" in shown
    assert "cannot read .exe files" in shown
    assert f'/knowledge/syncs/{sync.pk}/#not-taken"' in page(browser, papers)


def test_a_long_list_of_failures_is_cut_and_shown_whole(browser: Client, papers: Source) -> None:
    failures = [{"key": f"file-{number}.exe", "reason": "<b>no</b>"} for number in range(130)]
    sync = Sync.objects.create(source=papers, state="done", failed=130, failures=failures, finished_at=timezone.now())
    first = browser.get(f"/knowledge/syncs/{sync.pk}/").content.decode()
    assert "file-99.exe" in first
    assert "file-100.exe" not in first
    assert "Show all 130" in first
    assert "<b>no</b>" not in first
    assert "file-129.exe" in browser.get(f"/knowledge/syncs/{sync.pk}/?all=1").content.decode()


def test_what_a_run_took_out_is_brought_back(browser: Client, papers: Source, tmp_path: Path) -> None:
    run(browser, papers)
    (tmp_path / "paper-1.md").unlink()
    sync = run(browser, papers)
    assert sync.removed == 1
    assert "Bring all of them back" in browser.get(f"/knowledge/syncs/{sync.pk}/").content.decode()
    assert "Back again, to stay: 1 document." in post(browser, f"syncs/{sync.pk}/undo")
    assert not Document.objects.filter(state="withdrawn").exists()
    assert "Nothing that this sync took out is still out." in post(browser, f"syncs/{sync.pk}/undo")


@pytest.mark.parametrize(("answer", "state"), [("confirm", "withdrawn"), ("undo", "published")])
def test_suspiciously_many_removals_wait_for_a_word(browser: Client, papers: Source, answer: str, state: str) -> None:
    run(browser, papers)
    sync = Sync.objects.create(source=papers, state="done", withheld=3, finished_at=timezone.now())
    Document.objects.update(withdrawn_in=sync, state="published")
    assert "3 documents are gone from the source." in page(browser, papers)
    assert "3 gone from it" in browser.get("/knowledge/").content.decode()
    assert "3 documents" in post(browser, f"syncs/{sync.pk}/{answer}")
    assert set(Document.objects.values_list("state", flat=True)) == {state}
    assert "are gone from the source" not in page(browser, papers)


def test_a_paused_source_says_so_and_starts_no_run(browser: Client, papers: Source) -> None:
    assert "Resume" in post(browser, f"sources/{papers.pk}/pause")
    assert browser.post(f"/knowledge/sources/{papers.pk}/sync/").status_code == 409
    assert "Paused" in browser.get("/knowledge/").content.decode()
    assert 'id="sync-now"' not in page(browser, papers, "syncs/latest/")
    assert "Sync now" in post(browser, f"sources/{papers.pk}/resume")


def test_a_deleted_source_is_gone_and_comes_back(browser: Client, alice: User, papers: Source) -> None:
    assert "Bring back" in post(browser, f"sources/{papers.pk}/delete")
    assert browser.get(f"/knowledge/sources/{papers.pk}/").status_code == 404
    assert "Back again: Papers." in post(browser, f"sources/{papers.pk}/restore")
    events = AuditEvent.objects.filter(object=f"source:{papers.pk}").order_by("seq")
    assert [(event.action, event.outcome) for event in events] == [
        ("source.create", "ok"),
        ("source.delete", "ok"),
        ("access", "denied"),
        ("source.restore", "ok"),
    ]


def test_a_name_taken_meanwhile_keeps_a_source_deleted(browser: Client, olivia: User, papers: Source) -> None:
    post(browser, f"sources/{papers.pk}/delete")
    create_source(actor=olivia, name="Papers")
    assert "Another source is called Papers by now." in post(browser, f"sources/{papers.pk}/restore")
    papers.refresh_from_db()
    assert papers.deleted_at is not None


def test_a_source_is_handed_over_to_a_keeper_alone(
    browser: Client, ada: User, alice: User, papers: Source, signed_in: SignIn
) -> None:
    for nobody in (alice.email, "nobody@example.org"):
        assert "There is no content owner called" in post(browser, f"sources/{papers.pk}/hand-over", email=nobody)
    assert "is kept by" in post(browser, f"sources/{papers.pk}/hand-over", email=ada.email.upper())
    papers.refresh_from_db()
    assert papers.owner == ada
    assert browser.post(f"/knowledge/sources/{papers.pk}/pause/").status_code == 404


def test_readers_see_nothing_of_runs(alice: User, browser: Client, papers: Source, signed_in: SignIn) -> None:
    Source.objects.update(is_for_everyone=True)
    sync = run(browser, papers)
    reader = signed_in(alice)
    shown = reader.get(f"/knowledge/sources/{papers.pk}/").content.decode()
    assert "tool.exe" not in shown
    assert "Sync now" not in shown
    assert papers.config["path"] not in shown
    for path in (f"syncs/{sync.pk}/", f"sources/{papers.pk}/syncs/", f"sources/{papers.pk}/syncs/latest/"):
        assert reader.get(f"/knowledge/{path}").status_code == 404


def test_all_runs_are_paged(browser: Client, papers: Source) -> None:
    now = timezone.now()
    for number in range(53):
        at = now - timedelta(hours=number)
        Sync.objects.create(source=papers, state="done", seen=1000 + number, started_at=at, finished_at=at)
    first = browser.get(f"/knowledge/sources/{papers.pk}/syncs/")
    assert "1,049" in first.content.decode()
    assert "1,050" not in first.content.decode()
    older = browser.get(f"/knowledge/sources/{papers.pk}/syncs/?cursor={first.context['next']}").content.decode()
    assert "1,052" in older


def test_what_needs_its_keeper_stands_first_and_sources_are_found_by_name(
    browser: Client, olivia: User, papers: Source
) -> None:
    for number in range(11):
        factories.make_source(owner=olivia, name=f"Archive {number}")
    Sync.objects.create(
        source=papers, state="failed", finished_at=timezone.now(), failures=[{"key": "", "reason": "?"}]
    )
    shown = browser.get("/knowledge/").content.decode()
    assert shown.index(">Papers<") < shown.index(">Archive 0<") < shown.index(">Archive 9<")
    assert "Failed" in shown
    found = browser.get("/knowledge/?q=archive 1").content.decode()
    assert ">Archive 10<" in found
    assert ">Papers<" not in found
    assert "No source is called that" in browser.get("/knowledge/?q=<i>").content.decode()


def test_a_reader_cannot_tell_from_the_order_what_waits(
    alice: User, olivia: User, papers: Source, signed_in: SignIn
) -> None:
    factories.make_source(owner=olivia, name="Archive")
    Source.objects.update(is_for_everyone=True)
    factories.make_document(source=papers, state=Document.State.HELD)
    shown = signed_in(alice).get("/knowledge/").content.decode()
    assert shown.index(">Archive<") < shown.index(">Papers<")
    assert "held" not in shown


def test_the_list_costs_as_many_statements_however_many_runs(browser: Client, olivia: User, papers: Source) -> None:
    def statements() -> int:
        with CaptureQueriesContext(connection) as queries:
            assert browser.get("/knowledge/").status_code == 200
        return len(queries)

    Sync.objects.create(source=papers, state="done", finished_at=timezone.now())
    few = statements()
    for number in range(8):
        source = factories.make_source(owner=olivia, name=f"Folder {number}", kind="folder")
        Sync.objects.create(source=source, state="done", finished_at=timezone.now())
    assert statements() == few
