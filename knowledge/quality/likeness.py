"""Whether another document in force says the same, or nearly.

The database finds versions whose signature shares a number (an index lookup); those that share most are compared
exactly. Only documents that the source's owner may see are looked at, and the finding names none: who reads it gets
the title only as far as they may see it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db import connection
from django.db.models import Q

from knowledge.models import Document, Source, Version
from knowledge.quality.findings import Finding
from knowledge.quality.signatures import similarity

ALIKE = 0.8
_COMPARED = 5
_LONGEST = 2_000_000
_CLOSEST = """
SELECT v.id FROM knowledge_version v
WHERE v.id = ANY(%s)
ORDER BY v.signature[1] = %s DESC,
         cardinality(ARRAY(SELECT unnest(v.signature) INTERSECT SELECT unnest(%s::bigint[]))) DESC, v.id
LIMIT %s
"""
_CANDIDATES = 200


@dataclass(frozen=True)
class _Other:
    document_id: UUID
    version_id: UUID
    share: float


def alike(document: Document, text: str, signature: Sequence[int]) -> list[Finding]:
    """At most one finding: the document in force that is most like ``text``, from ALIKE on."""
    others = [_compared(version, text, signature) for version in _closest(document, signature)]
    best = max(others, key=lambda other: other.share, default=None)
    if best is None or best.share < ALIKE:
        return []
    detail = {"document": str(best.document_id), "version": str(best.version_id), "share": round(best.share, 3)}
    if best.share == 1.0:
        return [Finding("duplicate", 0.5, "Another document says word for word the same.", detail=detail)]
    message = f"Another document says nearly the same: {min(best.share, 0.99):.0%} of the text is in both."
    return [Finding("near_duplicate", 0.4, message, detail=detail)]


def _closest(document: Document, signature: Sequence[int]) -> list[Version]:
    """Versions in force of other documents that share most of the signature."""
    owner = document.source.owner
    sources = Source.objects.filter(
        Q(pk__in=Source.objects.visible_to(owner).order_by().values("pk"))
        | Q(pk__in=Source.objects.editable_by(owner).order_by().values("pk"))
    )
    found = list(
        Version.objects.in_force()
        .filter(signature__overlap=list(signature), document__source__in=sources)
        .exclude(document=document)
        .values_list("pk", flat=True)[:_CANDIDATES]
    )
    if not found:
        return []
    with connection.cursor() as cursor:
        cursor.execute(_CLOSEST, [found, signature[0], list(signature), _COMPARED])
        ids = [row[0] for row in cursor.fetchall()]
    return list(Version.objects.filter(pk__in=ids).only("document_id", "text", "signature"))


def _compared(version: Version, text: str, signature: Sequence[int]) -> _Other:
    if version.signature and version.signature[0] == signature[0]:
        return _Other(version.document_id, version.pk, 1.0)
    is_too_long = len(text) + len(version.text) > _LONGEST
    shared = len(set(version.signature) & set(signature)) / max(len(signature) - 1, 1)
    # Five equal rows make a band: of texts too long to be compared in passing, the share is guessed from the bands.
    share = min(shared, 1.0) ** 0.2 if is_too_long else min(similarity(version.text, text), 0.999)
    return _Other(version.document_id, version.pk, min(share, 0.999))
