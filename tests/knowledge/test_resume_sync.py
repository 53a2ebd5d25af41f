"""kill -9 of a worker amid a sync, and amid a document: another goes on, and nothing counts twice."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.management import call_command
from django.db import connection
from django.utils import timezone

from accounts.models import User
from knowledge.ingestion import upload_document
from knowledge.models import Document, Source, Sync, Version
from knowledge.sources import create_source, start_sync
from knowledge.syncs import running
from knowledge.syncs.syncing import run_sync
from knowledge.tasks import process, requeue_stuck
from tests import factories

pytestmark = pytest.mark.django_db(transaction=True)

FILES = 130  # more than a sync takes ahead of reading
MANY = 400  # more than what may end while a command is being stopped
WORKER = """
import django
django.setup()
from uuid import UUID
{work}
"""


@pytest.fixture
def keeper(transactional_db: None) -> User:
    return factories.make_user("ada", roles=["admin"])


def start(work: str) -> subprocess.Popen[bytes]:
    """A process that works on this run's database."""
    about = connection.settings_dict
    url = f"postgresql://{about['USER']}@/{about['NAME']}?host={about['HOST']}"
    environment = os.environ | {"DATABASE_URL": url, "DJANGO_SETTINGS_MODULE": "app.settings"}
    return subprocess.Popen([sys.executable, "-c", WORKER.format(work=work)], env=environment)


def kill_when(process_: subprocess.Popen[bytes], is_time: Callable[[], bool], by: int = signal.SIGKILL) -> None:
    for _ in range(600):
        if is_time():
            break
        assert process_.poll() is None, "it ended before it could be killed"
        time.sleep(0.05)
    process_.send_signal(by)
    process_.wait(timeout=60)


def test_a_killed_sync_is_resumed_and_counts_nothing_twice(keeper: User, tmp_path: Path) -> None:
    for number in range(FILES):
        words = " ".join(f"Matter {number} has part {part}." for part in range(8))
        (tmp_path / f"{number:03}.md").write_text(f"# Page {number}\n\n{words}")
    source = create_source(actor=keeper, name="Books", kind="folder", config={"path": str(tmp_path)})
    sync = start_sync(actor=keeper, source=source)
    worker = start(f'from knowledge.syncs.syncing import run_sync; run_sync(UUID("{sync.pk}"))')
    kill_when(worker, lambda: Document.objects.count() >= 5)
    sync.refresh_from_db()
    taken = Document.objects.count()
    assert sync.state == Sync.State.RUNNING
    assert taken < FILES
    run_sync(sync.pk)
    assert Document.objects.count() == taken, "its lease has not run out yet"
    Sync.objects.filter(pk=sync.pk).update(lease_until=timezone.now())
    Document.objects.filter(state="processing").update(lease_until=timezone.now())
    assert running.find_forgotten() == [sync.pk]
    run_sync(sync.pk)
    sync.refresh_from_db()
    assert (sync.state, sync.attempts) == (Sync.State.DONE, 2)
    assert (sync.seen, sync.added, sync.total, sync.failed) == (FILES, FILES, FILES, 0)
    assert Version.objects.count() == Document.objects.filter(state="published").count() == FILES


def test_a_stopped_command_leaves_nothing_half_done(keeper: User, tmp_path: Path) -> None:
    for number in range(MANY):
        (tmp_path / f"{number:03}.md").write_text(f"# Page {number}\n\n" + f"Words about matter {number}. " * 4)
    # Whoever runs the tests in the background of a shell hands down an ignored SIGINT.
    work = f"""
import signal
from django.core.management import execute_from_command_line
signal.signal(signal.SIGINT, signal.default_int_handler)
execute_from_command_line(["manage.py", "ingest", "{tmp_path}", "--source", "Books"])
"""
    command = start(work)
    kill_when(command, lambda: Document.objects.count() >= 5, signal.SIGINT)
    assert command.returncode
    sync = Sync.objects.get()
    assert (sync.state, sync.failures[0]["reason"]) == (Sync.State.FAILED, "It was interrupted.")
    assert not Document.objects.filter(state="processing").exists()
    assert Document.objects.filter(state="published").count() < MANY
    call_command("ingest", str(tmp_path), "--source", "Books")
    assert Document.objects.filter(state="published").count() == Version.objects.count() == MANY


def test_a_document_that_kills_its_workers_is_refused_and_the_next_one_read(keeper: User) -> None:
    source = factories.make_source(owner=keeper)
    poison = upload_document(actor=keeper, source=source, file=[b"# Poison\n\nWords."], name="poison.md")
    good = upload_document(actor=keeper, source=source, file=[b"# Good\n\nOther words."], name="good.md")
    dies = """
import os, signal
from knowledge.publication import processing
def prepare(document, version):
    os.kill(os.getpid(), signal.SIGKILL)
processing.prepare = prepare
"""
    for attempt in (1, 2):
        worker = start(f'{dies}\nprocessing.process_document(UUID("{poison.pk}"))')
        assert worker.wait(60) == -signal.SIGKILL
        poison.refresh_from_db()
        assert (poison.state, poison.attempts) == (Document.State.PROCESSING, attempt)
        assert poison.lease_until
        long_ago = timezone.now() - timedelta(minutes=5)
        Document.objects.filter(pk=poison.pk).update(lease_until=long_ago, updated_at=long_ago)
        Document.objects.filter(pk=good.pk).update(updated_at=timezone.now())  # however long that took
        assert requeue_stuck() == 1
        assert requeue_stuck() == 0
    process(str(poison.pk))
    process(str(good.pk))
    poison.refresh_from_db()
    good.refresh_from_db()
    assert (poison.state, good.state) == (Document.State.REJECTED, Document.State.PUBLISHED)
    assert "twice" in poison.reason


def test_what_nobody_works_on_any_more_is_not_left_processing(keeper: User) -> None:
    source = factories.make_source(owner=keeper)
    document = upload_document(actor=keeper, source=source, file=[b"# A\n\nWords."], name="a.md")
    long_ago = timezone.now() - timedelta(minutes=5)
    Document.objects.update(state="processing", attempts=1, lease_until=long_ago, updated_at=long_ago)
    assert requeue_stuck() == 1
    Source.objects.update(deleted_at=timezone.now())
    Document.objects.update(updated_at=long_ago)
    assert requeue_stuck() == 0
    process(str(document.pk))
    document.refresh_from_db()
    assert document.state == Document.State.PUBLISHED
