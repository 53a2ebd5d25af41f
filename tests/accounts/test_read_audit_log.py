"""The auditor's page: choosing and following events, their plot, the state of the proof; and looking is recorded."""

from __future__ import annotations

import io
import json
import re
import zipfile
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from accounts import audit
from accounts.auditing.plot import event_plot
from accounts.auditing.reading import Chosen, events_of
from accounts.models import AuditCheck, AuditCheckpoint, AuditEvent, AuditWitness, Group, User
from tests.conftest import SignIn

PAGE = "/audit/"


@pytest.fixture
def deeds(alice: User, bob: User, crew: Group) -> None:
    """Four of alice's, one of them refused, and one of bob's that came with a request."""
    alice.name = "Alice Ahn"
    alice.save()
    audit.record(actor=alice, action="thing.make", obj="thing:1", payload={"size": 3})
    audit.record(actor=alice, action="thing.make", obj="thing:2")
    audit.record(actor=alice, action="thing.drop", obj="thing:2", outcome="denied")
    audit.record(actor=alice, action="group.change", obj=crew)
    token = audit.request_id.set("req-77")
    audit.record(actor=bob, action="thing.drop", obj="thing:1")
    audit.request_id.reset(token)


def objects(client: Client, **query: str) -> list[str]:
    """What the page shows, by the objects' labels in its links."""
    answer = client.get(PAGE, query)
    assert answer.status_code == 200
    return re.findall(r'<td><a href="\?object=([^"]*)"', answer.content.decode())


@pytest.fixture
def auditor(aaron: User, signed_in: SignIn) -> Client:
    return signed_in(aaron)


def test_events_are_chosen_by_anything(deeds: None, auditor: Client, alice: User, bob: User, crew: Group) -> None:
    day = timezone.now().date()
    for query, expected in (
        ({"actor": str(alice.pk)}, [f"group%3A{crew.pk}", "thing%3A2", "thing%3A2", "thing%3A1"]),
        ({"actor": "Alice@example.org", "action": "thing.make"}, ["thing%3A2", "thing%3A1"]),
        ({"actor": "alice ahn", "outcome": "denied"}, ["thing%3A2"]),
        ({"action": "thing.", "actor": str(bob.pk)}, ["thing%3A1"]),
        ({"object": "thing:2", "actor": str(alice.pk)}, ["thing%3A2", "thing%3A2"]),
        ({"object": "group:", "actor": str(alice.pk)}, [f"group%3A{crew.pk}"]),
        ({"request": "req-77", "actor": str(bob.pk)}, ["thing%3A1"]),
        ({"actor": str(bob.pk), "since": str(day + timedelta(days=1))}, []),
        ({"actor": str(bob.pk), "until": str(day - timedelta(days=1))}, []),
        ({"actor": str(bob.pk), "since": str(day), "until": "9999-12-31"}, ["thing%3A1"]),
    ):
        assert objects(auditor, **query) == expected, query


def test_people_and_groups_are_shown_by_name(deeds: None, auditor: Client, alice: User) -> None:
    shown = auditor.get(PAGE, {"actor": str(alice.pk)}).content.decode()
    assert "Alice Ahn" in shown
    assert "Crew" in shown
    assert f"?actor={alice.pk}" in shown


def test_pages_neither_repeat_nor_leave_out(auditor: Client, alice: User) -> None:
    for number in range(120):
        audit.record(actor=alice, action="thing.count", obj=f"thing:{number}")
    seen: list[str] = []
    address = f"{PAGE}?actor={alice.pk}"
    while address:
        shown = auditor.get(address).content.decode()
        seen += re.findall(r'<td><a href="\?object=thing%3A(\d+)"', shown)
        more = re.search(r'href="(\?[^"]*cursor=[^"]*)"', shown)
        address = f"{PAGE}{more[1].replace('&amp;', '&')}" if more else ""
    assert seen == [str(number) for number in reversed(range(120))]


def test_a_look_is_one_event_without_addresses(deeds: None, auditor: Client, aaron: User) -> None:
    auditor.get(PAGE, {"actor": "alice@example.org", "action": "thing."})
    (look,) = AuditEvent.objects.filter(actor=str(aaron.pk), action="audit.read")
    assert look.payload["action"] == "thing."
    assert "example" not in str(look.payload)


