"""Taking a case: one reviewer at a time, for as long as they are there."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from uuid import UUID

import pytest
from django.db import connection
from django.utils import timezone

from accounts.models import AuditEvent, User
from app.errors import ConflictError, NotFoundError
from app.web.ids import new_id
from moderation.models import Case, CaseEvent
from moderation.review.cases import claim_case, decide_case, release_claim, renew_claim
from moderation.tasks import release_expired_claims
from tests import factories
from tests.moderation.conftest import OpenCase


def let_lease_run_out(case: Case) -> None:
    Case.objects.filter(pk=case.pk).update(lease_until=timezone.now() - timedelta(seconds=1))


def test_a_moderator_claims_a_case(case: Case, dana: User) -> None:
    claimed = claim_case(dana, case_id=case.pk)
    assert (claimed.state, claimed.reviewer, claimed.fence) == ("claimed", dana, 1)
    assert claimed.lease_until is not None
    assert timedelta(minutes=9) < claimed.lease_until - timezone.now() <= timedelta(minutes=10)
    assert AuditEvent.objects.filter(object=f"case:{case.pk}", action="case.claimed", actor=str(dana.pk)).count() == 1


def test_claiming_twice_keeps_one_claim(case: Case, dana: User) -> None:
    first = claim_case(dana, case_id=case.pk)
    second = claim_case(dana, case_id=case.pk)
    assert (first.fence, second.fence) == (1, 1)
    assert CaseEvent.objects.filter(case=case, kind="claimed").count() == 1


def test_a_claimed_case_is_refused_with_its_state(case: Case, dana: User, erin: User) -> None:
    claim_case(dana, case_id=case.pk)
    with pytest.raises(ConflictError, match="Dana") as refused:
        claim_case(erin, case_id=case.pk)
    assert refused.value.current["state"] == "claimed"
    assert refused.value.current["fence"] == 1


@pytest.mark.parametrize("person", ["charlie", "alice", "ada", "aaron", "olivia"])
def test_whoever_does_not_moderate_gets_404_and_is_noticed(
    case: Case, person: str, request: pytest.FixtureRequest
) -> None:
    actor: User = request.getfixturevalue(person)
    with pytest.raises(NotFoundError):
        claim_case(actor, case_id=case.pk)
    assert AuditEvent.objects.filter(actor=str(actor.pk), object=f"case:{case.pk}", outcome="denied").exists()


def test_nobody_claims_a_case_about_their_own_content(open_one: OpenCase, dana: User) -> None:
    own = open_one(subject=dana)
    with pytest.raises(NotFoundError):
        claim_case(dana, case_id=own.pk)


def test_a_case_that_is_not_there_is_404(dana: User) -> None:
    with pytest.raises(NotFoundError):
        claim_case(dana, case_id=new_id())


def test_a_claim_whose_lease_ran_out_goes_to_the_next(case: Case, dana: User, erin: User) -> None:
    claim_case(dana, case_id=case.pk)
    let_lease_run_out(case)
    taken = claim_case(erin, case_id=case.pk)
    assert (taken.reviewer, taken.fence) == (erin, 2)
    with pytest.raises(ConflictError):
        renew_claim(dana, case_id=case.pk, fence=1)


def test_a_heartbeat_keeps_a_claim(case: Case, dana: User) -> None:
    claim_case(dana, case_id=case.pk)
    Case.objects.filter(pk=case.pk).update(lease_until=timezone.now() + timedelta(seconds=5))
    renewed = renew_claim(dana, case_id=case.pk, fence=1)
    assert renewed.lease_until is not None
    assert renewed.lease_until > timezone.now() + timedelta(minutes=9)


def test_a_released_case_waits_again(case: Case, dana: User, erin: User) -> None:
    claim_case(dana, case_id=case.pk)
    with pytest.raises(ConflictError):
        release_claim(erin, case_id=case.pk)
    assert release_claim(dana, case_id=case.pk).state == "open"
    with pytest.raises(ConflictError):
        release_claim(dana, case_id=case.pk)
    assert claim_case(erin, case_id=case.pk).fence == 2


def test_the_clock_gives_expired_claims_back_and_leaves_live_ones(open_one: OpenCase, dana: User) -> None:
    expired, live = open_one(), open_one()
    for case in (expired, live):
        claim_case(dana, case_id=case.pk)
    let_lease_run_out(expired)
    release_expired_claims()
    release_expired_claims()
    expired.refresh_from_db()
    live.refresh_from_db()
    assert (expired.state, expired.reviewer, live.state) == ("open", None, "claimed")
    assert [event.kind for event in expired.events.all()] == ["opened", "claimed", "expired"]
    event = AuditEvent.objects.get(action="case.expired", object__in=[f"case:{case.pk}" for case in (expired, live)])
    assert event.actor == "system"


def test_a_case_passed_on_goes_to_somebody_else(case: Case, dana: User, erin: User) -> None:
    claim_case(dana, case_id=case.pk)
    decide_case(dana, case_id=case.pk, action="escalate", reason="I know her.", fence=1)
    with pytest.raises(ConflictError, match="passed"):
        claim_case(dana, case_id=case.pk)
    assert claim_case(erin, case_id=case.pk).fence == 2


@pytest.mark.django_db(transaction=True)
def test_of_many_who_claim_at_once_one_gets_it(open_one: OpenCase) -> None:
    case = open_one()
    people = [factories.make_user(f"reviewer{number}", roles=["moderator"]) for number in range(4)]
    start = Barrier(len(people), timeout=60)

    def claim(person: User) -> UUID | None:
        start.wait()
        try:
            return claim_case(person, case_id=case.pk).reviewer_id
        except ConflictError:
            return None
        finally:
            connection.close()

    with ThreadPoolExecutor(len(people)) as threads:
        winners = [winner for winner in threads.map(claim, people) if winner]
    case.refresh_from_db()
    assert winners == [case.reviewer_id]
    assert (case.fence, case.events.filter(kind="claimed").count()) == (1, 1)
