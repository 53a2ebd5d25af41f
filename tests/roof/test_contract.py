"""What programs outside rely on, over the network: addresses, the shape of errors, pages of lists, close codes."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from django.test import Client
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from accounts.models import ApiKey, User
from accounts.programs.keys import revoke_key
from knowledge.models import Source
from tests import factories
from tests.conftest import SignIn
from tests.serving import server

__all__ = ["server"]

OPERATIONS = """
POST /api/v1/sources
POST /api/v1/sources/{source_id}/sync
POST /api/v1/sources/{source_id}/documents
GET /api/v1/syncs/{sync_id}
GET /api/v1/documents/{document_id}
POST /api/v1/search
GET /api/v1/groups
GET /api/v1/assistants
POST /api/v1/conversations
POST /api/v1/conversations/{conversation_id}/messages
GET /api/v1/messages/{message_id}
GET /api/v1/messages/{message_id}/events
POST /api/v1/messages/{message_id}/stop
POST /api/v1/messages/{message_id}/regenerate
POST /api/v1/messages/{message_id}/feedback
GET /api/v1/cases
POST /api/v1/cases/{case_id}/claim
POST /api/v1/cases/{case_id}/release
POST /api/v1/cases/{case_id}/decide
GET /api/v1/audit/events
"""
NOWHERE = str(UUID(int=4))  # the same in every process, because tests are named by it


@pytest.fixture
def program(alice: User, with_key: SignIn) -> Client:
    """Calls with alice's key."""
    return with_key(alice)


def refusal(answer: Any, status: int, code: str) -> dict[str, Any]:
    """The error of a refused call to /api, which must have this status and code."""
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"].startswith("application/json")
    error: dict[str, Any] = answer.json()["error"]
    assert (error["code"], type(error["message"]), type(error["retry"])) == (code, str, bool)
    return error


def test_the_description_names_every_operation(db: None) -> None:
    described = Client().get("/api/v1/openapi.json").json()["paths"]
    there = {f"{method.upper()} {path}" for path, methods in described.items() for method in methods}
    assert set(OPERATIONS.split("\n")) - {""} - there == set()
    assert Client().get("/api/v1/docs").status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/api/v1/nothing", 404, "not_found"),
        ("GET", "/api/nothing", 404, "not_found"),
        ("GET", "/api/v1/messages/x", 404, "not_found"),
        ("GET", "/api/v1/documents/x", 404, "not_found"),
        ("GET", f"/api/v1/documents/{NOWHERE}", 404, "not_found"),
        ("DELETE", "/api/v1/assistants", 405, "method_not_allowed"),
        ("POST", "/api/v1/search", 422, "bad_input"),
        ("GET", "/api/v1/audit/events", 403, "not_allowed"),
        ("GET", "/api/v1/groups?limit=x", 422, "bad_input"),
        ("GET", "/api/v1/groups?cursor=x", 422, "bad_input"),
        ("GET", "/api/v1/groups?cursor=%00", 422, "bad_input"),
    ],
)
def test_every_refusal_is_json(program: Client, method: str, path: str, status: int, code: str) -> None:
    refusal(program.generic(method, path), status, code)


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/v1/nothing", 404, "not_found"),
        ("GET", "/v1/chat/completions", 405, "method_not_allowed"),
        ("POST", "/v1/embeddings", 422, "bad_input"),
    ],
)
def test_every_refusal_to_openai_clients_has_their_shape(
    program: Client, method: str, path: str, status: int, code: str
) -> None:
    answer = program.generic(method, path)
    assert answer.status_code == status
    error = answer.json()["error"]
    assert (error["type"], error["code"], error["param"]) == ("invalid_request_error", code, None)


def test_people_still_get_pages(signed_in: SignIn, alice: User) -> None:
    answer = signed_in(alice).get("/nothing")
    assert answer.status_code == 404
    assert answer.headers["Content-Type"].startswith("text/html")


