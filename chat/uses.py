"""How answers use documents, for those who keep them: how often each is cited, and what readers thought.

Answers the questions of ``knowledge.keeping.uses``. Citations of an answer that waits for a moderator are not counted
yet, as its reader has not seen it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime
from typing import Any
from uuid import UUID

from django.db.models import Count, F, Q, QuerySet
from django.db.models.functions import TruncDate

from accounts.sealed.fields import opened
from chat.models import Citation, Feedback, Message
from knowledge.keeping.uses import Cited, Judgement, Rated
from moderation.screening.masking import mask

REASONS: dict[str, object] = dict((*Feedback.Reason.choices, *Feedback.Praise.choices))  # in the reader's language
DOCUMENT = "passage__version__document"
LEAST_DOWN = 2


class AnswerUses:
    """See ``knowledge.keeping.uses.Uses``."""

    def most_cited(self, source_ids: Sequence[UUID], since: datetime, limit: int) -> list[Cited]:
        rows = _cited_since(source_ids, since).values_list(f"{DOCUMENT}_id").annotate(count=Count("pk"))
        return [Cited(*row) for row in rows.order_by("-count", f"{DOCUMENT}_id")[:limit]]

    def cited_by_day(self, source_ids: Sequence[UUID], since: datetime) -> dict[date, int]:
        days = _cited_since(source_ids, since).annotate(day=TruncDate("message__created_at"))
        return dict(days.values_list("day").annotate(count=Count("pk")))

    def cited_documents(self, source_ids: Sequence[UUID], since: datetime) -> QuerySet[Any, Any]:
        ids: QuerySet[Any, Any] = _cited_since(source_ids, since).values(f"{DOCUMENT}_id")
        return ids

    def judgements(self, source_ids: Sequence[UUID], since: datetime, limit: int) -> list[Judgement]:
        judged = _of(source_ids).filter(message__feedback__given_at__gte=since)
        first = judged.order_by("message_id", "number").distinct("message_id").values("pk")
        rows = Citation.objects.filter(pk__in=first).order_by("-message__feedback__given_at", "pk")
        columns = rows.values_list(
            "message__feedback__pk",
            "message__feedback__value",
            "message__feedback__reason",
            "message__feedback__text",
            "message__feedback__given_at",
            f"{DOCUMENT}_id",
            f"{DOCUMENT}__title",
            f"{DOCUMENT}__source_id",
            "passage_id",
            "start",
            "end",
            "quote",
        )
        return [_told(row[0], Judgement(*row[1:])) for row in columns[:limit]]

    def low_rated(self, source_ids: Sequence[UUID], since: datetime, limit: int) -> list[Rated]:
        judged = _of(source_ids).filter(message__feedback__given_at__gte=since).order_by()
        rows = judged.values_list(f"{DOCUMENT}_id").annotate(
            up=Count("message", filter=Q(message__feedback__value=1), distinct=True),
            down=Count("message", filter=Q(message__feedback__value=-1), distinct=True),
        )
        low = rows.filter(Q(down__gte=LEAST_DOWN), Q(down__gte=F("up")))
        return [Rated(*row) for row in low.order_by("-down", f"{DOCUMENT}_id")[:limit]]


def _of(source_ids: Sequence[UUID]) -> QuerySet[Citation]:
    """Citations of these sources that their readers have seen."""
    of_sources: dict[str, Any] = {f"{DOCUMENT}__source__in": list(source_ids)}
    return Citation.objects.filter(**of_sources).exclude(message__state=Message.State.HELD)


def _cited_since(source_ids: Sequence[UUID], since: datetime) -> QuerySet[Citation]:
    return _of(source_ids).filter(message__created_at__gte=since).order_by()


def _told(feedback_id: UUID, judgement: Judgement) -> Judgement:
    """With the reason in words, and what was said opened, without what the reader may have told of themselves."""
    reason = str(REASONS.get(judgement.reason, judgement.reason))
    return replace(judgement, reason=reason, text=mask(opened(Feedback, "text", feedback_id, judgement.text)))
