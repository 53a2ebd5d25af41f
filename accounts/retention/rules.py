"""Setting and dropping rules of how long things are kept."""

from __future__ import annotations

from django.db import transaction
from django.utils import timezone

from accounts import audit, rights
from accounts.models import Group, RetentionRule, User
from accounts.retention.kinds import find_kind
from app.errors import BadInputError


def set_rule(*, actor: User, kind: str, group: Group | None, days: int) -> RetentionRule:
    """Keep things of this kind so many days, those of everybody or of a group's people; instead of the rule before.

    Raises BadInputError for a kind that there is not, and for a number of days that cannot be.
    """
    rights.require(actor, "retention.administer")
    found = find_kind(kind)
    if found is None:
        raise BadInputError("Choose what the rule is about.")
    most = found.most() if found.most else RetentionRule.MOST_DAYS
    if not 1 <= days <= most:
        raise BadInputError(f"Keep it for 1 to {most} days.")
    with transaction.atomic():
        before = RetentionRule.objects.select_for_update().filter(kind=kind, group=group).first()
        values = {"days": days, "set_by": actor, "set_at": timezone.now()}
        rule, _ = RetentionRule.objects.update_or_create(kind=kind, group=group, defaults=values)
        payload = {
            "kind": kind,
            "group": str(group.pk) if group else "",
            "before": before.days if before else None,
            "after": days,
        }
        audit.record(actor=actor, action="retention.set_rule", obj=rule, payload=payload)
    return rule


def drop_rule(*, actor: User, rule: RetentionRule) -> None:
    """What it was about is kept as the other rules say, else for good. Twice is as once."""
    rights.require(actor, "retention.administer")
    with transaction.atomic():
        label = audit.label(rule)
        count, _ = RetentionRule.objects.filter(pk=rule.pk).delete()
        if count:
            payload = {"kind": rule.kind, "group": str(rule.group_id or ""), "days": rule.days}
            audit.record(actor=actor, action="retention.drop_rule", obj=label, payload=payload)
