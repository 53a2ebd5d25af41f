"""Trying a server out says what is wrong with it and what to change."""

from __future__ import annotations

import datetime
import json
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from app.inference.scripted_server import ScriptedServer
from app.inference.watching.addresses import BadAddressError, tidy_address
from app.inference.watching.checking import Candidate, Report, Step, check_server
from tests.inference.odd_server import Odd, dead_address, odd

__all__ = ["odd"]

VLLM = [
    {"id": "smollm2-135m", "owned_by": "vllm", "parent": None, "max_model_len": 4096},
    {"id": "pirate", "owned_by": "vllm", "parent": "smollm2-135m", "max_model_len": None},
]


def listing(*models: dict[str, object]) -> bytes:
    return json.dumps({"object": "list", "data": models}).encode()


def bad(report: Report) -> Step:
    assert not report.is_usable
    return next(step for step in report.steps if step.outcome == "bad")


def test_a_server_that_writes_is_usable(scripted_server: ScriptedServer) -> None:
    report = check_server(Candidate(scripted_server.url))
    assert [step.outcome for step in report.steps] == ["good"] * 6, report.steps
    assert (report.address, report.upstream_name, report.kind) == (scripted_server.url, "scripted", "openai")
    assert report.first_token_seconds is not None and report.problem == ""
    body = scripted_server.requests[0].body
    assert (body["max_tokens"], body["stream"]) == (1, True)


def test_it_is_tried_for_what_it_is_wanted_for(scripted_server: ScriptedServer) -> None:
    embeds = check_server(Candidate(scripted_server.url, role="embed"))
    assert embeds.is_usable and embeds.steps[-1].message == "It makes vectors of 8 numbers."
    orders = check_server(Candidate(scripted_server.url, role="rerank"))
    assert orders.is_usable and orders.steps[-1].message == "It orders passages."
    scripted_server.script("not-found")
    assert bad(check_server(Candidate(scripted_server.url, role="rerank"))).title == "Answer"


@pytest.mark.parametrize("what", ["die", "truncate", "broken-json", "error-event", "wrong-type", "unauthorized"])
def test_a_server_that_looks_right_and_writes_nothing_is_not(scripted_server: ScriptedServer, what: str) -> None:
    scripted_server.script(what)
    assert bad(check_server(Candidate(scripted_server.url))).title == "Answer"


@pytest.mark.parametrize(
    ("given", "address"),
    [
        (" http://10.0.0.5:8000/v1 ", "http://10.0.0.5:8000/v1"),
        ("http://10.0.0.5:8000", "http://10.0.0.5:8000/v1"),
        ("10.0.0.5:8000/", "http://10.0.0.5:8000/v1"),
        ("gpu-1:8000", "http://gpu-1:8000/v1"),
        ("api.example.org/v1/", "https://api.example.org/v1"),
        ("https://api.example.org/v1/chat/completions", "https://api.example.org/v1"),
        ("https://api.example.org/openai/v1/models?a=1", "https://api.example.org/openai/v1"),
        ("http://[fd00::1]:8000", "http://[fd00::1]:8000/v1"),
    ],
)
def test_an_address_is_put_right(given: str, address: str) -> None:
    assert tidy_address(given)[0] == address


@pytest.mark.parametrize(
    "given", ["", "  ", "two words", "ftp://host/v1", "http://", "http://host:port/v1", "http://u:p@host/v1", "x" * 500]
)
def test_what_is_no_address_is_refused(given: str) -> None:
    with pytest.raises(BadAddressError):
        tidy_address(given)
    assert bad(check_server(Candidate(given))).title == "Address"


def test_nothing_listens() -> None:
    step = bad(check_server(Candidate(dead_address())))
    assert step.title == "Connection" and step.message.startswith("Nothing listens on port")
    assert "correct the port" in step.advice


def test_no_such_machine() -> None:
    step = bad(check_server(Candidate("http://no-such-machine.invalid/v1")))
    assert step.message == "No machine is known by the name no-such-machine.invalid."


