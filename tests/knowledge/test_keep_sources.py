"""The pages of people who keep knowledge, and of those who read it."""

from __future__ import annotations

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import AuditEvent, User
from app.errors import BadInputError, NotAllowedError
from knowledge.models import Document, Source
from knowledge.sources import Readers, create_source, start_sync
from tests import factories
from tests.conftest import SignIn
from tests.knowledge.conftest import Publish


def test_an_owner_makes_a_source_for_their_group(olivia: User, alice: User, charlie: User, signed_in: SignIn) -> None:
    form = {"name": "Travel", "readers": "groups", "groups": ["Crew"]}
    response = signed_in(olivia).post("/knowledge/sources/new/upload/", form)
    source = Source.objects.get(name="Travel")
    assert response.headers["Location"] == f"/knowledge/sources/{source.pk}/"
    assert Source.objects.visible_to(alice).contains(source)
    assert not Source.objects.visible_to(charlie).contains(source)
    assert AuditEvent.objects.filter(action="source.create", object=f"source:{source.pk}").exists()


def test_a_name_in_use_is_said_at_its_field(olivia: User, handbook: Source, signed_in: SignIn) -> None:
    response = signed_in(olivia).post("/knowledge/sources/new/upload/", {"name": handbook.name, "readers": "everyone"})
    assert response.status_code == 422
    assert "already a source called Handbook" in response.content.decode()


def test_groups_have_to_be_chosen_and_be_ones_own(olivia: User, signed_in: SignIn) -> None:
    factories.make_group("Board")
    client = signed_in(olivia)
    assert client.post("/knowledge/sources/new/upload/", {"name": "A", "readers": "groups"}).status_code == 422
    form = {"name": "A", "readers": "groups", "groups": ["Board"]}
    assert client.post("/knowledge/sources/new/upload/", form).status_code == 422
    assert not Source.objects.filter(name="A").exists()


def test_an_employee_makes_none(alice: User, signed_in: SignIn) -> None:
    assert signed_in(alice).get("/knowledge/sources/new/upload/").status_code == 403
    with pytest.raises(NotAllowedError):
        create_source(actor=alice, name="A")


@pytest.mark.parametrize("path", ["relative", "/nonexistent-folder", "/etc"])
def test_an_owner_cannot_have_any_folder_read(olivia: User, path: str) -> None:
    with pytest.raises(BadInputError):
        create_source(actor=olivia, name="F", kind="folder", config={"path": path})


def test_the_data_folder_is_never_a_source(ada: User) -> None:
    from django.conf import settings

    for path in (settings.DATA.root, settings.DATA.secrets, "/"):
        with pytest.raises(BadInputError, match="data folder"):
            create_source(actor=ada, name="F", kind="folder", config={"path": str(path)})


def test_only_a_folder_can_be_synced(olivia: User, handbook: Source) -> None:
    with pytest.raises(BadInputError):
        start_sync(actor=olivia, source=handbook)


def test_the_pages_show_each_what_is_theirs(
    olivia: User, alice: User, charlie: User, handbook: Source, publish: Publish, signed_in: SignIn
) -> None:
    publish(handbook)
    publish(handbook, "scan.md", "# Nothing\n")
    kept = signed_in(olivia).get(f"/knowledge/sources/{handbook.pk}/").content.decode()
    assert "Annual leave" in kept
    assert "no text in it" in kept
    assert 'type="file"' in kept
    read = signed_in(alice).get(f"/knowledge/sources/{handbook.pk}/").content.decode()
    assert "Annual leave" in read
    assert "no text in it" not in read
    assert 'type="file"' not in read
    assert signed_in(charlie).get(f"/knowledge/sources/{handbook.pk}/").status_code == 404
    assert "Handbook" not in signed_in(charlie).get("/knowledge/").content.decode()
    assert "1 not taken" in signed_in(olivia).get("/knowledge/").content.decode()


