"""The time-limited right to work on a document.

Whoever processes a document holds a lease on its row; ``attempts`` rises with every owner and is the fence, and a
version is written only while it still waits. So one who lost the lease, or whose version was overtaken by a newer one,
writes nothing.
"""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from django.db.models import F, Q
from django.utils import timezone

from knowledge.models import Document, Version

LEASE = timedelta(seconds=75)


def claim(document_id: UUID) -> Document | None:
    """The document, ours for LEASE; None when it does not wait or another has it."""
    now = timezone.now()
    free = Q(lease_until=None) | Q(lease_until__lt=now)
    claimed = Document.objects.filter(
        free, pk=document_id, state__in=[Document.State.QUEUED, Document.State.PROCESSING]
    ).update(
        state=Document.State.PROCESSING,
        attempts=F("attempts") + 1,
        lease_until=now + LEASE,
        reason="",
        updated_at=now,
    )
    return Document.objects.select_related("source__owner").get(pk=document_id) if claimed else None


def renew(*documents: Document) -> None:
    for document in documents:
        Document.objects.filter(pk=document.pk, attempts=document.attempts).update(lease_until=timezone.now() + LEASE)


def give_back(document: Document, time: timedelta, *, counts: bool = True) -> None:
    """Back into the queue for later; an attempt that failed for want of a part of Parley does not count."""
    now = timezone.now()
    Document.objects.filter(pk=document.pk, attempts=document.attempts, state=Document.State.PROCESSING).update(
        state=Document.State.QUEUED,
        attempts=F("attempts") if counts else F("attempts") - 1,
        lease_until=now + time if time else None,
        updated_at=now,
    )


def still_held(document: Document, version: Version) -> Document | None:
    """The document's row, locked until the transaction ends; None when we may not write to it any more."""
    current = Document.objects.select_for_update().get(pk=document.pk)
    if (current.attempts, current.state) != (document.attempts, Document.State.PROCESSING):
        return None
    waits = Version.objects.filter(pk=version.pk, published_at=None, withdrawn_at=None)
    return current if waits.exists() else None
