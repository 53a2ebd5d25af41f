"""Bringing files and whole folders in from the page: what each is called, and how it is followed to its end."""

from __future__ import annotations

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from accounts.models import User
from app.errors import BadInputError
from knowledge.ingestion import safe_key
from knowledge.models import Document, Source
from knowledge.publication.processing import process_document
from tests import factories
from tests.conftest import SignIn
from tests.knowledge.conftest import LEAVE

JSON = {"Accept": "application/json"}


@pytest.fixture
def browser(olivia: User, signed_in: SignIn) -> Client:
    return signed_in(olivia)


def bring(browser: Client, source: Source, name: str, folder: str = "", text: str = LEAVE) -> dict[str, object]:
    form = {"file": SimpleUploadedFile(name, text.encode()), "folder": folder}
    response = browser.post(f"/knowledge/sources/{source.pk}/upload/", form, headers=JSON)
    assert response.status_code == 202, response.content
    told: dict[str, object] = response.json()
    return told


def test_files_of_one_name_in_two_folders_are_two_documents(browser: Client, handbook: Source) -> None:
    bring(browser, handbook, "readme.md", "guides/travel")
    bring(browser, handbook, "readme.md", "guides/pay", LEAVE.replace("27", "30"))
    keys = set(Document.objects.values_list("key", flat=True))
    assert keys == {"guides/travel/readme.md", "guides/pay/readme.md"}
    assert set(Document.objects.values_list("title", flat=True)) == {"readme.md"}


@pytest.mark.parametrize(
    ("folder", "key"),
    [
        ("", "a.md"),
        ("../../etc", "etc/a.md"),
        ("/srv//docs/./", "srv/docs/a.md"),
        ("one\\two", "one/two/a.md"),
        ("se\u200bcret\u202e/\x00", "secret/a.md"),
    ],
)
def test_folders_lead_nowhere_else(folder: str, key: str) -> None:
    assert safe_key(folder, "x/../a.md") == key


def test_names_of_folders_have_an_end(browser: Client, handbook: Source) -> None:
    with pytest.raises(BadInputError, match="too deep"):
        safe_key("/".join(["folder"] * 90), "a.md")


def test_a_file_is_followed_until_it_is_published(browser: Client, handbook: Source) -> None:
    told = bring(browser, handbook, "leave.md")
    assert (told["state"], told["is_settled"], told["was_here"]) == ("queued", False, False)
    follow = f"/knowledge/sources/{handbook.pk}/upload/follow/"
    assert browser.get(follow, {"id": str(told["id"])}).json()["documents"][0]["words"] == "Waiting to be read"
    process_document(Document.objects.get().pk)
    now = browser.get(follow, {"id": str(told["id"])}).json()["documents"][0]
    assert (now["words"], now["is_settled"]) == ("Published", True)


def test_the_same_bytes_are_here_already_under_their_first_name(browser: Client, handbook: Source) -> None:
    bring(browser, handbook, "leave.md")
    process_document(Document.objects.get().pk)
    again = bring(browser, handbook, "copy of leave.md", "old")
    assert (again["was_here"], again["name"], again["words"]) == (True, "leave.md", "Published")
    assert Document.objects.count() == 1


def test_a_refused_one_says_why(browser: Client, handbook: Source) -> None:
    told = bring(browser, handbook, "scan.md", text="# Nothing\n")
    process_document(Document.objects.get().pk)
    now = browser.get(f"/knowledge/sources/{handbook.pk}/upload/follow/", {"id": str(told["id"])}).json()
    assert now["documents"][0]["words"] == "Not taken"
    assert "no text in it" in now["documents"][0]["detail"]


def test_only_documents_of_that_source_are_told_of(browser: Client, olivia: User, handbook: Source) -> None:
    other = factories.make_document(source=factories.make_source(owner=olivia, name="Other"))
    follow = f"/knowledge/sources/{handbook.pk}/upload/follow/"
    assert browser.get(follow, {"id": str(other.pk)}).json() == {"documents": []}
    assert browser.get(follow, {"id": "nonsense"}).status_code == 422
    assert browser.get(follow).json() == {"documents": []}
