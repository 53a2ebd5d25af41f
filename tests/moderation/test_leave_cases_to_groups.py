"""A policy leaves its cases to the moderators of some groups: others do not see them, and cannot touch them."""

from __future__ import annotations

import pytest
from django.urls import reverse

from accounts.models import User
from accounts.people.groups import nest_group
from app.errors import NotAllowedError, NotFoundError
from moderation.errors import PolicyError
from moderation.explaining import queues_of
from moderation.models import Case
from moderation.policies.writing import choose_reviewers
from moderation.review.cases import claim_case, decide_case
from moderation.review.queries import waiting_count
from tests import factories
from tests.conftest import SignIn
from tests.recorded import recorded


def test_only_moderators_of_the_groups_decide_also_of_groups_inside(
    case: Case, ada: User, dana: User, erin: User, alice: User, signed_in: SignIn
) -> None:
    policy = case.policy_version.policy
    inside = factories.make_group("Pay desk", members=[erin])
    desk = factories.make_group("Desk", members=[alice])
    nest_group(actor=ada, outer=desk, inner=inside)
    choose_reviewers(ada, policy=policy, groups=[desk])
    assert [waiting_count(person) for person in (dana, erin, alice)] == [0, 1, 0]
    with pytest.raises(NotFoundError):
        claim_case(dana, case_id=case.pk)
    page = reverse("moderation:case", args=[case.pk])
    assert [signed_in(person).get(page).status_code for person in (dana, erin)] == [404, 200]
    assert claim_case(erin, case_id=case.pk).reviewer == erin
    event = recorded(action="policy.choose_reviewers").get()
    assert event.payload == {"groups": [str(desk.pk)]}

    said = {thing.name: thing.open for thing in queues_of(dana).things}
    assert said == {"Review queue": True, f"Cases of {policy.name}": False}
    assert all(thing.open for thing in queues_of(erin).things)

    choose_reviewers(ada, policy=policy, groups=[])
    assert waiting_count(dana) == 1


def test_who_leaves_the_group_cannot_decide_what_they_claimed(case: Case, ada: User, dana: User, erin: User) -> None:
    desk = factories.make_group("Desk", members=[dana, erin])
    choose_reviewers(ada, policy=case.policy_version.policy, groups=[desk])
    claimed = claim_case(dana, case_id=case.pk)
    desk.members.remove(dana)
    with pytest.raises(NotFoundError):
        decide_case(dana, case_id=case.pk, fence=claimed.fence, action="approve", reason="")


def test_a_group_without_moderators_is_refused_and_nothing_changes(
    case: Case, ada: User, alice: User, dana: User
) -> None:
    policy = case.policy_version.policy
    with pytest.raises(PolicyError, match="Nobody in Desk"):
        choose_reviewers(ada, policy=policy, groups=[factories.make_group("Desk", members=[alice])])
    with pytest.raises(NotAllowedError):
        choose_reviewers(dana, policy=policy, groups=[])
    assert waiting_count(dana) == 1
