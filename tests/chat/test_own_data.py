"""Everything of one's own: a zip that a worker writes; deleting all conversations, and what becomes of them."""

from __future__ import annotations

import io
import json
import os
import zipfile
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command
from django.db import transaction
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts import audit
from accounts.models import AuditEvent, Device, Group, Spending, User
from accounts.retention.holding import begin_hold
from accounts.retention.rules import set_rule
from chat import tasks
from chat.exporting import archiving
from chat.exporting.everything import write_everything
from chat.models import Conversation, Export, Feedback, Instructions, Message, Share
from chat.verbs.exporting import request_export
from chat.writing.purging import purge_deleted
from moderation.models import Decision
from tests import factories
from tests.conftest import SignIn

pytestmark = pytest.mark.django_db


@pytest.fixture
def page(alice: User, signed_in: SignIn) -> Client:
    return signed_in(alice)


@pytest.fixture
def lived_in(alice: User, bob: User, crew: Group) -> Conversation:
    """alice has a bit of everything, and bob has things of his own."""
    conversation = factories.make_conversation(owner=alice, title="Leave")
    answer = factories.make_answer(conversation=conversation)
    Feedback.objects.create(message=answer, user=alice, value=-1, text="Too short.")
    factories.make_prompt(owner=alice, name="Reply", group=crew)
    factories.make_prompt(owner=alice, name="Thrown away", deleted_at=timezone.now())
    Instructions.objects.create(user=alice, about="I work in payroll.")
    factories.make_share(conversation=conversation, people=[bob], groups=[crew])
    factories.make_conversation(owner=alice, title="Deleted", deleted_at=timezone.now())
    factories.make_answer(conversation=factories.make_conversation(owner=bob, title="Of bob"), text="For bob.")
    factories.make_prompt(owner=bob, name="Prompt of bob")
    return conversation


def content_of(answer: HttpResponse) -> bytes:
    return b"".join(answer.streaming_content)  # type: ignore[attr-defined]


def files_in(content: bytes) -> dict[str, str]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name).decode() for name in archive.namelist()}


def test_all_of_one_s_own_is_in_the_zip_and_nothing_of_others(
    alice: User, bob: User, lived_in: Conversation, page: Client
) -> None:
    page.post(reverse("chat:request_own_export"))
    export = Export.objects.get()
    assert "It begins in a moment" in page.get(reverse("chat:own_data")).content.decode()
    tasks.write_export(str(export.pk))
    assert "Your file is ready" in page.get(reverse("chat:own_export_progress")).content.decode()
    answer = page.get(reverse("chat:download_own_export", args=[export.pk]))
    assert answer.headers["Content-Disposition"].startswith("attachment;")
    files = files_in(content_of(answer))
    conversations = sorted(name for name in files if name.startswith("conversations/"))
    assert [name.rpartition(".")[2] for name in conversations] == ["json", "md"]
    assert json.loads(files[conversations[0]])["conversation"]["id"] == str(lived_in.pk)
    assert "You have 28 days" in files[conversations[1]]
    assert [one["name"] for one in json.loads(files["prompts.json"])] == ["Reply"]
    assert json.loads(files["instructions.json"])["about"] == "I work in payroll."
    assert json.loads(files["feedback.json"])[0]["text"] == "Too short."
    (share,) = json.loads(files["shares.json"])
    assert (share["people"], share["groups"]) == ([bob.email], ["Crew"])
    assert json.loads(files["account.json"])["email"] == alice.email
    assert "written by an AI" in files["README.txt"]
    assert 'href="conversations/' in files["index.html"] and "Leave</a>" in files["index.html"]
    del files["kept-for.json"]  # which names the kinds of things there are
    everything = "".join(files.values())
    assert "For bob" not in everything and "Prompt of bob" not in everything and "Thrown away" not in everything
    assert "Deleted" not in everything


