"""The passages of an earlier search, as far as their reader would still find them: the rights of now, not of then."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from accounts.models import User
from knowledge.models import Passage, Source
from knowledge.retrieval.found import Found


def recall(*, user: User, passage_ids: Sequence[UUID], source_ids: Sequence[UUID] = ()) -> dict[UUID, Found]:
    """The named passages by their id, without those that a search by ``user`` could not find today: of another's
    source, of a version that is not in force any more, or disabled. ``source_ids`` narrows it to these sources.

    One statement. The score is 0, since nothing was asked.
    """
    sources = Source.objects.visible_to(user)
    rows = Passage.objects.filter(
        pk__in=passage_ids,
        disabled_at=None,
        version__published_at__isnull=False,
        version__withdrawn_at=None,
        version__document__source__in=sources.filter(pk__in=source_ids) if source_ids else sources,
    )
    rows = rows.select_related("version__document__source").defer("words", "version__text", "version__report")
    return {row.pk: _found(row) for row in rows}


def _found(passage: Passage) -> Found:
    version = passage.version
    return Found(
        passage_id=passage.pk,
        document_id=version.document_id,
        document_title=version.document.title,
        source=version.document.source.name,
        version_id=version.pk,
        version_number=version.number,
        heading_path=tuple(passage.heading_path),
        text=passage.text,
        page=passage.page,
        start=passage.start,
        end=passage.end,
        score=0.0,
        quote_start=passage.start,
        quote_end=passage.end,
    )
