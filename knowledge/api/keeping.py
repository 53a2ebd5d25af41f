"""What waits for keepers, what is asked in vain, and how documents are used, for programs."""

from __future__ import annotations

from dataclasses import asdict
from uuid import UUID

from django.http import HttpRequest
from ninja import Router

from accounts.callers import caller
from accounts.rights import require
from app.web.paging import newest_first
from knowledge.keeping import asking_again, gaps
from knowledge.keeping import schemas as schemas
from knowledge.keeping.home import DocumentUse, Feedback, Home, home_of
from knowledge.keeping.plots import DayPlot
from knowledge.keeping.questions import gaps_of, get_gap
from knowledge.models import Document, Gap, Source, Sync

router = Router()


@router.get("/knowledge/home", response=schemas.HomeOut, summary="What waits for you, and how your documents are used")
def show_home(request: HttpRequest, source: UUID | None = None) -> schemas.HomeOut:
    user = caller(request)
    require(user, "knowledge.edit_source")
    return _home(home_of(user, source))


@router.get("/gaps", response=schemas.GapsOut, summary="Topics that were asked about without an answer")
def list_gaps(
    request: HttpRequest, show: str = "waiting", source: UUID | None = None, limit: int = 50, cursor: str | None = None
) -> schemas.GapsOut:
    """``show``: waiting, mine, closed or dismissed."""
    user = caller(request)
    require(user, "knowledge.edit_source")
    page = newest_first(gaps_of(user, show, source), by="last_asked_at", limit=limit, cursor=cursor)
    return schemas.GapsOut(items=[_gap(gap) for gap in page.items], next=page.next)


@router.post("/gaps/{uuid:gap_id}/assign", response=schemas.GapOut, summary="Give a topic to somebody")
def assign_gap(request: HttpRequest, gap_id: UUID, body: schemas.AssignIn) -> schemas.GapOut:
    user = caller(request)
    gap = get_gap(user, gap_id)
    return _gap(gaps.assign_gap(actor=user, gap=gap, person=gaps.find_keeper(body.person)))


@router.post("/gaps/{uuid:gap_id}/close", response=schemas.GapOut, summary="Close a topic, with a reason")
def close_gap(request: HttpRequest, gap_id: UUID, body: schemas.CloseIn) -> schemas.GapOut:
    user = caller(request)
    return _gap(gaps.close_gap(actor=user, gap=get_gap(user, gap_id), reason=body.reason))


@router.post("/gaps/{uuid:gap_id}/dismiss", response=schemas.GapOut, summary="Nothing that knowledge should answer")
def dismiss_gap(request: HttpRequest, gap_id: UUID) -> schemas.GapOut:
    user = caller(request)
    return _gap(gaps.dismiss_gap(actor=user, gap=get_gap(user, gap_id)))


@router.post("/gaps/{uuid:gap_id}/reopen", response=schemas.GapOut, summary="Open a topic again")
def reopen_gap(request: HttpRequest, gap_id: UUID) -> schemas.GapOut:
    user = caller(request)
    return _gap(gaps.reopen_gap(actor=user, gap=get_gap(user, gap_id)))


@router.post("/gaps/{uuid:gap_id}/merge", response=schemas.GapOut, summary="Join another topic into this one")
def merge_gaps(request: HttpRequest, gap_id: UUID, body: schemas.MergeIn) -> schemas.GapOut:
    user = caller(request)
    return _gap(gaps.merge_gaps(actor=user, gap=get_gap(user, gap_id), other=get_gap(user, body.other)))


@router.post("/gaps/{uuid:gap_id}/ask-again", response=schemas.AskedAgainOut, summary="Ask its questions again")
def ask_gap_again(request: HttpRequest, gap_id: UUID) -> schemas.AskedAgainOut:
    """As those who asked them. When all find support, the topic closes."""
    user = caller(request)
    answered = asking_again.ask_again(actor=user, gap=get_gap(user, gap_id))
    gap = get_gap(user, gap_id)
    return schemas.AskedAgainOut(asked=answered.asked_count, supported=len(answered.found), gap=_gap(gap))


def _gap(gap: Gap) -> schemas.GapOut:
    return schemas.GapOut(
        id=gap.pk,
        title=gap.title,
        state=gap.state,
        source_id=gap.source_id,
        source=gap.source.name if gap.source else "",
        assignee=str(gap.assignee) if gap.assignee else "",
        questions=gap.question_count,
        first_asked_at=gap.first_asked_at,
        last_asked_at=gap.last_asked_at,
        reason=gap.close_reason,
    )


def _home(home: Home) -> schemas.HomeOut:
    needs, use = home.needs, home.use
    return schemas.HomeOut(
        states={share.name: share.count for share in home.states},
        reviews=[_due(source) for source in (*needs.overdue, *needs.due_soon)],
        runs=[_run(run) for run in {run.pk: run for run in (*needs.failed_syncs, *needs.withheld)}.values()],
        documents=[_waiting(document) for document in (*needs.held, *needs.rejected)],
        gaps=[_gap(gap) for gap in home.gaps],
        gap_count=home.gap_count,
        questions_by_day=_days(home.questions),
        citations_by_day=_days(use.plot),
        most_cited=[_use(one) for one in use.cited],
        never_cited=[_use(DocumentUse(document)) for document in use.never_cited],
        low_rated=[_use(one) for one in use.low_rated],
        feedback=[_feedback(one) for one in use.feedback],
    )


def _due(source: Source) -> schemas.DueOut:
    assert source.review_by is not None
    return schemas.DueOut(
        source_id=source.pk, source=source.name, review_by=source.review_by, is_overdue=source.is_overdue
    )


def _run(run: Sync) -> schemas.RunOut:
    return schemas.RunOut(
        id=run.pk,
        source_id=run.source_id,
        source=run.source.name,
        state=run.state,
        failed=run.failed,
        withheld=run.withheld,
    )


def _waiting(document: Document) -> schemas.WaitingDocumentOut:
    return schemas.WaitingDocumentOut(
        id=document.pk,
        title=document.title,
        source=document.source.name,
        state=document.state,
        reason=document.reason,
    )


def _days(plot: DayPlot) -> list[schemas.DayOut]:
    return [schemas.DayOut(day=bar.day, count=bar.count) for bar in plot.bars]


def _use(one: DocumentUse) -> schemas.DocumentUseOut:
    return schemas.DocumentUseOut(
        id=one.document.pk, title=one.document.title, count=one.count, up=one.up, down=one.down
    )


def _feedback(one: Feedback) -> schemas.JudgementOut:
    values = asdict(one.judgement) | ({} if one.may_read else {"quote": ""})
    return schemas.JudgementOut(**{name: values[name] for name in schemas.JudgementOut.model_fields})
