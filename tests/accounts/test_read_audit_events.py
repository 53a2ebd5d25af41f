"""The audit log over REST: for auditors, newest first, paged, filtered."""

from __future__ import annotations

import base64
import json
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone

from accounts import audit
from accounts.models import AuditEvent, User
from tests.conftest import SignIn

EVENTS = "/api/v1/audit/events"


@pytest.fixture
def deeds(alice: User) -> list[str]:
    """Five events, oldest first."""
    for number in range(5):
        audit.record(actor=alice, action=f"test.deed{number % 2}", obj=f"thing:{number}")
    return [f"thing:{number}" for number in range(5)]


def read(client: Any, **query: Any) -> Any:
    answer = client.get(EVENTS, query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_only_auditors_and_a_refusal_is_in_it(
    alice: User, dana: User, olivia: User, ada: User, aaron: User, with_key: SignIn
) -> None:
    for person in (alice, dana, olivia, ada):
        assert with_key(person).get(EVENTS).status_code == 403
        found = read(with_key(aaron), actor=str(person.pk), action="audit.read")["items"]
        assert [event["outcome"] for event in found] == ["denied"]
    assert with_key(None).get(EVENTS).status_code == 401


def test_newest_first_and_paged(aaron: User, alice: User, deeds: list[str], with_key: SignIn) -> None:
    client = with_key(aaron)
    seen: list[str] = []
    cursor = None
    for _ in range(3):
        page = read(client, actor=str(alice.pk), limit=2, **({"cursor": cursor} if cursor else {}))
        seen += [event["object"] for event in page["items"]]
        cursor = page["next"]
    assert seen == deeds[::-1]
    assert cursor is None


def test_by_action_by_address_and_after(aaron: User, alice: User, deeds: list[str], with_key: SignIn) -> None:
    client = with_key(aaron)
    assert [e["object"] for e in read(client, actor="Alice@example.org", action="test.deed1")["items"]] == [
        "thing:3",
        "thing:1",
    ]
    third = AuditEvent.objects.get(object="thing:2", actor=str(alice.pk))
    for after in (str(third.pk), third.at.isoformat(), third.at.isoformat().replace("+00:00", "Z")):
        found = read(client, after=after, actor=str(alice.pk))["items"]
        assert [event["object"] for event in found] == ["thing:4", "thing:3"]
    later = (timezone.now() + timedelta(hours=1)).isoformat()
    assert read(client, after=later)["items"] == []


@pytest.mark.parametrize(
    "query",
    [
        {"after": "yesterday"},
        {"after": "2026-13-45T00:00"},
        {"after": "0001-01-01T00:00:00+14:00"},
        {"cursor": "x"},
        {"limit": "x"},
        {"action": "a\0"},
        {"actor": "\0@example.org"},
    ],
)
def test_what_cannot_be_read_is_said(aaron: User, with_key: SignIn, query: dict[str, str]) -> None:
    answer = with_key(aaron).get(EVENTS, query)
    assert answer.status_code == 422
    assert set(answer.json()["error"]) == {"code", "message", "retry"}


def test_an_event_shows_its_link_in_the_chain(aaron: User, alice: User, deeds: list[str], with_key: SignIn) -> None:
    newest, before = read(with_key(aaron), actor=str(alice.pk), limit=2)["items"]
    assert newest["prev"] == before["hash"]
    assert len(newest["hash"]) == 64


def test_a_request_has_one_name_in_answer_and_log(aaron: User, alice: User, with_key: SignIn) -> None:
    answer = with_key(alice).get(EVENTS, headers={"X-Request-ID": "from-the-proxy-1"})
    assert answer.headers["X-Request-ID"] == "from-the-proxy-1"
    assert AuditEvent.objects.get(request_id="from-the-proxy-1").actor == str(alice.pk)
    forged = with_key(alice).get(EVENTS, headers={"X-Request-ID": "two words\t<b>"})
    assert forged.headers["X-Request-ID"].isalnum()


def test_any_offset_from_utc_can_be_read(aaron: User, deeds: list[str], with_key: SignIn) -> None:
    assert read(with_key(aaron), after="2020-01-01T00:00:00+23:59", limit=1)["items"]
    cursor = base64.urlsafe_b64encode(json.dumps(["2020-01-01T00:00:00+23:59", str(uuid4())]).encode()).decode()
    assert read(with_key(aaron), cursor=cursor)["items"] == []
