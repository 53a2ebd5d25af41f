"""Taking files from a bucket."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import aiohttp
import pytest
from pydantic import ValidationError

from accounts.models import User
from app.errors import BadInputError
from knowledge.connectors.base import Item, ItemError, LeftOut, Patterns, SourceUnreachableError
from knowledge.connectors.files.pinned import CheckedResolver
from knowledge.connectors.files.s3 import S3Connector, S3Settings
from knowledge.fetching.reach import Reach
from tests.knowledge.connectors.buckets import Store
from tests.knowledge.connectors.sites import Page, Site

FILES = {"handbook/leave.md": b"27 days", "handbook/pay/pay.txt": b"monthly", "other/note.md": b"note"}


@pytest.fixture
def store(bucket: Store) -> Store:
    """With three files in it."""
    for key, body in FILES.items():
        bucket.put(key, body)
    return bucket


class Run:
    def __init__(
        self,
        store: Store,
        known: Mapping[str, str] | None = None,
        patterns: Patterns | None = None,
        credential: str | None = "key:secret",
        **config: Any,
    ) -> None:
        config = {"bucket": "handbook", "endpoint": store.endpoint} | config
        self.connector = S3Connector(config, credential, patterns or Patterns())
        found = list(self.connector.items(known or {}))
        self.items = {entry.key: entry for entry in found if isinstance(entry, Item)}
        self.left_out = {entry.key: entry.reason for entry in found if isinstance(entry, LeftOut)}

    def read(self, key: str) -> bytes:
        return b"".join(self.connector.read(self.items[key]))


def test_the_files_of_a_bucket_are_listed_in_order_and_read(store: Store) -> None:
    run = Run(store)
    assert list(run.items) == ["handbook/leave.md", "handbook/pay/pay.txt", "other/note.md"]
    assert {key: run.read(key) for key in run.items} == FILES
    assert run.connector.is_complete
    run.connector.close()


def test_a_folder_of_it_gives_shorter_keys(store: Store) -> None:
    run = Run(store, prefix="/handbook/")
    assert list(run.items) == ["leave.md", "pay/pay.txt"]
    assert run.read("pay/pay.txt") == b"monthly"


def test_patterns_choose_among_keys(store: Store) -> None:
    assert list(Run(store, patterns=Patterns(include=["*.md"], exclude=["other/"])).items) == ["handbook/leave.md"]


def test_a_change_is_seen_at_once_by_its_sign(store: Store) -> None:
    connector = S3Connector({"bucket": "handbook", "endpoint": store.endpoint}, "key:secret", Patterns())
    before = {item.key: item.fingerprint for item in connector.items({}) if isinstance(item, Item)}
    store.put("handbook/leave.md", b"28 days")
    store.put("handbook/new.md", b"new")
    store.client.delete_object(Bucket="handbook", Key="other/note.md")
    after = {item.key: item.fingerprint for item in connector.items({}) if isinstance(item, Item)}
    assert set(after) - set(before) == {"handbook/new.md"}
    assert set(before) - set(after) == {"other/note.md"}
    assert {key for key in after if key in before and after[key] != before[key]} == {"handbook/leave.md"}


def test_a_large_file_is_read_in_pieces(store: Store) -> None:
    body = bytes(range(256)) * 50_000
    store.put("large.txt", body)
    run = Run(store)
    pieces = list(run.connector.read(run.items["large.txt"]))
    assert b"".join(pieces) == body
    assert max(map(len, pieces)) <= 1 << 20


def test_what_is_not_taken_has_a_reason(store: Store, settings: Any) -> None:
    settings.UPLOAD_MAX_BYTES = 1000
    store.put("big.txt", b"x" * 1001)
    store.put("photo.xyz", b"x")
    store.put(".hidden.md", b"x")
    store.put(".git/config.md", b"x")
    store.put("bad\x07name.md", b"x")
    store.put("l" * 600 + ".md", b"x")
    store.put("cold.md", b"x", StorageClass="GLACIER")
    store.put("folder/", b"")
    run = Run(store)
    assert set(run.items) == set(FILES)
    reasons = " ".join(run.left_out.values())
    for words in ("larger than", "cannot read .xyz", "hidden", "printable", "longer than 500", "archive"):
        assert words in reasons


def test_without_a_key_nothing_of_the_machine_is_used(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "of-the-machine")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "of-the-machine")
    store.put("other/note.md", b"note", ACL="public-read")
    run = Run(store, credential=None)
    assert run.read("other/note.md") == b"note"
    assert run.connector._opened is not None
    assert run.connector._opened.system.anon


def test_proxies_and_addresses_of_the_environment_are_not_used(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert len(Run(store).items) == 3


def test_a_bucket_that_is_not_there_fails_the_run(store: Store) -> None:
    with pytest.raises(SourceUnreachableError, match="no such place"):
        Run(store, bucket="nothing-here")
    with pytest.raises(SourceUnreachableError, match="ID:SECRET"):
        Run(store, credential="only-one-word")


def test_a_file_that_went_in_between_fails_alone(store: Store) -> None:
    run = Run(store)
    store.client.delete_object(Bucket="handbook", Key="other/note.md")
    with pytest.raises(ItemError):
        run.read("other/note.md")
    assert run.read("handbook/leave.md") == b"27 days"


def test_inner_hosts_are_not_asked(store: Store, settings: Any, hidden_site: Site) -> None:
    settings.SOURCE_HOSTS = []
    with pytest.raises(SourceUnreachableError, match="SOURCE_HOSTS"):
        Run(store)
    settings.SOURCE_HOSTS = [f"other.example:{hidden_site.port}"]
    for endpoint in (f"http://localhost:{hidden_site.port}", hidden_site.url, "http://169.254.169.254", "http://[::1]"):
        with pytest.raises(SourceUnreachableError, match=r"SOURCE_HOSTS|never asks"):
            Run(store, endpoint=endpoint)
    assert hidden_site.asked == []


async def test_the_library_connects_only_where_it_may(hidden_site: Site) -> None:
    addresses = iter([["93.184.216.34", "127.0.0.1"], ["127.0.0.1"]])
    inner = CheckedResolver(Reach([], resolve=lambda host, port: next(addresses)))
    by_name = CheckedResolver(Reach([f"inner.example:{hidden_site.port}"], resolve=lambda host, port: ["127.0.0.1"]))
    for resolver, url, is_open in (
        (inner, "http://rebinding.example/", False),
        (inner, "http://rebinding.example/", False),
        (inner, "http://127.0.0.1/", False),
        (inner, "http://[::1]/", False),
        (inner, hidden_site.url, False),
        (by_name, hidden_site.url, False),
        (by_name, f"http://inner.example:{hidden_site.port}/", True),
    ):
        connector = aiohttp.TCPConnector(resolver=resolver, socket_factory=resolver.socket_for, use_dns_cache=False)
        async with aiohttp.ClientSession(connector=connector) as session:
            if is_open:
                async with session.get(url) as answer:
                    assert answer.status == 404
            else:
                with pytest.raises(aiohttp.ClientConnectorError):
                    await session.get(url)
    assert len(hidden_site.asked) == 1


def test_a_service_that_sends_elsewhere_is_not_followed_inside(site: Site, hidden_site: Site, store: Store) -> None:
    store.host = site.host

    class Everywhere(dict[str, Page]):
        def get(self, path: str, default: Any = None) -> Page:
            return Page(status=307, headers={"Location": f"{hidden_site.url}{path}"})

    site.pages = Everywhere()
    with pytest.raises(SourceUnreachableError):
        Run(store, endpoint=site.url)
    assert hidden_site.asked == []


@pytest.fixture
def site(site: Site, store: Store, settings: Any) -> Site:
    settings.SOURCE_HOSTS = [site.host, store.host]
    return site


def test_a_service_of_another_kind_ends_in_a_reason(site: Site, store: Store) -> None:
    for page in (Page(b"<html>", headers={"Content-Type": "text/html"}), Page(status=403), Page(status=500)):

        class Everywhere(dict[str, Page]):
            def get(self, path: str, default: Any = None, page: Page = page) -> Page:
                return page

        site.pages = Everywhere()
        with pytest.raises(SourceUnreachableError) as caught:
            Run(store, endpoint=site.url)
        assert caught.value.message.endswith(".")


@pytest.mark.parametrize(
    "config",
    [
        {},
        {"bucket": "x"},
        {"bucket": "../up"},
        {"bucket": "ok-name", "endpoint": "file:///etc"},
        {"bucket": "ok-name", "endpoint": "http://key:secret@minio.example"},
        {"bucket": "ok-name", "endpoint": "https://minio.example/path"},
        {"bucket": "ok-name", "region": "eu central"},
        {"bucket": "ok-name", "anon": True},
    ],
)
def test_settings_that_make_no_sense_are_refused(config: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        S3Settings.model_validate(config)


@pytest.mark.django_db
def test_an_inner_endpoint_is_refused_before_anything_is_kept(olivia: User) -> None:
    with pytest.raises(BadInputError):
        S3Connector.check(olivia, S3Settings.model_validate({"bucket": "abc", "endpoint": "http://10.0.0.1"}))
    S3Connector.check(olivia, S3Settings.model_validate({"bucket": "abc", "endpoint": "https://minio.example.org"}))
    S3Connector.check(olivia, S3Settings.model_validate({"bucket": "abc"}))


def test_trying_it_out_says_what_it_sees(store: Store) -> None:
    connector = S3Connector({"bucket": "handbook", "endpoint": store.endpoint}, "key:secret", Patterns())
    assert connector.try_out() == "It works: 3 items, such as leave.md, pay.txt, note.md."
