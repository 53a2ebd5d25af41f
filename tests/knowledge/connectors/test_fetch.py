"""Asking a host that somebody named, while it does its worst."""

from __future__ import annotations

import base64
import gzip
import itertools
import socket
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from knowledge.fetching.asking import VERSION, Ask, Fetcher, Limits
from knowledge.fetching.errors import FetchError, RefusedError, TooMuchError, UnansweredError
from knowledge.fetching.reach import Reach
from tests.knowledge.connectors.sites import Page, Site, running

QUICK = Limits(bytes=1_000_000, connect_seconds=2, silence_seconds=1, total_seconds=2, redirects=3)


@pytest.fixture
def fetcher(site: Site) -> Iterator[Fetcher]:
    fetcher = Fetcher(limits=QUICK)
    yield fetcher
    fetcher.close()


def test_a_page_comes_back_with_its_headers(site: Site, fetcher: Fetcher) -> None:
    site.html("/", "<p>Hello", ETag='"1"')
    with fetcher.open(f"{site.url}/") as answer:
        assert (answer.status, answer.media_type, answer.headers["etag"]) == (200, "text/html", '"1"')
        assert answer.read() == b"<p>Hello"
    assert site.asked[0][1]["user-agent"].startswith("Parley/")
    assert site.asked[0][1]["host"] == site.host


def test_the_version_is_the_projects() -> None:
    assert f'version = "{VERSION}"' in (Path(__file__).parents[3] / "pyproject.toml").read_text()


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "gopher://127.0.0.1:6379/_FLUSHALL",
        "ftp://example.org/",
        "//example.org/",
        "/etc/passwd",
        "http://",
        "http:///x",
        "http://example.org@127.0.0.1/",
        "http://user:secret@example.org/",
        "http://[::1",
        "http://example.org:99999/",
        "javascript:alert(1)",
    ],
)
def test_what_is_no_web_address_is_refused(url: str) -> None:
    with pytest.raises(RefusedError):
        Fetcher(limits=QUICK).open(url)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1", "0x7f.1", "2130706433", "[::ffff:127.0.0.1]", "localhost"])
def test_loopback_is_refused_however_it_is_written(host: str, hidden_site: Site) -> None:
    reach = Reach([f"other.example:{hidden_site.port}"])
    for port in (80, hidden_site.port):
        with pytest.raises(RefusedError):
            Fetcher(reach, QUICK).open(f"http://{host}:{port}/")
    assert hidden_site.asked == []


@pytest.mark.parametrize(
    "target",
    [
        "http://127.0.0.1:{hidden}/secret",
        "http://169.254.169.254/latest/meta-data/",
        "http://[::ffff:7f00:1]/",
        "http://0x7f000001/",
        "file:///etc/passwd",
        "gopher://127.0.0.1/",
        "http://u:p@127.0.0.1:{hidden}/",
        "//127.0.0.1:{hidden}/",
    ],
)
def test_a_redirect_inside_is_not_followed(site: Site, hidden_site: Site, fetcher: Fetcher, target: str) -> None:
    site.redirect("/", target.format(hidden=hidden_site.port))
    with pytest.raises(RefusedError):
        fetcher.open(f"{site.url}/")
    assert hidden_site.asked == []


def test_a_redirect_to_what_may_be_asked_is_followed(site: Site, second_site: Site) -> None:
    site.redirect("/", f"{second_site.url}/there")
    second_site.html("/there", "found")
    with Fetcher(limits=QUICK).open(f"{site.url}/") as answer:
        assert answer.read() == b"found"
        assert answer.url == f"{second_site.url}/there"


def test_a_redirect_loop_ends(site: Site, fetcher: Fetcher) -> None:
    site.redirect("/a", "/b")
    site.redirect("/b", "/a")
    with pytest.raises(UnansweredError, match="again and again"):
        fetcher.open(f"{site.url}/a")
    assert len(site.asked) == QUICK.redirects + 1


