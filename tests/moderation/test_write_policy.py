"""Writing a policy: every wording is kept, and what cannot be used is refused with a reason."""

from __future__ import annotations

from typing import Any

import pytest

from accounts.models import AuditEvent, User
from app.errors import NotAllowedError
from moderation.errors import PolicyError
from moderation.models import PolicyVersion
from moderation.policies.writing import create_policy, save_rules
from moderation.screening.rules import read_rules, rules_of
from tests.moderation.rulebook import rule

PAY = rule({"words": ["salary"]}, due_minutes=30)


def test_rules_are_kept_as_versions(ada: User) -> None:
    policy = create_policy(ada, slug="house", name="House rules", rules=[PAY])
    first = policy.current
    second = save_rules(ada, policy=policy, rules=[PAY, rule({"screen": "secrets"}, name="keys")], on_failure="block")
    policy.refresh_from_db()
    assert first is not None
    assert (first.number, second.number, policy.current) == (1, 2, second)
    assert [one.name for one in rules_of(second)] == ["a rule", "keys"]
    assert {one.on_failure for one in rules_of(second)} == {"block"}
    assert [one.as_json() for one in rules_of(first)] == [PAY]


def test_saving_the_same_wording_twice_changes_nothing(ada: User) -> None:
    policy = create_policy(ada, slug="house", name="House rules", rules=[PAY])
    assert save_rules(ada, policy=policy, rules=[PAY]) == policy.current
    assert PolicyVersion.objects.count() == 1


def test_every_version_is_in_the_audit_log(ada: User) -> None:
    policy = create_policy(ada, slug="house", name="House rules")
    save_rules(ada, policy=policy, rules=[PAY])
    events = AuditEvent.objects.filter(object=f"policy:{policy.pk}").order_by("at")
    assert [(event.action, event.actor, event.payload["version"]) for event in events] == [
        ("policy.save_rules", str(ada.pk), 1),
        ("policy.save_rules", str(ada.pk), 2),
    ]


def test_a_moderator_may_not_change_the_rules(dana: User, ada: User) -> None:
    policy = create_policy(ada, slug="house", name="House rules")
    with pytest.raises(NotAllowedError):
        save_rules(dana, policy=policy, rules=[PAY])
    with pytest.raises(NotAllowedError):
        create_policy(dana, slug="mine", name="Mine")


def test_a_slug_names_one_policy(ada: User) -> None:
    create_policy(ada, slug="house", name="House rules")
    with pytest.raises(PolicyError, match="house"):
        create_policy(ada, slug="house", name="Other rules")


@pytest.mark.parametrize(
    ("wording", "complaint"),
    [
        ({}, "name"),
        (rule({"words": []}), "words"),
        (rule({"words": ["*"]}), "visible"),
        (rule({"words": ["\u200b"]}), "visible"),
        (rule({}), "exactly one"),
        (rule({"words": ["a"], "pattern": "b"}), "exactly one"),
        (rule({"screen": "everything"}), "personal_data"),
        (rule({"screen": "personal_data", "kinds": ["shoe size"]}), "iban"),
        (rule({"words": ["a"]}, action="allow"), "annotate, hold, block"),
        (rule({"words": ["a"]}, scope="all"), "question, answer, both"),
        (rule({"words": ["a"]}, reason=""), "reason"),
        (rule({"words": ["a"]}, due_minutes=0), "due_minutes"),
        (rule({"words": ["a"]}, due_minutes=True), "due_minutes"),
        (rule({"words": ["a"]}, surprise=1), "surprise"),
    ],
)
def test_a_rule_that_cannot_be_used_is_refused_by_name(wording: dict[str, Any], complaint: str) -> None:
    with pytest.raises(PolicyError, match=complaint):
        read_rules([wording])


@pytest.mark.parametrize(
    ("pattern", "complaint"),
    [
        ("(a+)+", "for ever"),
        ("(a|aa)*b", "for ever"),
        ("((ab?)c){2,}", "for ever"),
        ("a*", "empty"),
        ("(?=x)y", "not allowed"),
        ("(?P<n>x)", "not allowed"),
        (r"(x)\1", "not allowed"),
        ("^x", "not allowed"),
        ("x$", "not allowed"),
        ("x++", "repeats nothing"),
        ("*x", "repeats nothing"),
        ("(x", "not closed"),
        ("x)", "never opened"),
        ("[x", "not allowed"),
        ("[z-a]", "cannot be read"),
        ("a*b*c*d*e*f", "without limit"),
        ("x" * 301, "300"),
    ],
)
def test_a_pattern_outside_the_dialect_is_refused(pattern: str, complaint: str) -> None:
    with pytest.raises(PolicyError, match=complaint):
        read_rules([rule({"pattern": pattern})])


@pytest.mark.parametrize(
    "pattern", [r"pay\s?rise", r"(?:red|blue) fox(es)?", r"\bäpfel\b", "[a-zé_-]{2,5}!", "(ab){3}c"]
)
def test_a_pattern_of_the_dialect_is_taken(pattern: str) -> None:
    assert read_rules([rule({"pattern": pattern})])[0].match.values == (pattern,)


def test_two_rules_need_two_names() -> None:
    with pytest.raises(PolicyError, match="a rule"):
        read_rules([PAY, PAY])


def test_a_policy_cannot_say_that_failures_are_let_through() -> None:
    with pytest.raises(PolicyError, match="hold or block"):
        read_rules([PAY], on_failure="allow")
