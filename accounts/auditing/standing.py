"""How the log's proof stands, for pages and monitors: the last checkpoint, the last checks, the witnesses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.utils import timezone

from accounts.auditing.keys import trusted_keys
from accounts.auditing.witnesses import shown
from accounts.models import AuditCheck, AuditCheckpoint, AuditEvent, AuditWitness

# Checkpoints come every minute while something happens; later than this one is missing.
LATE = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class WitnessStanding:
    address: str
    behind: int
    told_at: datetime | None
    error: str


@dataclass(frozen=True, slots=True)
class Standing:
    """``faults``: what the last checks found. ``is_late``: events have waited for a checkpoint for too long."""

    checkpoint: AuditCheckpoint | None
    sealed: AuditCheck | None
    verified: AuditCheck | None
    witnesses: Sequence[WitnessStanding]
    keys: Sequence[str]
    faults: Sequence[str]
    is_late: bool

    @property
    def trouble(self) -> str:
        """One sentence for a monitor, or "". It names no row: anybody may ask."""
        if self.faults:
            return "the audit log is not what was written"
        return "the audit log has had no checkpoint for some minutes" if self.is_late else ""

    @property
    def age_seconds(self) -> float | None:
        """Of the last checkpoint."""
        return (timezone.now() - self.checkpoint.at).total_seconds() if self.checkpoint else None


def read_standing() -> Standing:
    checkpoint = AuditCheckpoint.objects.order_by("-number").first()
    checks = {check.kind: check for check in AuditCheck.objects.all()}
    sealed, verified = checks.get(AuditCheck.Kind.SEAL), checks.get(AuditCheck.Kind.VERIFY)
    faults = [str(fault) for check in (sealed, verified) if check for fault in check.faults]
    witnesses = []
    known = {witness.address: witness for witness in AuditWitness.objects.all()}
    for address in settings.AUDIT_WITNESSES:
        witness = known.get(address)
        behind = checkpoint.number - witness.number if checkpoint and witness else 0
        told_at, error = (witness.told_at, witness.error) if witness else (None, "")
        witnesses.append(WitnessStanding(shown(address), behind, told_at, error))
    return Standing(
        checkpoint, sealed, verified, witnesses, trusted_keys(), list(dict.fromkeys(faults)), _is_late(checkpoint)
    )


def _is_late(checkpoint: AuditCheckpoint | None) -> bool:
    """Whether something happened since the last checkpoint, longer ago than it should take to be sealed."""
    events = AuditEvent.objects.filter(at__lt=timezone.now() - LATE)
    if checkpoint:
        events = events.filter(at__gt=checkpoint.at)
    return events.exists()