def test_an_upload_waits_in_the_table_and_asks_again(olivia: User, handbook: Source, signed_in: SignIn) -> None:
    client = signed_in(olivia)
    files = [SimpleUploadedFile("a.md", b"# A\n\nWords."), SimpleUploadedFile("b.exe", b"MZ")]
    page = client.post(f"/knowledge/sources/{handbook.pk}/upload/", {"file": files}, follow=True).content.decode()
    assert "Waiting to be read" in page
    assert "every 1s" in page
    assert "cannot read .exe files" in page
    assert Document.objects.get().key == "a.md"


def test_the_script_gets_json(olivia: User, handbook: Source, signed_in: SignIn) -> None:
    url = f"/knowledge/sources/{handbook.pk}/upload/"
    wants = {"Accept": "application/json"}
    taken = signed_in(olivia).post(url, {"file": SimpleUploadedFile("a.md", b"# A\n\nWords.")}, headers=wants)
    assert (taken.status_code, taken.json()["state"]) == (202, "queued")
    refused = signed_in(olivia).post(url, {"file": SimpleUploadedFile("a.exe", b"MZ")}, headers=wants)
    assert refused.status_code == 422
    assert "cannot read" in refused.json()["error"]["message"]


def test_a_reader_cannot_upload(alice: User, handbook: Source, signed_in: SignIn) -> None:
    url = f"/knowledge/sources/{handbook.pk}/upload/"
    assert signed_in(alice).post(url, {"file": SimpleUploadedFile("a.md", b"x")}).status_code == 404
    assert not Document.objects.exists()


def test_withdrawing_offers_to_undo(olivia: User, handbook: Source, publish: Publish, signed_in: SignIn) -> None:
    document = publish(handbook)
    response = signed_in(olivia).post(f"/knowledge/documents/{document.pk}/withdraw/", headers={"HX-Request": "true"})
    assert response["HX-Trigger"] == "documents-changed"
    undo = f"/knowledge/documents/{document.pk}/restore/"
    assert undo in response.content.decode()
    signed_in(olivia).post(undo)
    document.refresh_from_db()
    assert document.state == Document.State.PUBLISHED


@pytest.mark.parametrize("deed", ["withdraw", "restore", "retry"])
def test_readers_change_nothing(alice: User, handbook: Source, publish: Publish, signed_in: SignIn, deed: str) -> None:
    document = publish(handbook)
    assert signed_in(alice).post(f"/knowledge/documents/{document.pk}/{deed}/").status_code == 404


def test_long_lists_cost_as_many_statements_as_short_ones(
    olivia: User, crew: object, handbook: Source, signed_in: SignIn
) -> None:
    client = signed_in(olivia)

    def statements(path: str) -> int:
        with CaptureQueriesContext(connection) as queries:
            assert client.get(path).status_code == 200
        return len(queries)

    def grow(count: int) -> None:
        for _ in range(count):
            number = Document.objects.count()
            factories.make_document(source=handbook, title=f"Page {number}")
            factories.make_source(owner=olivia, name=f"Source {number}")

    paths = ["/knowledge/", f"/knowledge/sources/{handbook.pk}/"]
    grow(2)
    few = [statements(path) for path in paths]
    grow(8)
    assert [statements(path) for path in paths] == few


def test_a_long_list_is_paged(olivia: User, handbook: Source, signed_in: SignIn) -> None:
    for number in range(55):
        factories.make_document(source=handbook, title=f"Page {number}")
    page = signed_in(olivia).get(f"/knowledge/sources/{handbook.pk}/").content.decode()
    assert "Page 54" in page
    assert "Page 3<" not in page
    link = page.split("?cursor=")[1].split('"')[0]
    older = signed_in(olivia).get(f"/knowledge/sources/{handbook.pk}/?cursor={link}").content.decode()
    assert "Page 3<" in older


def test_readers_are_named_or_everyone(olivia: User, alice: User, charlie: User) -> None:
    everyone = create_source(actor=olivia, name="A", readers=Readers(everyone=True))
    nobody = create_source(actor=olivia, name="B")
    assert Source.objects.visible_to(charlie).contains(everyone)
    assert not Source.objects.visible_to(alice).contains(nobody)
    assert Source.objects.visible_to(olivia).contains(nobody)
