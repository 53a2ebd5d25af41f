"""Sources as a list: each with its kind, and for its keeper with its last run and what it needs, the neediest first."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from django.utils.translation import gettext

from knowledge.connectors.registry import CONNECTORS, connector_of
from knowledge.models import Source, Sync

ICONS = {"upload": "upload", "folder": "folder", "web": "globe", "git": "branch", "s3": "bucket", "files": "server"}


@dataclass(frozen=True)
class SourceLine:
    """A source, what its kind is called, and its last run, which may still be under way."""

    source: Source
    kind: str
    icon: str
    last: Sync | None

    @property
    def has_failed(self) -> bool:
        return self.last is not None and self.last.state == Sync.State.FAILED

    @property
    def need(self) -> int:
        """How much it needs its keeper: more than 0 when something waits."""
        source = self.source
        waits = [
            source.is_overdue,
            bool(getattr(source, "rejected_count", 0)),
            bool(getattr(source, "held_count", 0)),
            self.has_failed or bool(self.last and self.last.withheld),
        ]
        return sum(1 << place for place, is_so in enumerate(waits) if is_so)


def lines_of(sources: Iterable[Source], *, keeps: bool) -> list[SourceLine]:
    """For their keeper what needs them first, then by name. Readers are told of no runs, nor of what waits."""
    found = list(sources)
    last = _last_runs([source.pk for source in found]) if keeps else {}
    lines = [SourceLine(one, kind_of(one.kind), ICONS.get(one.kind, "book"), last.get(one.pk)) for one in found]
    return sorted(lines, key=lambda line: (-line.need if keeps else 0, line.source.name.lower()))


def kind_of(kind: str) -> str:
    """What a kind is called; its own name where there is no connector for it any more."""
    return gettext(connector_of(kind).label) if kind in CONNECTORS else kind


def _last_runs(source_ids: list[UUID]) -> dict[UUID, Sync]:
    runs = Sync.objects.filter(source__in=source_ids).defer("failures", "renames")
    last = runs.order_by("source_id", "-started_at").distinct("source_id")
    return {run.source_id: run for run in last}
