"""Asking a person: once for each revision of a content."""

from __future__ import annotations

from datetime import timedelta

from accounts.models import AuditEvent, User
from app.web.ids import new_id
from moderation.models import Case
from moderation.review.cases import claim_case, decide_case, supersede_cases
from tests.moderation.conftest import OpenCase


def test_a_case_waits_with_all_that_is_needed_to_judge_it(case: Case) -> None:
    assert (case.state, case.rule, case.fence) == ("open", "pay", 0)
    assert case.due_at - case.opened_at == timedelta(minutes=60)
    assert case.answer_waiting == case.answer
    assert [event.kind for event in case.events.all()] == ["opened"]


def test_the_same_revision_twice_is_one_case(open_one: OpenCase) -> None:
    content = new_id()
    assert open_one(content_id=content) == open_one(content_id=content)
    assert Case.objects.count() == 1


def test_a_decided_revision_is_not_asked_again(open_one: OpenCase, dana: User) -> None:
    content = new_id()
    case = open_one(content_id=content)
    decide_case(dana, case_id=case.pk, action="approve", reason="", fence=claim_case(dana, case_id=case.pk).fence)
    assert open_one(content_id=content) == case


def test_a_new_revision_supersedes_the_case_of_the_old_one(open_one: OpenCase, dana: User) -> None:
    content = new_id()
    old = claim_case(dana, case_id=open_one(content_id=content).pk)
    new = open_one(content_id=content, revision=2)
    old.refresh_from_db()
    assert (old.state, new.state) == ("superseded", "open")
    assert [event.kind for event in old.events.all()] == ["opened", "claimed", "superseded"]
    assert supersede_cases(content_kind="note", content_id=content, below_revision=2) == 0


def test_every_step_is_in_the_audit_log(open_one: OpenCase) -> None:
    case = open_one(content_id=new_id())
    event = AuditEvent.objects.get(object=f"case:{case.pk}")
    assert (event.action, event.actor) == ("case.opened", "system")
    assert event.payload["policy_version"] == str(case.policy_version_id)
    assert "Ben" not in str(event.payload)


def test_what_was_already_shown_is_told_apart_from_what_waits(open_one: OpenCase) -> None:
    case = open_one(answer="Shown. Kept.", shown=7)
    assert (case.answer_shown, case.answer_waiting) == ("Shown. ", "Kept.")
