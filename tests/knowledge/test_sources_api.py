"""Sources and syncs for programs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from accounts.models import User
from knowledge.connectors.registry import CONNECTORS
from knowledge.models import Document, Source, Sync
from knowledge.syncs.syncing import run_sync
from tests import factories
from tests.conftest import SignIn

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def client(ada: User, with_key: SignIn) -> Client:
    return with_key(ada)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for number in range(3):
        (tmp_path / f"{number}.md").write_text(f"# Page {number}\n\nWords about {number}.")
    return tmp_path


def send(client: Client, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
    return client.generic(method, f"/api/v1{path}", json.dumps(body or {}), content_type="application/json")


def make(client: Client, folder: Path, **fields: Any) -> dict[str, Any]:
    body = {"name": "Books", "kind": "folder", "config": {"path": str(folder)}, "groups": [], **fields}
    made = send(client, "POST", "/sources", body)
    assert made.status_code == 201, made.content
    found: dict[str, Any] = made.json()
    return found


def run(client: Client, source_id: str) -> dict[str, Any]:
    started = send(client, "POST", f"/sources/{source_id}/sync")
    assert started.status_code == 202
    run_sync(started.json()["sync_id"])
    found: dict[str, Any] = client.get(f"/api/v1/syncs/{started.json()['sync_id']}").json()
    return found


def test_a_folder_is_made_synced_and_followed(client: Client, folder: Path) -> None:
    made = make(client, folder, schedule="daily at 03:00", exclude=["2.md"], review_by="2030-01-01")
    assert (made["schedule"], made["exclude"], made["review_by"]) == ("daily at 03:00", ["2.md"], "2030-01-01")
    assert made["next_sync_at"]
    sync = run(client, made["id"])
    assert {name: sync[name] for name in ("state", "seen", "added", "total", "cause")} == {
        "state": "done",
        "seen": 2,
        "added": 2,
        "total": 2,
        "cause": "hand",
    }
    assert {"unchanged", "changed", "removed", "renamed", "failed", "withheld", "failures"} <= set(sync)
    (folder / "1.md").rename(folder / "moved.md")
    (folder / "0.md").unlink()
    sync = run(client, made["id"])
    assert (sync["renamed"], sync["removed"]) == (1, 1)
    undone = send(client, "POST", f"/syncs/{sync['id']}/undo")
    assert undone.json() == {"documents": 1}
    assert not Document.objects.filter(state="withdrawn").exists()
    assert send(client, "POST", f"/syncs/{sync['id']}/undo").status_code == 409
    assert send(client, "POST", f"/syncs/{sync['id']}/confirm").status_code == 409


def test_a_second_sync_is_the_one_that_waits(client: Client, folder: Path) -> None:
    made = make(client, folder)
    first = send(client, "POST", f"/sources/{made['id']}/sync").json()
    assert send(client, "POST", f"/sources/{made['id']}/sync").json() == first


def test_syncs_are_listed_by_pages(client: Client, folder: Path) -> None:
    made = make(client, folder)
    source = Source.objects.get()
    for _ in range(3):
        Sync.objects.create(source=source, state="done")
    page = client.get(f"/api/v1/sources/{made['id']}/syncs?limit=2").json()
    assert len(page["items"]) == 2
    rest = client.get(f"/api/v1/sources/{made['id']}/syncs?limit=2&cursor={page['next']}").json()
    assert (len(rest["items"]), rest["next"]) == (1, None)


def test_a_source_is_changed_paused_resumed_reviewed_deleted_and_restored(client: Client, folder: Path) -> None:
    factories.make_group("Crew")
    path = f"/sources/{make(client, folder, schedule='hourly')['id']}"
    changed = send(client, "PATCH", path, {"name": "Papers", "groups": ["Crew"], "exclude": ["*.tmp"]}).json()
    assert (changed["name"], changed["groups"], changed["exclude"]) == ("Papers", ["Crew"], ["*.tmp"])
    assert (changed["schedule"], changed["is_for_everyone"]) == ("hourly", False)
    assert send(client, "POST", f"{path}/pause").json()["paused_at"]
    assert send(client, "POST", f"{path}/sync").status_code == 409
    assert send(client, "POST", f"{path}/resume").json()["paused_at"] is None
    assert (
        send(client, "POST", f"{path}/reviewed", {"next_review_by": "2040-01-01"}).json()["review_by"] == "2040-01-01"
    )
    assert send(client, "DELETE", path).status_code == 204
    assert client.get(f"/api/v1{path}").status_code == 404
    assert send(client, "POST", f"{path}/restore").status_code == 200
    assert client.get(f"/api/v1{path}").json()["name"] == "Papers"


def test_a_source_is_handed_over(client: Client, folder: Path, olivia: User) -> None:
    path = f"/sources/{make(client, folder)['id']}"
    assert send(client, "PATCH", path, {"owner": "nobody@example.org"}).status_code == 422
    assert send(client, "PATCH", path, {"owner": olivia.email}).status_code == 200
    assert Source.objects.get().owner == olivia


@pytest.mark.parametrize(
    "body",
    [
        {"schedule": "sometimes"},
        {"config": {"path": "/x", "more": 1}},
        {"name": ""},
        {"credential": "x"},
        {"include": ["!"]},
        {"groups": ["Nobody"]},
    ],
)
def test_a_change_that_cannot_be_is_422(client: Client, folder: Path, body: dict[str, Any]) -> None:
    path = f"/sources/{make(client, folder)['id']}"
    answer = send(client, "PATCH", path, body)
    assert answer.status_code == 422
    assert answer.json()["error"]["message"]


def test_the_kinds_are_told_with_their_settings(client: Client) -> None:
    kinds = {kind["kind"]: kind for kind in client.get("/api/v1/source-kinds").json()["items"]}
    assert set(kinds) == set(CONNECTORS)
    assert "path" in kinds["folder"]["config"]["properties"]
    assert kinds["upload"]["credential_label"] == ""
