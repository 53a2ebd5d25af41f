"""Taking files from other servers, by address."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import httpx
import pytest
from pydantic import ValidationError

from accounts.models import User
from app.errors import BadInputError
from knowledge.connectors.base import Item, ItemError, LeftOut, Patterns, SourceUnreachableError
from knowledge.connectors.files import protocols
from knowledge.connectors.files.others import FilesConnector, FilesSettings
from knowledge.connectors.files.protocols import Place, place_of
from knowledge.fetching.asking import Limits
from knowledge.fetching.errors import FetchError, RefusedError, TooMuchError
from knowledge.fetching.reach import Reach
from knowledge.fetching.transport import CheckedTransport
from tests.knowledge.connectors.ftp_server import FtpServer, serving
from tests.knowledge.connectors.sites import Page, Site

FILES = {"/handbook/leave.md": b"27 days", "/handbook/pay/pay.txt": b"monthly", "/note.md": b"note"}


@pytest.fixture
def server(settings: Any) -> Iterator[FtpServer]:
    with serving() as started:
        settings.SOURCE_HOSTS = [started.host]
        started.files = dict(FILES)
        yield started


class Run:
    def __init__(
        self,
        server: FtpServer,
        path: str = "/handbook",
        known: Mapping[str, str] | None = None,
        credential: str | None = None,
        **config: Any,
    ) -> None:
        address = {"address": f"ftp://{server.host}{path}"}
        self.connector = FilesConnector(address | config, credential, Patterns())
        found = list(self.connector.items(known or {}))
        self.items = {entry.key: entry for entry in found if isinstance(entry, Item)}
        self.left_out = {entry.key: entry.reason for entry in found if isinstance(entry, LeftOut)}

    def read(self, key: str) -> bytes:
        return b"".join(self.connector.read(self.items[key]))


def test_the_files_of_a_folder_are_listed_and_read(server: FtpServer) -> None:
    run = Run(server)
    assert {key: run.read(key) for key in run.items} == {"leave.md": b"27 days", "pay/pay.txt": b"monthly"}
    assert list(Run(server, path="/").items) == ["handbook/leave.md", "handbook/pay/pay.txt", "note.md"]


def test_size_and_time_tell_whether_a_file_changed(server: FtpServer) -> None:
    connector = FilesConnector({"address": f"ftp://{server.host}/handbook"}, None, Patterns())
    before = {item.key: item.fingerprint for item in connector.items({}) if isinstance(item, Item)}
    assert all(before.values())
    server.modified["/handbook/leave.md"] = "20261006100000"
    del server.files["/handbook/pay/pay.txt"]
    after = {item.key: item.fingerprint for item in connector.items({}) if isinstance(item, Item)}
    assert list(after) == ["leave.md"] and after["leave.md"] != before["leave.md"]


def test_a_large_file_is_read_whole_and_the_next_one_too(server: FtpServer) -> None:
    body = bytes(range(256)) * 40_000
    server.files["/handbook/large.txt"] = body
    run = Run(server)
    assert run.read("large.txt") == body
    assert run.read("leave.md") == b"27 days"


def test_a_name_and_password_open_what_is_closed(server: FtpServer) -> None:
    server.passwords.pop("anonymous")
    assert Run(server, user="olivia", credential="secret").read("leave.md") == b"27 days"
    with pytest.raises(SourceUnreachableError, match="530"):
        Run(server, user="olivia", credential="wrong")
    with pytest.raises(SourceUnreachableError, match="530"):
        Run(server)


def test_a_password_is_not_sent_in_the_clear_unless_the_operator_vouches(server: FtpServer, settings: Any) -> None:
    settings.SOURCE_HOSTS = ["127.0.0.0/8"]
    with pytest.raises(SourceUnreachableError, match="unencrypted"):
        Run(server, user="olivia", credential="secret")
    assert server.commands == []


def test_inner_hosts_are_not_asked(server: FtpServer, settings: Any) -> None:
    settings.SOURCE_HOSTS = []
    with pytest.raises(SourceUnreachableError, match="SOURCE_HOSTS"):
        Run(server)
    assert server.commands == []


def test_a_server_cannot_send_the_data_connection_elsewhere(server: FtpServer) -> None:
    server.advertised = "169,254,169,254"
    assert Run(server).read("leave.md") == b"27 days"


def test_a_folder_that_is_not_there_fails_the_run(server: FtpServer) -> None:
    with pytest.raises(SourceUnreachableError):
        Run(server, path="/nothing")


def test_a_file_that_went_in_between_fails_alone(server: FtpServer) -> None:
    run = Run(server)
    del server.files["/handbook/leave.md"]
    with pytest.raises(ItemError):
        run.read("leave.md")


def test_what_is_not_taken_has_a_reason(server: FtpServer, settings: Any) -> None:
    settings.UPLOAD_MAX_BYTES = 100
    server.files |= {
        "/handbook/big.md": b"x" * 101,
        "/handbook/a.xyz": b"",
        "/handbook/.git/a.md": b"",
        "/handbook/deep" + "/d" * 40 + "/a.md": b"",
    }
    run = Run(server)
    assert list(run.items) == ["leave.md", "pay/pay.txt"]
    assert set(run.left_out) == {"a.xyz", "big.md", ".git/", "deep" + "/d" * 30 + "/"}
    assert not run.connector.is_complete


def test_trying_it_out_says_what_it_sees(server: FtpServer) -> None:
    connector = FilesConnector({"address": f"ftp://{server.host}/handbook"}, None, Patterns())
    assert connector.try_out() == "It works: 2 items, such as leave.md, pay.txt."


@pytest.mark.parametrize(
    "address",
    [
        "file:///etc/passwd",
        "/etc/passwd",
        "local:///etc",
        "memory://x",
        "simplecache::ftp://example.org/x",
        "reference://x",
        "zip://x::file:///etc/passwd",
        "github://org:repo@/x",
        "http://example.org/",
        "https://example.org/",
        "s3://bucket",
        "ftp://",
        "ftp://user:secret@example.org/x",
        "sftp://example.org/../../etc",
        "sftp://example.org/%2e%2e/etc",
        "ftp://example.org/x?y=1",
        "ftp://example.org:port/",
    ],
)
def test_other_addresses_are_refused(address: str) -> None:
    with pytest.raises(ValidationError):
        FilesSettings.model_validate({"address": address})


def test_addresses_are_taken_apart() -> None:
    assert place_of("SSH://Files.example.org/a//b%20c/") == Place("sftp", "files.example.org", 22, "a/b c")
    assert place_of("abfs://box/x") == Place("az", "box", 0, "x")
    assert place_of("davs://cloud.example.org:8443/remote.php/dav") == Place(
        "davs", "cloud.example.org", 8443, "remote.php/dav"
    )


@pytest.mark.django_db
def test_a_missing_driver_is_named(olivia: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocols, "find_spec", lambda name: None)
    for address, package in (
        ("sftp://a.example/x", "paramiko"),
        ("gs://bucket", "gcsfs"),
        ("davs://a.example/", "webdav4"),
    ):
        config = {"address": address}
        with pytest.raises(BadInputError, match=f"pip install {package}"):
            FilesConnector.check(olivia, FilesSettings.model_validate(config))
        with pytest.raises(SourceUnreachableError, match=f"pip install {package}"):
            list(FilesConnector(config, None, Patterns()).items({}))


@pytest.mark.django_db
def test_an_inner_address_is_refused_before_anything_is_kept(olivia: User) -> None:
    for address in ("ftp://10.0.0.1/x", "ftp://example.org:6379/x"):
        with pytest.raises(BadInputError):
            FilesConnector.check(olivia, FilesSettings.model_validate({"address": address}))
    FilesConnector.check(olivia, FilesSettings.model_validate({"address": "ftp://example.org/x"}))


@pytest.mark.parametrize(
    "key",
    [
        "not json",
        "[]",
        '{"type": "authorized_user"}',
        '{"type": "service_account", "token_uri": "http://169.254.169.254/token"}',
    ],
)
def test_a_cloud_key_may_not_lead_elsewhere(key: str) -> None:
    with pytest.raises(RefusedError):
        protocols._google_account(key)


def test_other_libraries_connect_only_where_they_may(site: Site, hidden_site: Site) -> None:
    site.pages["/big"] = Page(b"x" * 5000)
    site.pages["/packed"] = Page(b"x", headers={"Content-Encoding": "gzip"})
    site.html("/", "hello")
    site.redirect("/away", hidden_site.url)
    transport = CheckedTransport(Reach.from_settings(), Limits(bytes=1000, total_seconds=5))
    with httpx.Client(transport=transport, trust_env=False, follow_redirects=True) as client:
        assert client.get(f"{site.url}/").text == "hello"
        with pytest.raises(TooMuchError):
            client.get(f"{site.url}/big")
        for url in (f"{site.url}/packed", f"{site.url}/away", hidden_site.url):
            with pytest.raises(FetchError):
                client.get(url)
    assert hidden_site.asked == []
