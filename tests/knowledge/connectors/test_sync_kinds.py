"""Sources of every kind over a real server, from their settings to what people find, and to what is gone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import pytest
from django.core.cache import cache

from accounts.models import User
from knowledge.models import Document, Source, Sync, Version
from knowledge.retrieval import search
from knowledge.sources import create_source, start_sync
from knowledge.syncs.syncing import run_sync
from tests import factories
from tests.knowledge.connectors import ftp_server, repositories
from tests.knowledge.connectors.buckets import Store
from tests.knowledge.connectors.ftp_server import FtpServer
from tests.knowledge.connectors.repositories import Repository
from tests.knowledge.connectors.sites import Page, Site

pytestmark = pytest.mark.django_db(transaction=True)


class Place(Protocol):
    """Where texts can be put and taken away, and how a source is led there."""

    kind: str

    @property
    def config(self) -> dict[str, Any]: ...
    def put(self, name: str, text: str) -> None: ...
    def remove(self, name: str) -> None: ...


class Web:
    kind = "web"

    def __init__(self, site: Site) -> None:
        self.site = site

    @property
    def config(self) -> dict[str, Any]:
        return {"start": [f"{self.site.url}/"]}

    def put(self, name: str, text: str) -> None:
        self.site.html(f"/{name}", f"<title>{name}</title><h1>{name}</h1><p>{text}</p>")
        self._link()

    def remove(self, name: str) -> None:
        del self.site.pages[f"/{name}"]
        self._link()

    def _link(self) -> None:
        self.site.pages.pop("/", None)
        links = "".join(f'<li><a href="{path}">{path}</a></li>' for path in sorted(self.site.pages))
        noindex = '<meta name="robots" content="noindex">'
        self.site.pages["/"] = Page(f"{noindex}<ul>{links}</ul>".encode(), headers={"Content-Type": "text/html"})


class Git:
    kind = "git"

    def __init__(self, repository: Repository) -> None:
        self.repository, self.files = repository, dict[str, Any]()

    @property
    def config(self) -> dict[str, Any]:
        return {"address": self.repository.address}

    def put(self, name: str, text: str) -> None:
        self.files[f"{name}.md"] = f"# {name}\n\n{text}".encode()
        self.repository.commit(self.files)

    def remove(self, name: str) -> None:
        del self.files[f"{name}.md"]
        self.repository.commit(self.files)


class Bucket:
    kind = "s3"

    def __init__(self, store: Store) -> None:
        self.store = store

    @property
    def config(self) -> dict[str, Any]:
        return {"bucket": "handbook", "endpoint": self.store.endpoint}

    def put(self, name: str, text: str) -> None:
        self.store.put(f"{name}.md", f"# {name}\n\n{text}".encode(), ACL="public-read")

    def remove(self, name: str) -> None:
        self.store.client.delete_object(Bucket="handbook", Key=f"{name}.md")


class Ftp:
    kind = "files"

    def __init__(self, server: FtpServer) -> None:
        self.server = server

    @property
    def config(self) -> dict[str, Any]:
        return {"address": f"ftp://{self.server.host}/"}

    def put(self, name: str, text: str) -> None:
        self.server.files[f"/{name}.md"] = f"# {name}\n\n{text}".encode()
        self.server.modified[f"/{name}.md"] = f"202610051000{len(self.server.modified):02}"

    def remove(self, name: str) -> None:
        del self.server.files[f"/{name}.md"]


@pytest.fixture
def model(embedding_weights: Path) -> None:
    """Here everything is embedded."""


@pytest.fixture(params=["web", "git", "s3", "files"])
def place(request: pytest.FixtureRequest, tmp_path: Path, settings: Any) -> Iterator[Place]:
    cache.clear()
    if request.param == "web":
        yield Web(request.getfixturevalue("site"))
    elif request.param == "git":
        with repositories.serving(Repository(tmp_path / "handbook.git")) as repository:
            settings.SOURCE_HOSTS = [repository.host]
            yield Git(repository)
    elif request.param == "s3":
        yield Bucket(request.getfixturevalue("bucket"))
    else:
        with ftp_server.serving() as server:
            settings.SOURCE_HOSTS = [server.host]
            yield Ftp(server)


def counts(sync: Sync) -> dict[str, int]:
    names = ("added", "changed", "unchanged", "removed", "renamed", "failed", "withheld")
    return {name: getattr(sync, name) for name in names if getattr(sync, name)}


def test_a_source_follows_its_place(place: Place) -> None:
    keeper: User = factories.make_user("olivia", roles=["owner"])
    place.put("leave", "Everybody has 27 days of annual leave in a calendar year.")
    place.put("pay", "Salaries are paid on the last working day of the month.")
    source = create_source(actor=keeper, name="Handbook", kind=place.kind, config=place.config)
    assert counts(_synced(keeper, source)) == {"added": 2}
    assert "27 days" in search(user=keeper, query="annual leave days")[0].text

    versions = Version.objects.count()
    again = _synced(keeper, source)
    assert counts(again) == {"unchanged": 2}
    assert Version.objects.count() == versions

    place.put("leave", "Everybody has 30 days of annual leave in a calendar year.")
    place.put("travel", "Trains are booked by whoever travels, second class.")
    assert counts(_synced(keeper, source)) == {"added": 1, "changed": 1, "unchanged": 1}
    assert "30 days" in search(user=keeper, query="annual leave days")[0].text

    place.remove("pay")
    assert counts(_synced(keeper, source)) == {"unchanged": 2, "removed": 1}
    assert all("Salaries" not in found.text for found in search(user=keeper, query="when are salaries paid"))
    assert Document.objects.filter(state="published").count() == 2


def test_a_place_that_may_not_be_asked_any_more_withdraws_nothing(place: Place, settings: Any) -> None:
    keeper: User = factories.make_user("olivia", roles=["owner"])
    place.put("leave", "Everybody has 27 days of annual leave in a calendar year.")
    source = create_source(actor=keeper, name="Handbook", kind=place.kind, config=place.config)
    _synced(keeper, source)
    settings.SOURCE_HOSTS = []
    sync = _synced(keeper, source)
    assert sync.state == Sync.State.FAILED
    assert "SOURCE_HOSTS" in str(sync.failures)
    assert Document.objects.get().state == "published"


def _synced(keeper: User, source: Source) -> Sync:
    sync = start_sync(actor=keeper, source=Source.objects.get(pk=source.pk))
    run_sync(sync.pk)
    sync.refresh_from_db()
    return sync
