"""Deciding a case: once, by whoever holds it now, with all that follows in one transaction."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from django.db import connection

from accounts import audit
from accounts.models import AuditEvent, User
from app.errors import BadInputError, ConflictError, NotFoundError
from moderation.models import Case, Decision
from moderation.review.cases import claim_case, decide_case, release_claim
from moderation.signals import case_decided
from tests.moderation.conftest import OpenCase
from tests.moderation.test_claim_case import let_lease_run_out


@pytest.fixture
def heard() -> Iterator[list[tuple[Case, Decision, bool]]]:
    """What receivers were told, and whether they were inside a transaction."""
    news: list[tuple[Case, Decision, bool]] = []

    def hear(case: Case, decision: Decision, **_: Any) -> None:
        news.append((case, decision, connection.in_atomic_block))

    case_decided.connect(hear)
    yield news
    case_decided.disconnect(hear)


@pytest.mark.parametrize(
    ("action", "reason", "text", "kind"),
    [
        ("approve", "", "", "approved"),
        ("edit", "", "Ask the People team.\r\n", "edited"),
        ("reject", "This is private.", "", "rejected"),
    ],
)
def test_a_decision_ends_the_case_and_is_told(
    case: Case, dana: User, heard: list[Any], action: str, reason: str, text: str, kind: str
) -> None:
    claim_case(dana, case_id=case.pk)
    decision = decide_case(dana, case_id=case.pk, action=action, reason=reason, fence=1, text=text)
    case.refresh_from_db()
    assert (case.state, case.reviewer, case.lease_until) == ("final", dana, None)
    assert case.final_at is not None
    assert decision.text == text.replace("\r\n", "\n")
    assert [(told.pk, said, inside) for told, said, inside in heard] == [(case.pk, decision, True)]
    assert [event.kind for event in case.events.all()] == ["opened", "claimed", kind]


def test_a_decision_is_in_the_audit_log_without_its_words(case: Case, dana: User) -> None:
    claim_case(dana, case_id=case.pk)
    decide_case(dana, case_id=case.pk, action="reject", reason="This is private.", fence=1)
    event = AuditEvent.objects.get(action="case.rejected", object=f"case:{case.pk}")
    assert event.actor == str(dana.pk)
    assert event.payload["policy_version"] == str(case.policy_version_id)
    assert event.payload["reason"] == audit.digest("This is private.")


@pytest.mark.parametrize(
    ("action", "reason", "text"),
    [("reject", "  ", ""), ("escalate", "", ""), ("edit", "", " "), ("burn", "x", ""), ("approve", "x" * 2001, "")],
)
def test_what_is_missing_is_said_and_nothing_is_decided(
    case: Case, dana: User, action: str, reason: str, text: str
) -> None:
    claim_case(dana, case_id=case.pk)
    with pytest.raises(BadInputError):
        decide_case(dana, case_id=case.pk, action=action, reason=reason, fence=1, text=text)
    case.refresh_from_db()
    assert case.state == "claimed"


def test_deciding_twice_counts_once(case: Case, dana: User) -> None:
    claim_case(dana, case_id=case.pk)
    decide_case(dana, case_id=case.pk, action="approve", reason="", fence=1)
    with pytest.raises(ConflictError, match="Dana decided") as refused:
        decide_case(dana, case_id=case.pk, action="reject", reason="no", fence=1)
    assert refused.value.current["state"] == "final"
    assert Decision.objects.count() == 1


def test_a_stale_fence_is_refused_with_the_newer_state(case: Case, dana: User) -> None:
    claim_case(dana, case_id=case.pk)
    release_claim(dana, case_id=case.pk)
    claim_case(dana, case_id=case.pk)
    with pytest.raises(ConflictError) as refused:
        decide_case(dana, case_id=case.pk, action="approve", reason="", fence=1)
    assert (refused.value.current["state"], refused.value.current["fence"]) == ("claimed", 2)


def test_whoever_was_away_too_long_cannot_decide(case: Case, dana: User) -> None:
    claim_case(dana, case_id=case.pk)
    let_lease_run_out(case)
    with pytest.raises(ConflictError, match="ran out"):
        decide_case(dana, case_id=case.pk, action="approve", reason="", fence=1)


def test_a_case_that_nobody_claimed_cannot_be_decided(case: Case, dana: User) -> None:
    with pytest.raises(ConflictError, match="Claim"):
        decide_case(dana, case_id=case.pk, action="approve", reason="", fence=0)


def test_another_moderator_cannot_decide_a_claimed_case(case: Case, dana: User, erin: User) -> None:
    claim_case(dana, case_id=case.pk)
    with pytest.raises(ConflictError, match="Dana is working"):
        decide_case(erin, case_id=case.pk, action="approve", reason="", fence=1)


def test_an_outsider_gets_404(case: Case, charlie: User) -> None:
    with pytest.raises(NotFoundError):
        decide_case(charlie, case_id=case.pk, action="approve", reason="", fence=1)


def test_nobody_decides_on_their_own_content(open_one: OpenCase, dana: User) -> None:
    with pytest.raises(NotFoundError):
        decide_case(dana, case_id=open_one(subject=dana).pk, action="approve", reason="", fence=0)


def test_a_case_passed_on_waits_again_with_its_history(case: Case, dana: User, erin: User) -> None:
    claim_case(dana, case_id=case.pk)
    decide_case(dana, case_id=case.pk, action="escalate", reason="I know her.", fence=1)
    case.refresh_from_db()
    assert (case.state, case.reviewer) == ("open", None)
    claim_case(erin, case_id=case.pk)
    decide_case(erin, case_id=case.pk, action="approve", reason="", fence=2)
    assert [decision.action for decision in case.decisions.order_by("fence")] == ["escalate", "approve"]


@pytest.mark.django_db(transaction=True)
def test_a_receiver_that_fails_undoes_the_decision(case: Case, dana: User) -> None:
    def fail(**_: Any) -> None:
        raise RuntimeError("the content could not be released")

    claim_case(dana, case_id=case.pk)
    case_decided.connect(fail)
    try:
        with pytest.raises(RuntimeError):
            decide_case(dana, case_id=case.pk, action="approve", reason="", fence=1)
    finally:
        case_decided.disconnect(fail)
    case.refresh_from_db()
    assert (case.state, Decision.objects.count()) == ("claimed", 0)
    assert not AuditEvent.objects.filter(action="case.approved", object=f"case:{case.pk}").exists()


@pytest.mark.django_db(transaction=True)
def test_of_two_decisions_at_once_one_counts(case: Case, dana: User) -> None:
    claim_case(dana, case_id=case.pk)
    start = Barrier(2, timeout=60)

    def decide(action: str) -> bool:
        start.wait()
        try:
            decide_case(dana, case_id=case.pk, action=action, reason="because", fence=1)
        except ConflictError:
            return False
        else:
            return True
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as threads:
        assert sorted(threads.map(decide, ["approve", "reject"])) == [False, True]
    assert Decision.objects.count() == 1