def test_only_auditors_look(signed_in: SignIn, alice: User, dana: User, olivia: User, ada: User) -> None:
    for person in (alice, dana, olivia, ada):
        for address in (PAGE, f"{PAGE}export/", f"{PAGE}events/{person.pk}/proof/"):
            assert signed_in(person).get(address).status_code == 403
        assert AuditEvent.objects.filter(actor=str(person.pk), action="audit.read", outcome="denied").count() == 3


@pytest.mark.parametrize(
    "query",
    [
        {"since": "yesterday"},
        {"since": "2026-02-01", "until": "2026-01-01"},
        {"actor": "\0"},
        {"object": "x" * 201},
        {"cursor": "x"},
    ],
)
def test_what_cannot_be_read_is_said(auditor: Client, query: dict[str, str]) -> None:
    assert auditor.get(PAGE, query).status_code == 422


def test_hostile_words_stay_words(auditor: Client, alice: User) -> None:
    audit.record(actor=alice, action="thing.make", obj="<script>x</script>", payload={"<b>": '"><img src=x>'})
    shown = auditor.get(PAGE, {"actor": str(alice.pk)}).content.decode()
    assert "<script>x" not in shown
    assert "<img" not in shown


def test_the_standing_is_in_sight(auditor: Client, settings: Settings) -> None:
    settings.AUDIT_WITNESSES = ["syslog+tcp://log.example.org:601", "https://user:word@witness.example.org/in"]
    AuditCheckpoint.objects.all()
    AuditCheck.objects.create(kind="verify", at=timezone.now(), events=12, faults=["shard 3, seq 8: rewritten"])
    AuditWitness.objects.create(address=settings.AUDIT_WITNESSES[0], number=0, error="connection refused")
    shown = auditor.get(PAGE).content.decode()
    assert "The log is not what was written." in shown
    assert "shard 3, seq 8: rewritten" in shown
    assert "connection refused" in shown
    assert "witness.example.org/in" in shown
    assert "word@" not in shown


def test_the_same_over_rest(deeds: None, with_key: SignIn, aaron: User, alice: User) -> None:
    client = with_key(aaron)
    found = client.get("/api/v1/audit/events", {"actor": str(alice.pk), "object": "thing:2", "outcome": "denied"})
    (event,) = found.json()["items"]
    assert event["action"] == "thing.drop"
    proof = client.get(f"/api/v1/audit/events/{event['id']}/proof").json()
    assert proof["event"]["id"] == event["id"]
    assert client.get("/api/v1/audit/standing").json()["keys"]
    made = AuditEvent.objects.filter(actor=str(aaron.pk)).values_list("action", flat=True)
    assert {"audit.read", "audit.prove"} <= set(made)


def test_a_choice_is_taken_along(deeds: None, auditor: Client, alice: User) -> None:
    answer = auditor.get(f"{PAGE}export/", {"actor": str(alice.pk), "action": "thing."})
    assert answer.headers["Content-Disposition"].startswith("attachment")
    content: Any = b"".join(answer.streaming_content)  # type: ignore[attr-defined]
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        lines = [json.loads(line) for line in archive.read("events.jsonl").decode().splitlines()]
    assert [line["object"] for line in lines] == ["thing:1", "thing:2", "thing:2"]
    assert auditor.get(f"{PAGE}export/", {"format": "xml"}).status_code == 422


def test_the_plot_counts_each_event_in_its_hour_or_day(deeds: None, alice: User) -> None:
    now = datetime.now(UTC)
    events = events_of(Chosen(actor=str(alice.pk)))
    for begin, is_by_hour in ((now - timedelta(hours=5), True), (now - timedelta(days=6), False)):
        plot = event_plot(events, begin, now + timedelta(minutes=1))
        assert plot.is_by_hour is is_by_hour
        assert (plot.fine, plot.refused, plot.whole) == (3, 1, 4)
        assert sum(bar.fine for bar in plot.bars) == 3
        assert all(0 <= bar.x <= plot.width and bar.refused_y >= 0 for bar in plot.bars)
    assert event_plot(events, now - timedelta(days=40), now - timedelta(days=30)).bars == []


def test_nothing_is_drawn_of_an_endless_stretch(auditor: Client, alice: User) -> None:
    assert "<figure" not in auditor.get(PAGE, {"object": "thing:1"}).content.decode()
    assert "<figure" in auditor.get(PAGE).content.decode()
