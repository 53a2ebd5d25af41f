"""Knowledge for programs, as the contract of the REST interface says."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from accounts.models import Group, User
from knowledge.models import Document, Source
from knowledge.publication.processing import process_document
from tests import factories
from tests.conftest import SignIn
from tests.knowledge.conftest import LEAVE, Publish


def post(client: Client, path: str, body: dict[str, Any]) -> Any:
    return client.post(f"/api/v1{path}", body, content_type="application/json")


def test_a_program_makes_a_source_uploads_and_searches(olivia: User, alice: User, with_key: SignIn) -> None:
    owner = with_key(olivia)
    made = post(owner, "/sources", {"name": "Books", "kind": "upload", "config": {}, "groups": ["Crew"]})
    assert made.status_code == 201
    assert made.json()["groups"] == ["Crew"]
    path = f"/api/v1/sources/{made.json()['id']}/documents"
    taken = owner.post(path, {"file": SimpleUploadedFile("leave.md", LEAVE.encode())})
    assert taken.status_code == 202
    assert taken.json()["state"] == "queued"
    process_document(Document.objects.get().pk)
    told = owner.get(f"/api/v1/documents/{taken.json()['id']}").json()
    assert (told["state"], told["title"], told["version"], told["passages"]) == ("published", "Annual leave", 1, 2)
    assert {"reason", "quality"} <= set(told)
    found = post(with_key(alice), "/search", {"query": "How many days of leave has a calendar year?"}).json()[
        "passages"
    ]
    assert "27 days" in found[0]["text"]
    keys = "id document_id document_title source heading_path text page start end score"
    assert set(keys.split()) <= set(found[0])


def test_an_outsider_gets_404_and_finds_nothing(
    charlie: User, handbook: Source, publish: Publish, with_key: SignIn
) -> None:
    document = publish(handbook)
    client = with_key(charlie)
    missing = client.get(f"/api/v1/documents/{uuid4()}")
    theirs = client.get(f"/api/v1/documents/{document.pk}")
    assert (theirs.status_code, theirs.json()) == (404, missing.json())
    assert post(client, "/search", {"query": "annual leave"}).json() == {"passages": []}
    file = SimpleUploadedFile("a.md", b"x")
    assert client.post(f"/api/v1/sources/{handbook.pk}/documents", {"file": file}).status_code == 404
    assert client.post(f"/api/v1/sources/{handbook.pk}/sync").status_code == 404


def test_an_employee_makes_no_source(alice: User, with_key: SignIn) -> None:
    answer = post(with_key(alice), "/sources", {"name": "A"})
    assert answer.status_code == 403
    assert answer.json()["error"]["code"] == "not_allowed"


@pytest.mark.parametrize(
    "body", [{"name": ""}, {"name": "A", "kind": "ftp"}, {"name": "A", "groups": ["None such"]}, {"kind": "upload"}]
)
def test_what_is_wrong_with_a_source_is_said(olivia: User, with_key: SignIn, body: dict[str, Any]) -> None:
    answer = post(with_key(olivia), "/sources", body)
    assert answer.status_code == 422
    assert answer.json()["error"]["message"]
    assert not Source.objects.exists()


def test_a_file_that_cannot_be_read_is_422(olivia: User, handbook: Source, with_key: SignIn) -> None:
    file = SimpleUploadedFile("a.exe", b"MZ")
    answer = with_key(olivia).post(f"/api/v1/sources/{handbook.pk}/documents", {"file": file})
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "cannot_read")


@pytest.mark.parametrize("body", [{}, {"query": ""}, {"query": "x", "limit": 0}, {"query": "x" * 2000}])
def test_a_search_that_makes_no_sense_is_422(alice: User, with_key: SignIn, body: dict[str, Any]) -> None:
    assert post(with_key(alice), "/search", body).status_code == 422


def test_sources_are_listed_by_pages(olivia: User, alice: User, handbook: Source, with_key: SignIn) -> None:
    listed = with_key(alice).get("/api/v1/sources?limit=1").json()
    assert [item["name"] for item in listed["items"]] == ["Handbook"]
    assert listed["next"] is None
    config = listed["items"][0]["config"]
    assert config == {}


def test_where_a_folder_lies_is_told_to_its_keeper_alone(
    olivia: User, alice: User, crew: Group, with_key: SignIn
) -> None:
    factories.make_source(owner=olivia, name="F", groups=[crew], kind="folder", config={"path": "/srv/f"})
    assert with_key(olivia).get("/api/v1/sources").json()["items"][0]["config"] == {"path": "/srv/f"}
    assert with_key(alice).get("/api/v1/sources").json()["items"][0]["config"] == {}


def test_without_a_key_nothing_is_told(handbook: Source) -> None:
    assert Client().get("/api/v1/sources").status_code == 401
    assert post(Client(), "/search", {"query": "leave"}).status_code == 401
