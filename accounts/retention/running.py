"""Applying the rules: what would go, and letting it go in batches, each with its own event in the audit log."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.db.models import Count
from django.db.models.functions import TruncDay
from django.utils import timezone

from accounts import audit
from accounts.models import RetentionRun, User
from accounts.retention.holding import note_everybody_held
from accounts.retention.kinds import Kind, due, kinds, ruled

AT_ONCE = 100
SHOWN = 20
AHEAD = timedelta(days=30)
LOST_AFTER = timedelta(minutes=5)  # a batch takes seconds
_LOCK = 7_046_009  # of the database's advisory locks: one run at a time


@dataclass(frozen=True)
class Thing:
    """Something that would go, by whose it is and when its days began: its words are nobody's business here."""

    id: str
    person: User
    at: datetime


@dataclass(frozen=True)
class Going:
    """What of one kind would go now: how many, of which groups' people, and the first of them."""

    kind: Kind
    count: int
    groups: list[tuple[str, int]]
    first: list[Thing]


def preview(now: datetime | None = None) -> list[Going]:
    """What a run would remove now, without what there is none of. Somebody in two groups counts in both."""
    now = now or timezone.now()
    found = []
    for kind in kinds():
        rows = due(kind, now)
        if count := rows.count():
            group = f"{kind.owner}__groups_reached__name"
            groups = rows.order_by().values_list(group).annotate(count=Count("pk", distinct=True)).order_by(group)
            found.append(Going(kind, count, [(name or "", number) for name, number in groups], _first(kind, rows)))
    return found


def _first(kind: Kind, rows: Any) -> list[Thing]:
    listed = list(rows.order_by("ends_at", "pk").values_list("pk", kind.owner, kind.at)[:SHOWN])
    people = User.objects.in_bulk([owner for _, owner, _ in listed])
    return [Thing(str(pk), people[owner], at) for pk, owner, at in listed]


def days_ahead(now: datetime | None = None) -> list[tuple[date, int]]:
    """How many things of all kinds go on each of the next thirty days; today's are those that are due already, too."""
    now = now or timezone.now()
    today = now.date()
    counts = {today + timedelta(days=number): 0 for number in range(AHEAD.days)}
    for kind in kinds():
        soon = ruled(kind).filter(ends_at__lt=now + AHEAD).order_by()
        for day, count in soon.values_list(TruncDay("ends_at")).annotate(count=Count("pk")):
            going = max(day.date(), today)
            if going in counts:
                counts[going] += count
    return list(counts.items())


def apply_rules() -> RetentionRun | None:
    """Remove all that is due; None when somebody else does just now. Killed at any moment, the next one goes on."""
    run = _begin_run()
    if run is None:
        return None
    note_everybody_held()
    for kind in kinds():
        while _remove_some(run, kind):
            pass
    run.ended_at = timezone.now()
    run.save(update_fields=["ended_at"])
    return run


def _begin_run() -> RetentionRun | None:
    """One at a time. One that was broken off is in nobody's way for long."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("select pg_advisory_xact_lock(%s)", [_LOCK])
        lately = timezone.now() - LOST_AFTER
        if RetentionRun.objects.filter(ended_at=None, touched_at__gt=lately).exists():
            return None
        return RetentionRun.objects.create()


def _remove_some(run: RetentionRun, kind: Kind) -> bool:
    """A batch; whether there may be more. What is due is asked anew each time: a hold may have come."""
    with transaction.atomic():
        rows = due(kind, timezone.now()).order_by("ends_at", "pk")
        ids: Sequence[Any] = list(rows.values_list("pk", flat=True)[:AT_ONCE])
        if not ids:
            return False
        removed = kind.remove(ids)
        run.counts[kind.slug] = run.counts.get(kind.slug, 0) + removed
        run.touched_at = timezone.now()
        run.save(update_fields=["counts", "touched_at"])
        payload = {"run": run.pk, "kind": kind.slug, "removed": removed}
        audit.record(actor=audit.SYSTEM, action="retention.remove", payload=payload)
    return removed > 0
