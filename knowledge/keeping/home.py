"""An owner's home: what needs doing first, what people ask in vain, and how documents are used.

Everything is about the sources that this person keeps, or about one of them, in a fixed number of statements. Who
asked, and who judged an answer, is told to nobody; the words of a passage only to those who may read its source.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Count, Exists, OuterRef, QuerySet, Window
from django.db.models.functions import TruncDate
from django.utils import timezone
from django.utils.translation import gettext, gettext_noop

from accounts.models import User
from app.errors import NotFoundError
from knowledge.keeping.needs import Needs, count_states, needs_of
from knowledge.keeping.plots import DayPlot, Share, day_plot, stacked
from knowledge.keeping.uses import Judgement, uses
from knowledge.models import Document, Gap, GapQuestion, Source, Version

RECENT_DAYS = 30
LONG_DAYS = 90
LONG = timedelta(days=LONG_DAYS)
ROWS = 10
STATES: dict[str, str] = {
    Document.State.PUBLISHED: gettext_noop("published"),
    Document.State.HELD: gettext_noop("held for you"),
    Document.State.REJECTED: gettext_noop("refused"),
    Document.State.QUEUED: gettext_noop("waiting to be read"),
    Document.State.PROCESSING: gettext_noop("being read"),
    Document.State.WITHDRAWN: gettext_noop("withdrawn"),
}


@dataclass(frozen=True)
class DocumentUse:
    """A document with how often it was cited, or judged."""

    document: Document
    count: int = 0
    up: int = 0
    down: int = 0


@dataclass(frozen=True)
class Feedback:
    """A judgement, with its passage's words where the viewer may read them."""

    judgement: Judgement
    may_read: bool


@dataclass(frozen=True)
class Use:
    """The last 90 days; ``cited`` and its plot the last 30."""

    plot: DayPlot
    cited: Sequence[DocumentUse]
    low_rated: Sequence[DocumentUse]
    never_cited: Sequence[Document]
    never_cited_count: int
    feedback: Sequence[Feedback]


@dataclass(frozen=True)
class Home:
    """All that the page shows. ``gaps`` are those asked most; ``questions`` how many came each day."""

    sources: Sequence[Source]
    chosen: Source | None
    document_count: int
    states: Sequence[Share]
    needs: Needs
    gaps: Sequence[Gap]
    gap_count: int
    questions: DayPlot
    use: Use


def home_of(user: User, source_id: UUID | None = None) -> Home:
    """Of all sources that ``user`` keeps, or of one. Raises NotFoundError for one they do not keep."""
    sources = list(Source.objects.editable_by(user).select_related("owner"))
    chosen = next((source for source in sources if source.pk == source_id), None)
    if source_id and chosen is None:
        raise NotFoundError
    about = [chosen] if chosen else sources
    counts = count_states([source.pk for source in about])
    gaps = waiting_gaps(user, chosen)
    return Home(
        sources=sources,
        chosen=chosen,
        document_count=sum(counts.values()),
        states=stacked(counts, STATES),
        needs=needs_of(about, counts),
        gaps=list(gaps[:ROWS]),
        gap_count=gaps.count(),
        questions=_questions_plot(user, chosen),
        use=_use_of(user, about),
    )


def waiting_gaps(user: User, source: Source | None = None) -> QuerySet[Gap]:
    """The open gaps this person looks after, the most asked first."""
    gaps = Gap.objects.visible_to(user).waiting().select_related("source", "assignee")
    if source:
        gaps = gaps.filter(source=source)
    return gaps.order_by("-question_count", "-last_asked_at", "pk")


def _days_ago(days: int) -> datetime:
    """The midnight that a plot of so many days, today the last, begins at."""
    first = timezone.localdate() - timedelta(days=days - 1)
    return timezone.make_aware(datetime.combine(first, time()))


def _questions_plot(user: User, source: Source | None) -> DayPlot:
    questions = GapQuestion.objects.visible_to(user).filter(asked_at__gte=_days_ago(RECENT_DAYS))
    questions = questions.exclude(gap__state=Gap.State.DISMISSED)
    if source:
        questions = questions.filter(gap__source=source)
    days = questions.annotate(day=TruncDate("asked_at")).order_by().values_list("day").annotate(count=Count("pk"))
    return day_plot(
        dict(days),
        title=gettext("Questions without an answer, by day"),
        unit=gettext("questions"),
        last=timezone.localdate(),
        days=RECENT_DAYS,
    )


def _use_of(user: User, sources: Sequence[Source]) -> Use:
    ids = [source.pk for source in sources]
    long_ago, recently = timezone.now() - LONG, _days_ago(RECENT_DAYS)
    cited = uses().most_cited(ids, recently, ROWS)
    low = uses().low_rated(ids, long_ago, ROWS)
    judged = uses().judgements(ids, long_ago, ROWS)
    named = {one.document_id for one in cited} | {one.document_id for one in low}
    documents = Document.objects.select_related("source").in_bulk(named)
    readable = set(Source.objects.visible_to(user).filter(pk__in=ids).order_by().values_list("pk", flat=True))
    unused = list(_never_cited(ids, long_ago)[:ROWS])
    return Use(
        plot=day_plot(
            uses().cited_by_day(ids, recently),
            title=gettext("Citations, by day"),
            unit=gettext("citations"),
            last=timezone.localdate(),
            days=RECENT_DAYS,
        ),
        cited=[DocumentUse(documents[one.document_id], one.count) for one in cited if one.document_id in documents],
        low_rated=[
            DocumentUse(documents[one.document_id], up=one.up, down=one.down)
            for one in low
            if one.document_id in documents
        ],
        never_cited=unused,
        never_cited_count=unused[0].among if unused else 0,
        feedback=[Feedback(one, one.source_id in readable) for one in judged],
    )


def _never_cited(source_ids: Sequence[UUID], since: datetime) -> QuerySet[Any]:
    """Documents that have been published since before then, and that no answer has cited since; ``among`` how many."""
    published_before = Version.objects.filter(document=OuterRef("pk"), published_at__lt=since)
    documents = Document.objects.filter(Exists(published_before), source__in=source_ids, state=Document.State.PUBLISHED)
    unused = documents.exclude(pk__in=uses().cited_documents(source_ids, since))
    counted = unused.annotate(among=Window(Count("pk")))
    return counted.select_related("source").order_by("updated_at", "pk")
