"""What waits for those who keep sources: content to look at again, documents held or refused, runs that went wrong."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from django.db.models import Count
from django.utils import timezone

from knowledge.models import Document, Source, Sync

SOON = timedelta(days=14)
SHOWN = 20


@dataclass(frozen=True)
class Needs:
    """The first of each kind, and how many there are of the kinds that can be many."""

    overdue: Sequence[Source]
    due_soon: Sequence[Source]
    failed_syncs: Sequence[Sync]
    withheld: Sequence[Sync]
    held: Sequence[Document]
    rejected: Sequence[Document]
    held_count: int
    rejected_count: int

    @property
    def count(self) -> int:
        runs = len(self.failed_syncs) + len(self.withheld)
        return len(self.overdue) + len(self.due_soon) + runs + self.held_count + self.rejected_count


def needs_of(sources: Sequence[Source], states: dict[str, int] | None = None) -> Needs:
    """What waits in these sources, in four statements; ``states`` as of ``count_states``, if that is known."""
    ids = [source.pk for source in sources]
    states = count_states(ids) if states is None else states
    today = timezone.localdate()
    dated = sorted((source for source in sources if source.review_by), key=lambda source: str(source.review_by))
    last_runs = _last_runs(ids)
    return Needs(
        overdue=[source for source in dated if source.is_overdue],
        due_soon=[
            source
            for source in dated
            if source.review_by and not source.is_overdue and source.review_by <= today + SOON
        ],
        failed_syncs=[run for run in last_runs if run.state == Sync.State.FAILED or run.failed],
        withheld=[run for run in last_runs if run.withheld],
        held=_in_state(ids, Document.State.HELD),
        rejected=_in_state(ids, Document.State.REJECTED),
        held_count=states.get(Document.State.HELD, 0),
        rejected_count=states.get(Document.State.REJECTED, 0),
    )


def count_states(source_ids: Sequence[UUID]) -> dict[str, int]:
    """How many documents are in each state."""
    rows = Document.objects.filter(source__in=source_ids).order_by().values_list("state")
    return dict(rows.annotate(count=Count("pk")))


def _last_runs(source_ids: Sequence[UUID]) -> list[Sync]:
    """The last finished run over each source, the latest first."""
    last = (
        Sync.objects.filter(source__in=source_ids, finished_at__isnull=False)
        .order_by("source_id", "-started_at")
        .distinct("source_id")
        .select_related("source")
    )
    return sorted(last, key=lambda run: run.started_at, reverse=True)


def _in_state(source_ids: Sequence[UUID], state: Document.State) -> list[Document]:
    rows = Document.objects.filter(source__in=source_ids, state=state).select_related("source")
    return list(rows.order_by("-updated_at", "pk")[:SHOWN])
