"""kill -9 of a worker in the middle of a file: the file waits again, and another worker reads it to its end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from django.db import connection
from django.utils import timezone

from accounts.models import AuditEvent
from chat.models import Attachment, AttachmentPassage
from chat.verbs.attaching import attach_file
from chat.writing import reading_files
from tests import factories
from tests.chat.files import picture
from tests.chat.test_killed_process import database_url

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("embedding_weights")]

READ = "import sys; from uuid import UUID; from chat.writing.reading_files import read; read(UUID(sys.argv[1]))"
READ = f"import django; django.setup(); {READ}"


def slow_program(folder: Path) -> str:
    """A path on which reading a picture takes for ever."""
    program = folder / "tesseract"
    program.write_text("#!/bin/sh\ncat > /dev/null; sleep 60\n")
    program.chmod(0o755)
    return f"{folder}:{os.environ['PATH']}"


def test_a_file_whose_reader_was_killed_is_read_by_another(alice, tmp_path):
    talk = factories.make_conversation(owner=alice)
    sign = picture(words="The gate closes at nine.")
    file = attach_file(alice, file=[sign], name="sign.png", conversation=talk)
    url = database_url(connection.settings_dict)
    environment = os.environ | {"DATABASE_URL": url, "PATH": slow_program(tmp_path)}
    environment["DJANGO_SETTINGS_MODULE"] = "app.settings"
    command = [sys.executable, "-c", READ, str(file.pk)]
    worker = subprocess.Popen(command, env=environment, start_new_session=True)
    try:
        for _ in range(300):
            file.refresh_from_db()
            if file.state == "reading":
                break
            time.sleep(0.1)
        time.sleep(1)
    finally:
        os.killpg(worker.pid, signal.SIGKILL)
        worker.wait()
    file.refresh_from_db()
    assert (file.state, file.attempts) == ("reading", 1)
    reading_files.read(file.pk)  # the lease still runs
    assert Attachment.objects.get().attempts == 1
    past = timezone.now() - reading_files.LEASE
    Attachment.objects.update(lease_until=past, queued_at=past)
    assert reading_files.find_lost() == [file.pk]
    reading_files.read(file.pk)
    file.refresh_from_db()
    assert (file.state, file.attempts, AttachmentPassage.objects.count()) == ("ready", 2, 1)
    assert "closes at nine" in file.text
    assert AuditEvent.objects.filter(object=f"attachment:{file.pk}", action="file.read").count() == 1