def test_a_bug_is_said_in_json_too(alice: User, with_key: SignIn, monkeypatch: pytest.MonkeyPatch) -> None:
    def break_down(*_: Any) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr("knowledge.queries.sources_of", break_down)
    client = with_key(alice)
    client.raise_request_exception = False
    assert refusal(client.get("/api/v1/sources"), 500, "failed")["retry"] is True


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        (b"{", 422, "not JSON"),
        (b"\xff\xfe", 422, "not JSON"),
        (b"[" * 100_000, 422, "not JSON"),
        (b"[]", 422, "object"),
        (b'"text"', 422, "object"),
        (b'{"query": "a\\u0000b"}', 422, "NUL"),
        (b'{"query": "a", "source_ids": ["\\u0000"]}', 422, "NUL"),
        (b'{"query": "\\ud800"}', 422, "query"),
        (b'{"limit": 3}', 422, "query"),
        (b'{"query": "' + b"x" * 2_600_000 + b'"}', 413, "bytes"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_a_body_that_cannot_be_used_is_named(program: Client, body: bytes, status: int, said: str) -> None:
    answer = program.post("/api/v1/search", body, content_type="application/json")
    assert said in refusal(answer, status, "too_large" if status == 413 else "bad_input")["message"]


def test_a_query_that_cannot_be_used_is_named(program: Client) -> None:
    assert "limit" in refusal(program.get("/api/v1/groups?limit=many"), 422, "bad_input")["message"]


def test_a_list_is_read_page_by_page_each_row_once(olivia: User, with_key: SignIn) -> None:
    for number in range(5):
        factories.make_source(owner=olivia, name=f"Papers {number}")
    client, seen, cursor = with_key(olivia), [], ""
    while cursor is not None:
        page = client.get("/api/v1/sources", {"limit": 2, "cursor": cursor}).json()
        assert len(page["items"]) <= 2
        seen += [source["name"] for source in page["items"]]
        cursor = page["next"]
    assert seen == [f"Papers {number}" for number in reversed(range(5))]


def test_a_forged_cursor_shows_no_more_than_the_list(olivia: User, charlie: User, crew: Any, with_key: SignIn) -> None:
    factories.make_source(owner=olivia, name="Crew papers", groups=[crew])
    forged = base64.urlsafe_b64encode(json.dumps(["9999-12-31T23:59:59+00:00", NOWHERE]).encode()).decode()
    assert Source.objects.count() == 1
    assert with_key(charlie).get("/api/v1/sources", {"cursor": forged}).json() == {"items": [], "next": None}


class Caller:
    """Opens sockets to one conversation of a running Parley."""

    def __init__(self, server: str, conversation_id: object, secret: str, query: str = "") -> None:
        self._url = f"{server.replace('http', 'ws')}/ws/conversations/{conversation_id}/{query}"
        self._secret = secret

    def open(self, secret: str | None = None, **headers: str) -> ClientConnection:
        sent = headers if secret == "" else {"Authorization": f"Bearer {secret or self._secret}", **headers}
        return connect(self._url, subprotocols=["parley.v1+json"], additional_headers=sent)  # type: ignore[list-item]


def close_code(socket: ClientConnection) -> int | None:
    """With what the other side closed; fails when it does not, or sends something first."""
    with socket, pytest.raises(ConnectionClosed) as closed:
        socket.recv(timeout=5)
    return closed.value.rcvd.code if closed.value.rcvd else None


@pytest.mark.django_db(transaction=True)
def test_sockets_are_refused_by_the_codes_that_were_promised(
    server: str, alice: User, charlie: User, erin: User
) -> None:
    conversation = factories.make_conversation(owner=alice)
    mine, hers, suspended = (factories.make_key(person) for person in (alice, charlie, erin))
    User.objects.filter(pk=erin.pk).update(is_active=False)
    caller = Caller(server, conversation.id, mine)
    assert close_code(caller.open("parley_wrong")) == 4401
    assert close_code(caller.open("")) == 4401
    assert close_code(caller.open(suspended)) == 4401
    assert close_code(caller.open(hers)) == 4404
    assert close_code(Caller(server, uuid4(), mine).open()) == 4404
    with pytest.raises(InvalidStatus) as refused:
        caller.open("", Origin="http://evil.example")
    assert refused.value.response.status_code == 403


@pytest.mark.django_db(transaction=True)
def test_a_frame_that_is_too_large_ends_its_own_line_alone(server: str, alice: User) -> None:
    caller = Caller(server, factories.make_conversation(owner=alice).id, factories.make_key(alice))
    with caller.open() as other, caller.open() as flooding:
        flooding.send("x" * 70_000)
        assert close_code(flooding) == 1009
        other.send("not JSON")
        assert json.loads(other.recv(timeout=5))["code"] == "bad_input"
    assert httpx.get(f"{server}/healthz").json() == {"status": "ok"}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("after", ["x", "-1", "%C2%B2", "%FF", "9" * 5000])
def test_a_number_that_is_none_resumes_nothing_and_breaks_nothing(server: str, alice: User, after: str) -> None:
    conversation = factories.make_conversation(owner=alice)
    factories.make_answer(conversation=conversation, log=[[1, "accepted", None], [2, "done", None]], seq=2)
    caller = Caller(server, conversation.id, factories.make_key(alice), f"?after={after}")
    with caller.open() as socket:
        socket.send("{}")
        assert json.loads(socket.recv(timeout=5))["type"] == "error"


@pytest.fixture
def revoked(alice: User) -> Iterator[str]:
    secret = factories.make_key(alice)
    revoke_key(actor=alice, key=ApiKey.objects.get(user=alice))
    yield secret


@pytest.mark.parametrize("path", ["/api/v1/assistants", "/v1/models"])
def test_a_revoked_key_opens_neither_interface(revoked: str, path: str) -> None:
    answer = Client(headers={"Authorization": f"Bearer {revoked}"}).get(path)
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "not_signed_in")
