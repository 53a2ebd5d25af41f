"""Writing policies. A wording is never changed: saving rules makes a new version, and a case names the one it arose
from, so that a decision can always be read against the rules it was made under.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.db import IntegrityError, transaction

from accounts import audit
from accounts.models import Group, User
from accounts.rights import Capability, require
from moderation.errors import PolicyError
from moderation.models import Policy, PolicyVersion
from moderation.screening.rules import read_rules

CAPABILITY: Capability = "moderation.edit_policy"


def create_policy(
    actor: User, *, slug: str, name: str, rules: Sequence[Mapping[str, Any]] = (), on_failure: str = "hold"
) -> Policy:
    """A new policy with its first version. Raises PolicyError for rules that cannot be used or a slug in use."""
    require(actor, CAPABILITY)
    try:
        with transaction.atomic():
            policy = Policy.objects.create(slug=slug, name=name)
            _add_version(actor, policy, rules, on_failure)
    except IntegrityError as error:
        raise PolicyError(f"There is a policy called {slug!r} already.") from error
    return policy


def save_rules(
    actor: User, *, policy: Policy, rules: Sequence[Mapping[str, Any]], on_failure: str = "hold"
) -> PolicyVersion:
    """Make ``rules`` the policy's current wording, as a new version; the same wording again changes nothing.

    Each rule is an object with ``name``, ``scope`` (question, answer or both), ``match`` ({"words": [...]},
    {"pattern": "..."} or {"screen": "personal_data" | "secrets" | "injection", "kinds"?: [...]}), ``action``
    (annotate, hold or block), ``reason`` (told to the reader) and ``due_minutes``. ``on_failure`` (hold or block) is
    what happens to a text that could not be looked at. Raises PolicyError.
    """
    require(actor, CAPABILITY)
    with transaction.atomic():
        policy = Policy.objects.select_for_update(of=("self",)).select_related("current").get(pk=policy.pk)
        wording = [rule.as_json() for rule in read_rules(rules, on_failure=on_failure)]
        if policy.current and (policy.current.rules, policy.current.on_failure) == (wording, on_failure):
            return policy.current
        return _add_version(actor, policy, rules, on_failure)


def choose_reviewers(actor: User, *, policy: Policy, groups: Sequence[Group]) -> None:
    """Leave the cases of a policy, also those that wait, to the moderators of these groups; of none, to all.

    Raises PolicyError when nobody is left who could decide them.
    """
    require(actor, CAPABILITY)
    with transaction.atomic():
        policy = Policy.objects.select_for_update(of=("self",)).get(pk=policy.pk)
        before = set(policy.reviewers.values_list("pk", flat=True))
        if before == {group.pk for group in groups}:
            return
        check_reviewers(groups)
        policy.reviewers.set(groups)
        names = [str(group.pk) for group in groups]
        audit.record(actor=actor, action="policy.choose_reviewers", obj=policy, payload={"groups": names})


def check_reviewers(groups: Sequence[Group]) -> None:
    """Raises PolicyError where nobody in these groups could decide a case."""
    people = User.objects.filter(is_active=True, is_service=False, groups_reached__in=groups).distinct()
    if groups and not any(person.holds("moderation.review") for person in people):
        names = ", ".join(sorted(group.name for group in groups))
        raise PolicyError(f"Nobody in {names} may review. Put a moderator into one of these groups first.")


def _add_version(actor: User, policy: Policy, rules: Sequence[Mapping[str, Any]], on_failure: str) -> PolicyVersion:
    wording = [rule.as_json() for rule in read_rules(rules, on_failure=on_failure)]
    version = PolicyVersion.objects.create(
        policy=policy,
        number=(policy.current.number if policy.current else 0) + 1,
        rules=wording,
        on_failure=on_failure,
        created_by=actor,
    )
    policy.current = version
    policy.save(update_fields=["current"])
    audit.record(
        actor=actor, action="policy.save_rules", obj=policy, payload={"version": version.number, "rules": len(wording)}
    )
    return version
