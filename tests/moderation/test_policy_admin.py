"""Policies in the admin site: changed through their verb, refused with its words."""

from __future__ import annotations

import json

from accounts.models import AuditEvent, User
from moderation.models import Case, Policy
from moderation.policies.writing import create_policy
from tests.conftest import SignIn
from tests.moderation.rulebook import rule

PAY = rule({"words": ["salary"]}, due_minutes=30)


def test_an_admin_makes_and_rewrites_a_policy(ada: User, signed_in: SignIn) -> None:
    client = signed_in(ada)
    sent = {"slug": "house", "name": "House rules", "rules": json.dumps([PAY]), "on_failure": "hold"}
    assert client.post("/admin/moderation/policy/add/", sent).status_code == 302
    policy = Policy.objects.get()
    sent["rules"] = json.dumps([PAY, rule({"screen": "secrets"}, name="keys")])
    assert client.post(f"/admin/moderation/policy/{policy.pk}/change/", sent).status_code == 302
    policy.refresh_from_db()
    assert policy.current is not None
    assert (policy.current.number, len(policy.current.rules)) == (2, 2)
    assert AuditEvent.objects.filter(action="policy.save_rules", actor=str(ada.pk)).count() == 2


def test_rules_that_cannot_be_used_come_back_with_the_reason(ada: User, signed_in: SignIn) -> None:
    sent = {"slug": "house", "name": "House rules", "rules": json.dumps([{"name": "pay"}]), "on_failure": "hold"}
    page = signed_in(ada).post("/admin/moderation/policy/add/", sent)
    assert page.status_code == 200
    assert "scope is one of question, answer, both" in page.content.decode()
    assert not Policy.objects.exists()


def test_the_form_shows_the_current_rules(ada: User, signed_in: SignIn) -> None:
    policy = create_policy(ada, slug="house", name="House rules", rules=[PAY])
    assert "salary" in signed_in(ada).get(f"/admin/moderation/policy/{policy.pk}/change/").content.decode()


def test_a_moderator_cannot_reach_policies_and_an_admin_cannot_read_cases(
    case: Case, ada: User, dana: User, signed_in: SignIn
) -> None:
    assert signed_in(dana).get("/admin/moderation/policy/").status_code == 302
    assert signed_in(ada).get("/admin/moderation/case/").status_code == 403
    assert signed_in(ada).get(f"/admin/moderation/case/{case.pk}/change/").status_code == 403