def test_what_parley_notes_of_a_person_is_in_it_too(
    alice: User, ada: User, aaron: User, dana: User, tmp_path: Path
) -> None:
    factories.make_key(alice, name="Script")
    Device.objects.create(user=alice, session_key="k", agent="Firefox on Linux")
    Spending.objects.create(day=timezone.now().date(), user=alice, model_name="capable", answers=3)
    factories.make_insight(reader=ada, person=alice, approved_by=aaron, reason="The court asked.")
    factories.make_insight(reader=ada, person=alice, reason="Nobody allowed this.")
    factories.make_gap(questions=("Is there a gym?",), asked_by=alice)
    case = factories.make_case(subject=alice, content_id=uuid4(), answer="Shown. Kept back.", shown=6)
    Decision.objects.create(case=case, reviewer=dana, action="reject", reason="For reviewers.", fence=1)
    set_rule(actor=ada, kind="conversations", group=None, days=90)
    begin_hold(actor=ada, person=alice, reason="The court asked for it.")
    with transaction.atomic():
        audit.record(actor=ada, action="account.rename", obj=alice)
        audit.record(actor=ada, action="insight.ask", obj=alice)  # theirs to know once it is allowed
    write_everything(alice, tmp_path / "all.zip")
    files = files_in((tmp_path / "all.zip").read_bytes())
    said = {name: json.loads(text) for name, text in files.items() if name.endswith(".json")}
    assert [one["name"] for one in said["programs.json"]["keys"]] == ["Script"]
    assert said["sign-ins.json"]["devices"][0]["agent"] == "Firefox on Linux"
    assert said["usage.json"]["days"][0]["answers"] == 3
    assert [one["reason"] for one in said["who-read.json"]] == ["The court asked."]
    assert said["questions.json"][0]["text"] == "Is there a gym?"
    assert said["reviews.json"][0]["answer_shown"] == "Shown."
    assert {one["kind"]: one["days"] for one in said["kept-for.json"]}["Conversations"] == 90
    events = [json.loads(line) for line in files["audit.jsonl"].splitlines()]
    assert [(one["action"], one["by"]) for one in events] == [("account.rename", "somebody else")]
    everything = "".join(files.values())
    for kept_back in ("Kept back", "For reviewers", "dana", "asked for it", "hold.", "digest"):
        assert kept_back not in everything, kept_back


def test_only_its_owner_fetches_it(alice: User, bob: User, ada: User, signed_in: SignIn) -> None:
    export = request_export(alice)
    address = reverse("chat:download_own_export", args=[export.pk])
    assert signed_in(alice).get(address).status_code == 404  # not written yet
    archiving.write_export(export.pk)
    path = archiving.path_of(export)
    assert path.stat().st_mode & 0o777 == 0o600
    for other in (bob, ada):
        assert signed_in(other).get(address).status_code == 404
        assert signed_in(other).post(reverse("chat:discard_own_export", args=[export.pk])).status_code == 404
    assert signed_in(alice).get(address).status_code == 200


def test_it_is_removed_after_a_day(alice: User, page: Client) -> None:
    export = request_export(alice)
    archiving.write_export(export.pk)
    path = archiving.path_of(export)
    Export.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert page.get(reverse("chat:download_own_export", args=[export.pk])).status_code == 404
    assert tasks.tend_exports() == 1
    assert not path.exists() and not Export.objects.exists()


def test_asked_for_twice_it_is_written_once(alice: User) -> None:
    first = request_export(alice)
    assert request_export(alice) == first
    archiving.write_export(first.pk)
    before = archiving.path_of(first).stat().st_mtime_ns
    archiving.write_export(first.pk)
    assert archiving.path_of(first).stat().st_mtime_ns == before
    assert request_export(alice) != first


def test_one_whose_worker_died_is_written_again(alice: User) -> None:
    export = request_export(alice)
    Export.objects.update(state=Export.State.RUNNING)
    archiving.write_export(export.pk)
    assert Export.objects.get().state == Export.State.RUNNING  # somebody works on it
    Export.objects.update(touched_at=timezone.now() - timedelta(minutes=6))
    assert archiving.find_lost() == [export.pk]
    archiving.write_export(export.pk)
    assert Export.objects.get().state == Export.State.DONE


def test_one_that_is_given_up_leaves_no_file(
    alice: User, page: Client, lived_in: Conversation, monkeypatch: pytest.MonkeyPatch
) -> None:
    export = request_export(alice)

    def give_up(*_: object) -> None:
        page.post(reverse("chat:discard_own_export", args=[export.pk]))

    monkeypatch.setattr(archiving, "_tell", give_up)
    archiving.write_export(export.pk)
    assert not archiving.path_of(export).exists() and not Export.objects.exists()


