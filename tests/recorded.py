"""What the audit log says of one test: rows of others stay in it, for nobody may take any out."""

from __future__ import annotations

from datetime import datetime

from django.db.models import QuerySet
from django.utils import timezone

from accounts.models import AuditEvent

_began: list[datetime] = []


def begin() -> None:
    """A test begins."""
    _began[:] = [timezone.now()]


def recorded(**chosen: object) -> QuerySet[AuditEvent]:
    """Events since the test began, the oldest first."""
    return AuditEvent.objects.filter(at__gte=_began[0], **chosen).order_by("at")
