"""Appealing against a decision: once, by whom the case is about, and decided by somebody else."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from accounts import audit
from accounts.models import AuditEvent, User
from app.errors import BadInputError, ConflictError, NotFoundError
from moderation.models import Case, Decision
from moderation.review.appeals import appeal_case
from moderation.review.cases import claim_case, decide_case, release_claim
from moderation.review.standing import standings_of
from tests.moderation.conftest import OpenCase

WHY = "It is about my own salary, not Ben's."


def decide(reviewer: User, case: Case, action: str = "reject", reason: str = "Private.", text: str = "") -> Decision:
    claimed = claim_case(reviewer, case_id=case.pk)
    return decide_case(reviewer, case_id=case.pk, action=action, reason=reason, fence=claimed.fence, text=text)


def appeal(person: User, case: Case, text: str = WHY) -> Case:
    return appeal_case(person, content_kind=case.content_kind, content_id=case.content_id, text=text)


@pytest.fixture
def rejected(case: Case, dana: User) -> Case:
    decide(dana, case)
    case.refresh_from_db()
    return case


def test_a_case_is_open_again_in_its_second_round(rejected: Case, alice: User) -> None:
    long = rejected.due_at - rejected.opened_at
    again = appeal(alice, rejected)
    assert (again.state, again.round, again.appeal, again.reviewer, again.final_at) == ("open", 2, WHY, None, None)
    assert again.appealed_at is not None
    assert abs(again.due_at - again.appealed_at - long) < timedelta(seconds=5)
    assert [event.kind for event in again.events.all()] == ["opened", "claimed", "rejected", "appealed"]


def test_it_is_in_the_audit_log_without_its_words(rejected: Case, alice: User) -> None:
    appeal(alice, rejected)
    event = AuditEvent.objects.get(action="case.appealed", object=f"case:{rejected.pk}")
    assert (event.actor, event.payload["text"]) == (str(alice.pk), audit.digest(WHY))


def test_the_first_decider_may_not_decide_again(rejected: Case, alice: User, dana: User, erin: User) -> None:
    appeal(alice, rejected)
    with pytest.raises(ConflictError, match="decided this case the first time"):
        claim_case(dana, case_id=rejected.pk)
    assert decide(erin, rejected, "approve", "").round == 2


def test_whoever_passed_it_on_the_first_time_may(case: Case, alice: User, dana: User, erin: User) -> None:
    decide(dana, case, "escalate", "I know her.")
    decide(erin, case)
    appeal(alice, case)
    assert decide(dana, case, "approve", "").round == 2


def test_and_is_told_when_their_claim_on_the_appeal_ended(case: Case, alice: User, dana: User, erin: User) -> None:
    decide(dana, case, "escalate", "I know her.")
    decide(erin, case)
    appeal(alice, case)
    claimed = claim_case(dana, case_id=case.pk)
    release_claim(dana, case_id=case.pk, fence=claimed.fence)
    with pytest.raises(ConflictError, match="Your claim has ended"):
        decide_case(dana, case_id=case.pk, action="approve", reason="", fence=claimed.fence)


def test_nor_may_who_passes_on_the_appeal(rejected: Case, alice: User, erin: User) -> None:
    appeal(alice, rejected)
    decide(erin, rejected, "escalate", "I know her.")
    with pytest.raises(ConflictError, match="passed this case on"):
        claim_case(erin, case_id=rejected.pk)


def test_there_is_one_appeal(rejected: Case, alice: User, erin: User) -> None:
    appeal(alice, rejected)
    with pytest.raises(ConflictError, match="appealed already"):
        appeal(alice, rejected)
    decide(erin, rejected)
    with pytest.raises(ConflictError, match="second decision is the last"):
        appeal(alice, rejected)


def test_others_cannot_appeal(rejected: Case, bob: User, dana: User) -> None:
    for other in (bob, dana):
        with pytest.raises(ConflictError):
            appeal(other, rejected)
    rejected.refresh_from_db()
    assert (rejected.state, rejected.round) == ("final", 1)


def test_what_waits_or_was_approved_cannot_be_appealed_against(open_one: OpenCase, alice: User, dana: User) -> None:
    waiting, approved = open_one(), open_one()
    decide(dana, approved, "approve", "")
    with pytest.raises(ConflictError, match="Nobody has decided yet"):
        appeal(alice, waiting)
    with pytest.raises(ConflictError, match="withheld or edited"):
        appeal(alice, approved)


@pytest.mark.parametrize("text", ["", "  \n", "x" * 2001])
def test_an_appeal_says_why_and_not_endlessly(rejected: Case, alice: User, text: str) -> None:
    with pytest.raises(BadInputError):
        appeal(alice, rejected, text)


def test_an_edited_case_can_be_appealed_against(case: Case, alice: User, dana: User) -> None:
    decide(dana, case, "edit", text="Ask the People team.")
    assert appeal(alice, case).round == 2


def test_the_database_holds_one_decision_a_round(rejected: Case, erin: User) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        Decision.objects.create(case=rejected, reviewer=erin, action="approve", fence=7, round=1)


@pytest.mark.django_db(transaction=True)
def test_of_two_appeals_at_once_one_counts(rejected: Case, alice: User) -> None:
    assert at_once(lambda: appeal(alice, rejected), lambda: appeal(alice, rejected)) == [False, True]
    assert rejected.events.filter(kind="appealed").count() == 1


@pytest.mark.django_db(transaction=True)
def test_of_two_who_want_the_appeal_one_has_it(rejected: Case, alice: User, erin: User, bob: User) -> None:
    bob.roles = [*bob.roles, "moderator"]
    bob.save()
    appeal(alice, rejected)
    won = at_once(*[lambda one=one: claim_case(one, case_id=rejected.pk) for one in (erin, bob)])  # type: ignore[misc]
    assert won == [False, True]


def at_once(*deeds: Callable[[], object]) -> list[bool]:
    """Which of them went through, sorted."""
    start = Barrier(len(deeds), timeout=60)

    def run(deed: Callable[[], object]) -> bool:
        start.wait()
        try:
            deed()
        except (ConflictError, NotFoundError):
            return False
        else:
            return True
        finally:
            connection.close()

    with ThreadPoolExecutor(len(deeds)) as threads:
        return sorted(threads.map(run, deeds))


def test_the_place_is_that_of_the_queue(open_one: OpenCase, dana: User) -> None:
    late, early, claimed = open_one(due_minutes=90), open_one(due_minutes=30), open_one(due_minutes=10)
    claim_case(dana, case_id=claimed.pk)
    ids = [late.content_id, early.content_id, claimed.content_id]
    told = standings_of("note", ids)
    assert [told[one].place for one in ids] == [2, 1, 1]
    assert [told[one].is_claimed for one in ids] == [False, False, True]
    assert {one.usual_seconds for one in told.values()} == {None}


def test_the_time_is_the_median_of_the_latest_decisions(open_one: OpenCase, dana: User) -> None:
    for minutes in (4, 6, 50):
        case = open_one()
        decide(dana, case)
        Case.objects.filter(pk=case.pk).update(opened_at=timezone.now() - timedelta(minutes=minutes))
    waiting = open_one()
    told = standings_of("note", [waiting.content_id])[waiting.content_id]
    assert told.usual_seconds == pytest.approx(360, abs=5)


def test_decisions_of_long_ago_say_nothing(open_one: OpenCase, dana: User) -> None:
    for _ in range(3):
        decide(dana, open_one())
    Case.objects.update(final_at=timezone.now() - timedelta(days=40))
    waiting = open_one()
    assert standings_of("note", [waiting.content_id])[waiting.content_id].usual_seconds is None
