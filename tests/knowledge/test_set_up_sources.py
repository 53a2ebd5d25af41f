"""Setting sources up by their forms: every kind, from what its connector says of its settings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from accounts.models import User
from knowledge.connectors.registry import CONNECTORS
from knowledge.models import Source
from tests.conftest import SignIn

FOLDER = "/knowledge/sources/new/folder/"


@pytest.fixture
def papers(tmp_path: Path, settings: Any) -> Path:
    folder = tmp_path / "papers"
    folder.mkdir()
    (folder / "leave.md").write_text("# Leave\n\nEverybody has 27 days of annual leave.\n")
    settings.SOURCE_FOLDERS = [str(tmp_path)]
    return folder


@pytest.fixture
def browser(olivia: User, signed_in: SignIn) -> Client:
    return signed_in(olivia)


def test_every_kind_can_be_chosen_and_has_a_form(browser: Client) -> None:
    page = browser.get("/knowledge/sources/new/").content.decode()
    for kind in CONNECTORS:
        assert f'/knowledge/sources/new/{kind}/"' in page
        assert browser.get(f"/knowledge/sources/new/{kind}/").status_code == 200
    assert browser.get("/knowledge/sources/new/telepathy/").status_code == 404


def test_a_folder_is_followed_from_its_form(browser: Client, papers: Path) -> None:
    form = {"name": "Papers", "readers": "everyone", "config_path": str(papers), "include": "*.md\n\n", "schedule": ""}
    assert browser.post(FOLDER, form | {"schedule": "hourly"}).status_code == 302
    source = Source.objects.get(name="Papers")
    assert (source.kind, source.config, source.include) == ("folder", {"path": str(papers)}, ["*.md"])
    assert source.schedule == "hourly"
    assert source.next_sync_at is not None
    assert source.syncs.count() == 1


def test_what_is_wrong_is_said_at_its_field(browser: Client, papers: Path) -> None:
    form = {"name": "Papers", "readers": "everyone", "config_path": "papers", "schedule": "other"}
    response = browser.post(FOLDER, form | {"schedule_other": "now and then"})
    assert response.status_code == 422
    page = response.content.decode()
    assert "daily at 03:00" in page.split('id="id_schedule_other_error"')[1]
    page = browser.post(FOLDER, form | {"schedule_other": "daily at 06:30"}).content.decode()
    assert "absolute" in page.split('id="id_config_path_error"')[1]
    assert not Source.objects.exists()


def test_settings_are_tried_before_they_are_kept(browser: Client, papers: Path) -> None:
    form = {"readers": "everyone", "config_path": str(papers)}
    assert "such as leave.md" in browser.post(f"{FOLDER}try/", form).content.decode()
    missing = {"readers": "everyone", "config_path": str(papers / "nowhere")}
    assert 'data-tone="bad"' in browser.post(f"{FOLDER}try/", missing).content.decode()
    assert not Source.objects.exists()


def test_a_change_begins_with_what_is_set(browser: Client, papers: Path) -> None:
    form = {"name": "Papers", "readers": "nobody", "config_path": str(papers), "schedule": "other"}
    browser.post(FOLDER, form | {"schedule_other": "daily at 06:30", "exclude": "drafts/"})
    source = Source.objects.get()
    page = browser.get(f"/knowledge/sources/{source.pk}/change/").content.decode()
    assert 'value="daily at 06:30"' in page
    assert "drafts/</textarea>" in page
    changed = form | {"name": "Notes", "schedule": "", "schedule_other": "", "exclude": ""}
    assert browser.post(f"/knowledge/sources/{source.pk}/change/", changed).status_code == 302
    source.refresh_from_db()
    assert (source.name, source.schedule, source.exclude, source.next_sync_at) == ("Notes", "", [], None)


def test_a_credential_goes_in_and_never_comes_out(browser: Client) -> None:
    form = {"name": "Docs", "readers": "everyone", "config_address": "https://git.example.org/team/docs"}
    browser.post("/knowledge/sources/new/git/", form | {"credential": "glpat-secret-token"})
    source = Source.objects.get()
    assert source.has_credential
    assert "glpat-secret-token" not in browser.get(f"/knowledge/sources/{source.pk}/change/").content.decode()
    change = f"/knowledge/sources/{source.pk}/change/"
    assert browser.post(change, form | {"name": "Documents"}).status_code == 302
    elsewhere = form | {"config_address": "https://git.example.net/team/docs"}
    response = browser.post(change, elsewhere)
    assert response.status_code == 422
    assert "again" in response.content.decode().split('id="id_credential_error"')[1]
    source.refresh_from_db()
    assert source.has_credential
    assert source.config["address"] == "https://git.example.org/team/docs"
    assert browser.post(change, elsewhere | {"forget_credential": "on"}).status_code == 302
    source.refresh_from_db()
    assert not source.has_credential


def test_its_keeper_says_what_holds_a_document(browser: Client) -> None:
    form = {
        "name": "Papers",
        "readers": "everyone",
        "line_secrets": "never",
        "line_hidden_text": "0",
        "line_ocr": "0.8",
    }
    assert browser.post("/knowledge/sources/new/upload/", form).status_code == 302
    source = Source.objects.get()
    assert source.quality_lines == {"secrets": None, "hidden_text": 0}
    page = browser.get(f"/knowledge/sources/{source.pk}/change/").content.decode()
    assert '<option value="never" selected>' in page.split('id="id_line_secrets"')[1].split("</select>")[0]
    assert (
        browser.post(f"/knowledge/sources/{source.pk}/change/", {"name": "Papers", "readers": "everyone"}).status_code
        == 302
    )
    source.refresh_from_db()
    assert source.quality_lines == {}
