"""Files over REST: brought in, followed, asked with, deleted."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from chat.models import Attachment, Message
from chat.writing.reading_files import read
from tests import factories
from tests.chat.files import LETTER

pytestmark = pytest.mark.usefixtures("embedding_weights")


@pytest.fixture
def talk(alice):
    return factories.make_conversation(owner=alice)


def post(client, talk, name="offer.md", data=b""):
    file = SimpleUploadedFile(name, data or LETTER.encode())
    return client.post(f"/api/v1/conversations/{talk.pk}/files", {"file": file})


def test_bring_in_follow_ask_and_delete(alice, talk, with_key):
    client = with_key(alice)
    taken = post(client, talk)
    assert (taken.status_code, taken.json()["state"]) == (202, "queued")
    address = f"/api/v1/files/{taken.json()['id']}"
    read(Attachment.objects.get().pk)
    file = client.get(address).json()
    assert file == {
        "id": taken.json()["id"],
        "conversation_id": str(talk.pk),
        "name": "offer.md",
        "media_type": "text/markdown",
        "size_bytes": len(LETTER),
        "state": "ready",
        "reason": "",
        "note": "",
        "passages": 2,
        "asked_at": None,
    }
    body = {"text": "What do the desks cost?", "files": [file["id"]]}
    asked = client.post(f"/api/v1/conversations/{talk.pk}/messages", body, content_type="application/json")
    assert asked.status_code == 202
    question = Message.objects.get(children=asked.json()["id"])
    assert [str(one.pk) for one in question.files.all()] == [file["id"]]
    assert client.get(address).json()["asked_at"]
    assert client.delete(address).status_code == 204
    assert client.get(address).status_code == client.delete(address).status_code == 404


def test_what_is_wrong_with_a_file_is_said(alice, talk, with_key, settings):
    client = with_key(alice)
    settings.CHAT_FILE_MAX_BYTES = 1000
    for name, data, status, code in (
        ("a.svg", b"<svg/>", 422, "cannot_read"),
        ("a.txt", b"x" * 1001, 413, "too_large"),
        ("noending", b"x", 422, "cannot_read"),
    ):
        answer = post(client, talk, name, data)
        assert (answer.status_code, answer.json()["error"]["code"]) == (status, code), name


def test_anothers_file_cannot_be_named_in_a_question(alice, bob, talk, with_key):
    theirs = factories.make_file(owner=bob, conversation=factories.make_conversation(owner=bob))
    body = {"text": "What does it say?", "files": [str(theirs.pk)]}
    answer = with_key(alice).post(f"/api/v1/conversations/{talk.pk}/messages", body, content_type="application/json")
    assert answer.status_code == 404 and not Message.objects.exists()