def test_no_answer_in_time(odd: Odd, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.inference.watching.checking.SECONDS", 0.3)
    odd.pause.clear()
    assert bad(check_server(Candidate(odd.url))).message == "It does not answer within 0.3 s."


@pytest.mark.parametrize("status", [401, 403])
def test_the_key_is_wrong_or_missing(odd: Odd, status: int) -> None:
    odd.status = status
    assert bad(check_server(Candidate(odd.url))).message == f"It wants a key (status {status})."
    wrong = bad(check_server(Candidate(odd.url, api_key="sk-very-secret")))
    assert wrong.message == f"It refuses the key (status {status})."
    assert "sk-very-secret" not in str(wrong)


def test_the_models_are_at_another_path(odd: Odd) -> None:
    odd.status, odd.pages = 404, {"/api/v1/models": listing({"id": "m"})}
    assert bad(check_server(Candidate(odd.url))).advice == f"Write {odd.url[:-3]}/api/v1."


def test_what_answers_is_no_model_server(odd: Odd) -> None:
    odd.body, odd.more = b"<html>Welcome to nginx!</html>", {"Content-Type": "text/html"}
    step = bad(check_server(Candidate(odd.url)))
    assert step.message == "What answers there is no model server: it sends text/html, status 200."


def test_redirects_are_told_and_not_followed(odd: Odd) -> None:
    odd.status, odd.more = 302, {"Location": "https://sign-in.example.org/"}
    step = bad(check_server(Candidate(odd.url, api_key="sk-1")))
    assert "https://sign-in.example.org/" in step.message
    assert len(odd.asked) == 1


def test_a_server_that_is_still_loading(odd: Odd) -> None:
    odd.status = 503
    assert "loading its model" in bad(check_server(Candidate(odd.url))).advice


def test_another_model_is_meant(scripted_server: ScriptedServer, odd: Odd) -> None:
    odd.status, odd.pages = 404, {"/v1/models": listing(*VLLM)}
    step = bad(check_server(Candidate(odd.url, upstream_name="smollm2-135")))
    assert step.message == "smollm2-135 is not in its list."
    assert step.advice == "Did you mean smollm2-135m? It has smollm2-135m, pirate (adapter of smollm2-135m)."


def test_a_model_that_is_not_listed_and_answers_is_usable(scripted_server: ScriptedServer) -> None:
    report = check_server(Candidate(scripted_server.url, upstream_name="scripted:say"))
    assert report.is_usable
    assert [step.title for step in report.steps if step.outcome == "unsure"] == ["Model"]


def test_vllm_is_known_by_its_list(odd: Odd) -> None:
    odd.status, odd.pages = 404, {"/v1/models": listing(*VLLM), "/version": b'{"version": "0.32.0"}'}
    report = check_server(Candidate(odd.url))
    assert (report.kind, report.upstream_name, report.context_tokens) == ("vllm", "smollm2-135m", 4096)
    assert Step("Server", "good", "It is vLLM 0.32.0.") in report.steps
    adapter = check_server(Candidate(odd.url, upstream_name="pirate", kind="openai"))
    assert Step("Model", "good", "It has pirate, an adapter of smollm2-135m.") in adapter.steps
    assert "Choose vLLM to see its figures." in [step.advice for step in adapter.steps]


def test_several_models_want_a_choice(odd: Odd) -> None:
    odd.body = listing({"id": "a"}, {"id": "b"})
    step = bad(check_server(Candidate(odd.url)))
    assert (step.message, step.advice) == ("Say which of its models is meant.", "It has a, b.")


@pytest.fixture
def https(tmp_path: Path) -> Iterator[Odd]:
    """Speaks TLS with a certificate that nobody vouches for."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + datetime.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    (tmp_path / "both.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "both.pem")
    server = Odd(context)
    yield server
    server.shutdown()
    server.server_close()


def test_a_certificate_that_nobody_vouches_for(https: Odd) -> None:
    step = bad(check_server(Candidate(https.url)))
    assert step.message == "Its certificate cannot be trusted: self-signed certificate."
    assert "SSL_CERT_FILE" in step.advice


def test_http_where_https_is_spoken_and_the_other_way(https: Odd, odd: Odd) -> None:
    plain = https.url.replace("https", "http")
    assert bad(check_server(Candidate(plain))).advice.startswith(f"Write {https.url}.")
    assert bad(check_server(Candidate(odd.url.replace("http", "https")))).advice == f"Write {odd.url}."