def test_a_full_disk_is_told(alice: User, page: Client, settings: Any, tmp_path: Path) -> None:
    (tmp_path / "exports").write_text("a file where the folder should be")
    settings.FILES_ROOT = tmp_path
    export = request_export(alice)
    archiving.write_export(export.pk)
    assert "could not be written" in page.get(reverse("chat:own_data")).content.decode()


def test_one_that_cannot_be_written_is_given_up_and_told(
    alice: User, page: Client, caplog: pytest.LogCaptureFixture
) -> None:
    conversation = factories.make_conversation(owner=alice)
    log = [[1, "accepted", None], [2, "evidence", None]]
    card = {"number": 1, "passage_id": None, "file_id": "a card without its place"}
    factories.make_answer(conversation=conversation, text="At nine [1].", evidence=[card], log=log)
    export = request_export(alice)
    archiving.write_export(export.pk)
    assert Export.objects.get().state == Export.State.FAILED
    assert "could not be written" in page.get(reverse("chat:own_data")).content.decode()
    assert "could not be written" in caplog.text and "Traceback" in caplog.text
    Export.objects.update(touched_at=timezone.now() - timedelta(minutes=6))
    assert archiving.find_lost() == []


def test_what_a_killed_worker_left_is_removed_after_a_day(alice: User, settings: Any, tmp_path: Path) -> None:
    settings.FILES_ROOT = tmp_path
    ready = factories.make_export(owner=alice)
    folder = archiving.path_of(ready).parent
    folder.mkdir()
    draft, of_nobody, fresh = folder / ".new-abc", folder / f"{uuid4()}.zip", folder / ".new-def"
    for path in (draft, of_nobody, archiving.path_of(ready), fresh):
        path.write_bytes(b"PK")
    long_ago = (timezone.now() - timedelta(days=1, minutes=1)).timestamp()
    for path in (draft, of_nobody, archiving.path_of(ready)):
        os.utime(path, (long_ago, long_ago))
    assert tasks.tend_exports() == 0
    assert set(folder.iterdir()) == {archiving.path_of(ready), fresh}


def test_its_way_is_audited(alice: User, page: Client) -> None:
    page.post(reverse("chat:request_own_export"))
    export = Export.objects.get()
    archiving.write_export(export.pk)
    page.get(reverse("chat:download_own_export", args=[export.pk]))
    page.post(reverse("chat:discard_own_export", args=[export.pk]))
    events = AuditEvent.objects.filter(object=f"export:{export.pk}", actor=str(alice.pk))
    told = {"account.export_request", "account.export", "account.export_download", "account.export_discard"}
    assert set(events.values_list("action", flat=True)) == told


def test_the_command_writes_the_same_for_anybody(alice: User, lived_in: Conversation, tmp_path: Path) -> None:
    factories.make_file(owner=alice, conversation=lived_in, name="gate.md")
    factories.make_file(owner=alice, name="waits.md")
    of_deleted = Conversation.objects.exclude(deleted_at=None).get()
    factories.make_file(owner=alice, conversation=of_deleted, name="deleted.md")
    User.objects.filter(pk=alice.pk).update(is_active=False)
    out = tmp_path / "alice.zip"
    call_command("export_user", "ALICE@example.org", str(out))
    files = files_in(out.read_bytes())
    assert len([name for name in files if name.startswith("conversations/")]) == 2
    assert json.loads(files["shares.json"])
    listed = json.loads(files["files.json"])
    assert [one["name"] for one in listed] == ["gate.md", "waits.md"]
    assert all(files[one["file"]] == "The gate closes at nine." for one in listed)
    assert AuditEvent.objects.filter(action="account.export", actor="system", object=f"user:{alice.pk}").count() == 1
    with pytest.raises(CommandError, match="there already"):
        call_command("export_user", alice.email, str(out))
    with pytest.raises(CommandError, match="no account"):
        call_command("export_user", "nobody@example.org", str(tmp_path / "other.zip"))


# --- deleting ---


