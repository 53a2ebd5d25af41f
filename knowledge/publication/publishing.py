"""How processing a version ends: published, held for its keeper, or refused. Each is one transaction, with its audit
event, and happens only while the lease is ours.

A version that does not get published leaves the one before it in force.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.db import transaction
from django.utils import timezone

from accounts.audit import record
from knowledge.index.indexing import Embedded, write_passages
from knowledge.models import Document, Version
from knowledge.publication.leasing import still_held
from knowledge.publication.preparing import Prepared
from knowledge.quality.judging import summary

ACTOR = "system:ingestion"


@dataclass(frozen=True)
class Outcome:
    """How processing ended: ``state`` of the document, ``passages`` published, ``reason`` when held or refused."""

    state: str
    passages: int = 0
    reason: str = ""


def publish(prepared: Prepared, embedded: Embedded) -> Outcome | None:
    """Make the version the one that is found; None when the lease was lost meanwhile.

    Raises IndexChangedError when another index generation has come to serve.
    """
    version, now = prepared.version, timezone.now()
    with transaction.atomic():
        current = still_held(prepared.document, version)
        if current is None:
            return None
        current.versions.in_force().update(withdrawn_at=now)
        version.published_at, version.passage_count = now, len(prepared.pieces)
        _keep(prepared, "published_at", "passage_count")
        write_passages(version, prepared.title, prepared.pieces, embedded)
        current.title = prepared.title
        _settle(current, Document.State.PUBLISHED)
        current.quality = summary(prepared.report)
        current.save()
        record(
            actor=ACTOR,
            action="document.publish",
            obj=current,
            payload={"version": version.number, "sha256": version.sha256, "passages": len(prepared.pieces)},
        )
    return Outcome(current.state, passages=len(prepared.pieces))


def hold(prepared: Prepared) -> Outcome | None:
    """Keep the version back until its keeper has decided. It has no passages, so nothing finds or opens it."""
    version = prepared.version
    with transaction.atomic():
        current = still_held(prepared.document, version)
        if current is None:
            return None
        _keep(prepared)
        if not current.versions.in_force().exists():
            current.title = prepared.title
        _settle(current, Document.State.HELD, prepared.reason)
        current.quality = summary(prepared.report)
        current.save()
        record(
            actor=ACTOR,
            action="document.hold",
            obj=current,
            payload={"version": version.number, "sha256": version.sha256, "findings": prepared.report["holds"]},
        )
    return Outcome(current.state, reason=prepared.reason)


def refuse(document: Document, version: Version, reason: str) -> Outcome | None:
    """End the attempt with a reason its owner can act on."""
    with transaction.atomic():
        current = still_held(document, version)
        if current is None:
            return None
        Version.objects.filter(pk=version.pk).update(withdrawn_at=timezone.now())
        _settle(current, Document.State.REJECTED, reason)
        current.save()
        record(
            actor=ACTOR,
            action="document.reject",
            obj=current,
            payload={"version": version.number, "sha256": version.sha256},
        )
    return Outcome(current.state, reason=reason)


def _keep(prepared: Prepared, *fields: str) -> None:
    """Write what was read into the version's row."""
    version, extracted = prepared.version, prepared.extracted
    version.title, version.text, version.media_type = prepared.title, extracted.text, extracted.media_type
    version.pages = [list(page) for page in extracted.pages]
    version.report, version.signature = prepared.report, prepared.signature
    version.save(update_fields=["title", "text", "media_type", "pages", "report", "signature", *fields])


def _settle(document: Document, state: Document.State, reason: str = "") -> None:
    document.state, document.reason = state, reason[:500]
    document.attempts, document.lease_until = 0, None
