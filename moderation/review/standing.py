"""How a case stands, for whoever waits for it: its place in the queue, and how long such cases take.

Both come from what is there: the place from the queue's own order, the time from what was decided lately. Where too
little was decided nothing is said of time, since a guess would be taken for a promise. Who works on it is not told.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from statistics import median
from typing import Any
from uuid import UUID

from django.db.models import F, Func, IntegerField, OuterRef, Q, Subquery
from django.db.models.functions import Coalesce
from django.utils import timezone

from moderation.models import Case

LATELY = timedelta(days=30)
LATEST = 50
LEAST = 3  # decisions, before they say anything about the next one


@dataclass(frozen=True)
class Standing:
    """``place`` counts from 1, among cases that nobody works on; ``usual_seconds`` is None while nobody can know."""

    place: int
    is_claimed: bool
    is_appeal: bool
    usual_seconds: float | None


def standings_of(content_kind: str, content_ids: Sequence[UUID]) -> dict[UUID, Standing]:
    """Of the contents that wait for a person. Two statements, or none without contents."""
    if not content_ids:
        return {}
    earlier = Q(due_at__lt=OuterRef("due_at")) | Q(due_at=OuterRef("due_at"), pk__lt=OuterRef("pk"))
    before = Case.objects.filter(earlier, state=Case.State.OPEN).order_by()
    count = before.annotate(count=Func(F("pk"), function="COUNT", output_field=IntegerField())).values("count")
    cases = Case.objects.waiting().filter(content_kind=content_kind, content_id__in=content_ids)
    rows: list[Any] = list(cases.defer("answer", "context").annotate(ahead=Subquery(count)))
    usual = usual_seconds() if rows else None
    places = {row.pk: row.ahead + 1 for row in rows}  # what was annotated
    return {row.content_id: Standing(places[row.pk], row.is_claimed, row.is_appeal, usual) for row in rows}


def usual_seconds() -> float | None:
    """The median of how long the latest decisions took, from the question or the appeal on."""
    ended = Case.objects.filter(state=Case.State.FINAL, final_at__gt=timezone.now() - LATELY).order_by("-final_at")
    waited = ended.annotate(since=Coalesce("appealed_at", "opened_at")).values_list("since", "final_at")[:LATEST]
    seconds = [(final_at - since).total_seconds() for since, final_at in waited if final_at]
    return median(seconds) if len(seconds) >= LEAST else None