def test_all_conversations_go_and_come_back(alice: User, bob: User, lived_in: Conversation, page: Client) -> None:
    share = Share.objects.get()
    factories.make_conversation(owner=alice, title="Second")
    wrong = page.post(reverse("chat:delete_all"), {"email": "bob@example.org"})
    assert wrong.status_code == 422 and "alice@example.org" in wrong.content.decode()
    assert Conversation.objects.visible_to(alice).count() == 2
    page.post(reverse("chat:delete_all"), {"email": " Alice@Example.org "})
    assert not Conversation.objects.visible_to(alice).exists()
    assert Conversation.objects.visible_to(bob).exists()
    assert not Share.objects.live().filter(pk=share.pk).exists()
    shown = page.get(reverse("chat:own_data")).content.decode()
    assert "2 conversations" in shown and "gone for good" in shown
    at = Conversation.objects.get(pk=lived_in.pk).deleted_at
    page.post(reverse("chat:restore_all"), {"deleted_at": at.isoformat()})
    titles = set(Conversation.objects.visible_to(alice).values_list("title", flat=True))
    assert titles == {"Leave", "Second"}  # not what was deleted by itself before
    assert Share.objects.live().filter(pk=share.pk).exists()


@pytest.mark.parametrize("at", ["", "soon", "2026-13-01", "2026-01-01T00:00", "2020-01-01T00:00Z"])
def test_nothing_else_is_brought_back(page: Client, at: str) -> None:
    assert page.post(reverse("chat:restore_all"), {"deleted_at": at}).status_code == 404


def test_what_others_deleted_stays_deleted(alice: User, bob: User, signed_in: SignIn) -> None:
    at = timezone.now()
    factories.make_conversation(owner=alice, deleted_at=at)
    answer = signed_in(bob).post(reverse("chat:restore_all"), {"deleted_at": at.isoformat()})
    assert answer.status_code == 404 and not Conversation.objects.visible_to(alice).exists()


def test_after_the_days_of_grace_it_is_gone_for_good(alice: User, bob: User, lived_in: Conversation) -> None:
    for days, is_kept in ((29, True), (31, False)):
        Conversation.objects.filter(pk=lived_in.pk).update(deleted_at=timezone.now() - timedelta(days=days))
        assert purge_deleted() == (0 if is_kept else 1)
        assert Conversation.objects.filter(pk=lived_in.pk).exists() == is_kept
    assert not Message.objects.filter(conversation=lived_in.pk).exists()
    assert not Share.objects.filter(owner=alice).exists()
    assert factories.messages_saying("For bob.").exists()
    assert AuditEvent.objects.filter(action="conversation.purge", object=f"conversation:{lived_in.pk}").count() == 1


def test_what_is_brought_back_meanwhile_stays(alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    long_ago = timezone.now() - timedelta(days=31)
    first, second = (factories.make_conversation(owner=alice, deleted_at=long_ago) for _ in range(2))
    record = audit.record

    def bring_back(**event: Any) -> object:
        Conversation.objects.filter(pk=second.pk).update(deleted_at=None)
        return record(**event)

    monkeypatch.setattr(audit, "record", bring_back)
    assert purge_deleted() == 1
    assert list(Conversation.objects.filter(owner=alice)) == [second] and first.pk != second.pk


def test_files_that_were_attached_are_in_the_zip(alice: User, bob: User, tmp_path: Path) -> None:
    conversation = factories.make_conversation(owner=alice)
    file = factories.make_file(owner=alice, conversation=conversation, name="gate.md")
    factories.make_file(owner=bob, conversation=factories.make_conversation(owner=bob), text="Of bob.")
    card = {"number": 1, "passage_id": None, "file_id": str(file.pk), "quote": "at nine", "start": 16, "end": 23}
    card |= {"document_id": None, "document_title": "gate.md", "version": None, "source": "Your file", "page": None}
    log = [[1, "accepted", None], [2, "evidence", None]]
    factories.make_answer(
        conversation=conversation, text="At nine [1].", evidence=[card | {"heading_path": []}], log=log
    )
    path = tmp_path / "all.zip"
    write_everything(alice, path)
    found = files_in(path.read_bytes())
    (listed,) = json.loads(found["files.json"])
    assert listed["name"] == "gate.md" and found[listed["file"]] == "The gate closes at nine."
    said = next(text for name, text in found.items() if name.startswith("conversations/") and name.endswith(".json"))
    (cited,) = json.loads(said)["conversation"]["messages"][-1]["citations"]
    assert cited["file_id"] == str(file.pk) and cited["passage_id"] is None
    assert cited["link"].endswith(f"/files/{file.pk}/?start=16&end=23")
    assert "Of bob." not in str(found)