def test_a_name_is_resolved_once_and_that_address_is_connected_to(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter([["93.184.216.34"], ["127.0.0.1"]])
    dialled: list[object] = []

    def dial(address: object, *arguments: object, **named: object) -> socket.socket:
        dialled.append(address)
        raise ConnectionRefusedError

    monkeypatch.setattr(socket, "create_connection", dial)
    fetcher = Fetcher(Reach([], resolve=lambda host, port: next(answers)), QUICK)
    with pytest.raises(UnansweredError):
        fetcher.open("http://rebinding.example/")
    assert dialled == [("93.184.216.34", 80)]
    with pytest.raises(RefusedError):
        fetcher.open("http://rebinding.example/")
    assert len(dialled) == 1


def test_a_huge_body_is_cut_whatever_its_headers_say(site: Site, fetcher: Fetcher) -> None:
    site.pages["/"] = Page(itertools.repeat(b"x" * 65536), headers={"Content-Type": "text/plain"})
    with fetcher.open(f"{site.url}/") as answer, pytest.raises(TooMuchError):
        answer.read()


def test_a_bomb_is_counted_unpacked(site: Site, fetcher: Fetcher) -> None:
    bomb = gzip.compress(gzip.compress(bytes(300_000_000)))
    site.pages["/once"] = Page(gzip.decompress(bomb), headers={"Content-Encoding": "gzip"})
    site.pages["/twice"] = Page(bomb, headers={"Content-Encoding": "gzip, gzip"})
    with fetcher.open(f"{site.url}/once") as answer:
        pieces = answer.pieces()
        assert max(len(piece) for piece in itertools.islice(pieces, 10)) <= 65536
        with pytest.raises(TooMuchError):
            list(pieces)
    with fetcher.open(f"{site.url}/twice") as answer, pytest.raises(UnansweredError):
        answer.read()


def test_packed_pages_are_unpacked(site: Site, fetcher: Fetcher) -> None:
    text = bytes(range(256)) * 3000
    site.pages["/"] = Page(gzip.compress(text) + gzip.compress(b"end"), headers={"Content-Encoding": "gzip"})
    site.pages["/cut"] = Page(gzip.compress(text)[:-20], headers={"Content-Encoding": "gzip"})
    site.pages["/broken"] = Page(b"not gzip at all", headers={"Content-Encoding": "gzip"})
    assert fetcher.open(f"{site.url}/").read() == text + b"end"
    for path in ("/cut", "/broken"):
        with pytest.raises(UnansweredError):
            fetcher.open(site.url + path).read()


def _slowly(handler: BaseHTTPRequestHandler, line: bytes, pause: float = 0.2) -> None:
    for _ in range(100):
        handler.wfile.write(line)
        time.sleep(pause)


def test_headers_that_drip_end_at_the_deadline(site: Site, fetcher: Fetcher) -> None:
    site.pages["/"] = lambda handler: _slowly(handler, b"HTTP/1.1 200 OK\r\n"[:1])
    with pytest.raises(UnansweredError):
        fetcher.open(f"{site.url}/")


def test_a_body_that_drips_ends_at_the_deadline(site: Site, fetcher: Fetcher) -> None:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        _slowly(handler, b"x")

    site.pages["/"] = answer
    with fetcher.open(f"{site.url}/") as dripping, pytest.raises(UnansweredError, match="in time"):
        dripping.read()


def test_endless_headers_end(site: Site, fetcher: Fetcher) -> None:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
        for number in range(1_000_000):
            handler.wfile.write(b"X-%d: %s\r\n" % (number, b"y" * 1000))

    site.pages["/"] = answer
    with pytest.raises(UnansweredError):
        fetcher.open(f"{site.url}/")


@pytest.mark.parametrize(
    "words", [b"SSH-2.0-OpenSSH_9.6\r\n", b"", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort"]
)
def test_answers_that_are_not_http_or_break_off_say_so(site: Site, fetcher: Fetcher, words: bytes) -> None:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(words)
        handler.close_connection = True

    site.pages["/"] = answer
    with pytest.raises(UnansweredError):
        fetcher.open(f"{site.url}/").read()


def test_cookies_are_not_kept(site: Site, fetcher: Fetcher) -> None:
    site.html("/", "x", Set_Cookie="session=1")
    fetcher.open(f"{site.url}/").close()
    fetcher.open(f"{site.url}/").close()
    assert all("cookie" not in headers for _, headers in site.asked)


def test_proxies_of_the_environment_are_not_used(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    site.html("/", "x")
    assert Fetcher(limits=QUICK).open(f"{site.url}/").read() == b"x"


def test_a_token_stays_with_its_host(site: Site, second_site: Site) -> None:
    secret = "Basic " + base64.b64encode(b"git:token").decode()
    site.redirect("/away", f"{second_site.url}/")
    site.redirect("/home", "/here")
    Fetcher(limits=QUICK).open(Ask(f"{site.url}/away", authorization=secret)).close()
    Fetcher(limits=QUICK).open(Ask(f"{site.url}/home", authorization=secret)).close()
    assert "authorization" not in second_site.asked[0][1]
    assert [headers.get("authorization") for _, headers in site.asked] == [secret] * 3


def test_a_token_is_not_sent_in_the_clear(site: Site, settings: Any) -> None:
    settings.SOURCE_HOSTS = ["127.0.0.0/8"]
    with pytest.raises(RefusedError, match="https"):
        Fetcher(limits=QUICK).open(Ask("http://127.0.0.1:8080/", authorization="Bearer x"))


def test_what_was_sent_is_not_sent_elsewhere(site: Site, second_site: Site) -> None:
    site.redirect("/", f"{second_site.url}/", 307)
    with pytest.raises(RefusedError):
        Fetcher(limits=QUICK).open(Ask(f"{site.url}/", body=b"want"))
    assert second_site.asked == []


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """For ``localhost``, signed by itself; with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    built = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    built = built.serial_number(1).not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
    built = built.add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
    made = built.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True).sign(key, hashes.SHA256())
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path = tmp_path / "localhost.pem"
    path.write_bytes(made.public_bytes(serialization.Encoding.PEM) + private)
    return path


def test_certificates_are_verified_for_the_name(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with running(Site(), certificate) as site:
        site.html("/", "safe")
        reach = Reach([f"localhost:{site.port}", f"127.0.0.1:{site.port}"], resolve=lambda host, port: ["127.0.0.1"])
        with pytest.raises(UnansweredError, match="cannot prove"):
            Fetcher(reach, QUICK).open(f"https://localhost:{site.port}/")
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        assert Fetcher(reach, QUICK).open(f"https://localhost:{site.port}/").read() == b"safe"
        with pytest.raises(UnansweredError, match="cannot prove"):
            Fetcher(reach, QUICK).open(f"https://127.0.0.1:{site.port}/")


def test_a_redirect_from_tls_to_plain_does_not_carry_a_token(
    certificate: Path, monkeypatch: pytest.MonkeyPatch, site: Site
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with running(Site(), certificate) as safe:
        reach = Reach([f"localhost:{safe.port}", site.host], resolve=lambda host, port: ["127.0.0.1"])
        safe.redirect("/", f"{site.url}/")
        with pytest.raises(RefusedError, match="from https:// to http://"):
            Fetcher(reach, QUICK).open(Ask(f"https://localhost:{safe.port}/", authorization="Bearer x"))
    assert site.asked == []


def test_every_failure_is_a_sentence(site: Site, fetcher: Fetcher) -> None:
    for url in ("http://nothing.invalid/", "ftp://x/", f"{site.url[:-1]}x/"):
        with pytest.raises(FetchError) as caught:
            fetcher.open(url)
        assert caught.value.reason.endswith(".")
