"""Every deed is in the audit log: each address, operation and form of the matrix is tried by one who may.

What changes something and writes no event fails the suite, unless it stands here with its reason; so does a look at
other people's words, an export, or a look at the log itself that leaves no trace. And what was refused as if it were
not there is recorded where it is somebody's.
"""

from __future__ import annotations

from pathlib import Path
from uuid import uuid4

import pytest
from django.contrib import admin
from django.contrib.admin.options import ModelAdmin
from django.core.cache import cache
from django.urls import URLPattern, URLResolver, get_resolver

from accounts.admin import AuditedAdmin, ReadOnlyAdmin
from accounts.auditing import refusals
from accounts.models import AuditEvent, User
from tests import factories
from tests.architecture.access_matrix import API, PAGES, SIGNED_IN, SOCKET_ACTIONS, Row
from tests.architecture.test_access import World, outcome, world
from tests.architecture.test_audited import RECORDERS, _reaching, functions
from tests.conftest import SignIn

__all__ = ["world"]

# Deeds of the matrix that write no event, each for its reason.
QUIET = {
    # They are so already in the matrix's world, or there is nothing to undo; where they change something they record.
    "DELETE /api/v1/conversations/{conversation}/shares",
    "POST /api/v1/index-generations/{generation}/serve",
    "POST knowledge:serve_index",
    "POST /api/v1/workers/{worker}/resume",
    "POST pool:resume",
    "POST knowledge:resume",
    "POST chat:choose_model",
    "POST chat:read_replies",
    "POST accounts:end_previous_secret",
    "POST accounts:end_other_sessions",
    "DELETE /api/v1/keys/{key}/previous",
    # Questions in the form of a POST, which change nothing: one's own search, names to choose from, a server tried out.
    "POST /api/v1/search",
    "POST /v1/embeddings",
    "POST chat:share_people",
    "POST /api/v1/workers/test",
    "POST pool:test_server",
    # The heartbeat of a claim that is recorded.
    "POST moderation:renew",
    # Pages of allauth answer a form that is not filled in; signing in and out, new passwords record by signal.
    "POST account_logout",
    # They ask who one is first; tests/accounts/test_set_up_second_step.py has what is recorded then.
    "POST mfa_add_webauthn",
    "POST mfa_deactivate_totp",
    "POST mfa_generate_recovery_codes",
    "POST mfa_remove_webauthn",
}

# Looks at what is somebody else's, exports, and the log itself: who makes them, and that each is an event.
LOOKS = {
    "GET audit:events": "aaron",
    "GET audit:export": "aaron",
    "GET audit:proof": "aaron",
    "GET /api/v1/audit/events": "aaron",
    "GET /api/v1/audit/events/{event}/proof": "aaron",
    "GET usage:csv": "aaron",
    "GET moderation:case": "dana",
    "GET /api/v1/cases/{case}": "dana",
    "GET chat:feedback_list": "dana",
    "GET chat:kept_feedback": "olivia",
    "GET chat:shared": "bob",
    "GET /api/v1/shares/{share}": "bob",
    "GET knowledge:document_access": "olivia",
    "GET /api/v1/documents/{document}/access": "olivia",
    "GET chat:download_own_export": "alice",
    "GET /api/v1/conversations/{conversation}/export": "alice",
}


def test_every_deed_writes_an_event(world: World, embedding_weights: Path) -> None:
    silent = set()
    for row in PAGES + API:
        if row.method != "GET" and not row.commits and row.allowed:
            caller = sorted(row.allowed & SIGNED_IN)[0]
            assert outcome(row, world.ask(row, caller)) == "in", row
            if not world.recorded:
                silent.add(str(row))
    assert silent - QUIET == set(), "these change something and record nothing"


def test_every_look_at_what_is_somebody_elses_writes_an_event(world: World) -> None:
    rows: dict[str, Row] = {}
    for row in PAGES + API:
        rows.setdefault(str(row), row)
    silent = {}
    for name, caller in LOOKS.items():
        was = outcome(rows[name], world.ask(rows[name], caller))
        if was != "in" or not world.recorded:
            silent[name] = was
    assert silent == {}


def test_socket_actions_reach_the_log() -> None:
    known = functions()
    records = _reaching(RECORDERS, known)
    assert set(SOCKET_ACTIONS) == {"ask", "edit", "stop", "regenerate", "continue"}
    assert {"ask", "edit_question", "stop_answer", "regenerate", "continue_answer"} <= records


def test_admin_pages_record_through_their_base_and_their_verbs() -> None:
    known = functions()
    records = _reaching(RECORDERS, known)
    for site in admin.site._registry.values():
        assert isinstance(site, AuditedAdmin)
        if not isinstance(site, ReadOnlyAdmin):
            # What it does itself comes after what the base records.
            own = type(site).__dict__
            assert "delete_queryset" not in own, site
            assert "save_model" not in own or "super().save_model" in _source(type(site)), site
        actions = [name for name in site.actions or () if isinstance(name, str)]
        assert [name for name in actions if name not in records and not _calls(type(site), name, records)] == []


def _source(site: type[ModelAdmin]) -> str:  # type: ignore[type-arg]
    import inspect

    return inspect.getsource(site)


def _calls(site: type[ModelAdmin], name: str, records: set[str]) -> bool:  # type: ignore[type-arg]
    return bool(set(getattr(site, name).__code__.co_names) & records)


def test_what_an_address_names_by_id_is_known() -> None:
    """So that a refused look at it can be recorded; what is not a row of a table stands here."""
    unknown = set()

    def walk(patterns: list[URLPattern | URLResolver]) -> None:
        for one in patterns:
            if isinstance(one, URLResolver):
                if one.namespace != "admin":
                    walk(one.url_patterns)
            else:
                unknown.update(name for name in one.pattern.converters if name.endswith("_id"))

    walk(get_resolver().url_patterns)
    assert len(unknown) > 15
    no_rows = {"provider_id"}  # stands in the settings
    assert {name for name in unknown if refusals.find_model(name) is None} == no_rows


@pytest.fixture
def refused_anew() -> None:
    cache.clear()


def refused(person: User) -> list[tuple[str, str]]:
    found = AuditEvent.objects.filter(actor=str(person.pk), action="access").order_by("at")
    return [(event.object, event.outcome) for event in found]


def test_asking_for_anothers_is_recorded_once_and_for_nothing_not_at_all(
    alice: User, bob: User, signed_in: SignIn, with_key: SignIn, refused_anew: None
) -> None:
    hers = factories.make_conversation(owner=alice)
    answer = factories.make_answer(conversation=hers)
    browser, program = signed_in(bob), with_key(bob)
    for _ in range(3):
        assert browser.get(f"/c/{hers.pk}/").status_code == 404
        assert program.get(f"/api/v1/messages/{answer.pk}").status_code == 404
        assert browser.get(f"/c/{uuid4()}/").status_code == 404
        assert signed_in(None).get(f"/c/{hers.pk}/").status_code == 302
    assert refused(bob) == [(f"conversation:{hers.pk}", "denied"), (f"message:{answer.pk}", "denied")]
    event = AuditEvent.objects.get(actor=str(bob.pk), object=f"message:{answer.pk}")
    assert event.request_id
    assert event.payload["method"] == "GET"


def test_nobody_fills_the_log_with_it(alice: User, bob: User, signed_in: SignIn, refused_anew: None) -> None:
    browser = signed_in(bob)
    for _ in range(refusals.MOST_AN_HOUR + 5):
        browser.get(f"/c/{factories.make_conversation(owner=alice).pk}/")
    assert len(refused(bob)) == refusals.MOST_AN_HOUR
