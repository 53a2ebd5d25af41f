"""What readers thought of answers, for those who may reply: moderators all of it, keepers what touches their sources.

Nobody learns who it was. The question and the answer are shown where the reader wrote or chose words, which the form
says goes on with them, and personal data in them is masked; a keeper sees the answer only where they may read all that
it was written from. The words of a passage are shown to those who may read its source.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlencode
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_GET, require_POST

from accounts.callers import reader
from accounts.models import User
from accounts.rights import require
from app.web import markdown
from app.web.paging import newest_first
from chat.models import Citation, Feedback, FeedbackQuerySet, Message, Reply
from chat.pages.presenting import passage_url
from chat.uses import REASONS
from chat.verbs.replying import note_list_read, reply_to
from knowledge.models import Document, Source
from moderation.screening.masking import mask

ROWS = 30
OF_A_FILE = UUID(int=0)  # stands for a document that nobody else may read
FILTERS = {"waiting": _("Without a reply"), "down": _("Not helpful"), "up": _("Helpful"), "all": _("All")}


@dataclass(frozen=True)
class Cited:
    """A passage that the answer cited; its words where they may be read."""

    title: str
    source: str
    quote: str = ""
    url: str = ""


@dataclass(frozen=True)
class Given:
    """One reader's feedback as the page shows it; ``question`` and ``answer`` are empty where they are not shown."""

    id: UUID
    feedback: Feedback
    reason: str
    text: str
    question: str
    answer: str
    cited: list[Cited]
    replies: list[Reply]


@login_required
@require_GET
def listed(request: HttpRequest) -> HttpResponse:
    """For moderators."""
    user = reader(request)
    require(user, "moderation.review")
    note_list_read(user)
    return _page(request, Feedback.objects.visible_to(user), of_keeper=False)


@login_required
@require_GET
def kept(request: HttpRequest) -> HttpResponse:
    """For those who keep sources."""
    user = reader(request)
    require(user, "knowledge.edit_source")
    note_list_read(user)
    return _page(request, Feedback.objects.about_kept_by(user), of_keeper=True)


@login_required
@require_POST
def reply(request: HttpRequest, feedback_id: UUID) -> HttpResponse:
    user = reader(request)
    reply_to(user, feedback_id=feedback_id, text=request.POST.get("text", ""))
    of_keeper = request.POST.get("page") == "kept" or not user.holds("moderation.review")
    if not request.headers.get("HX-Request"):
        return redirect(reverse(_name(of_keeper)) + "?show=all")
    rows = Feedback.objects.about_kept_by(user) if of_keeper else Feedback.objects.visible_to(user)
    (given,) = _given(user, _with_all(rows.filter(pk=feedback_id)), of_keeper=of_keeper)
    return render(request, "chat/_feedback_row.html", {"one": given, "of_keeper": of_keeper})


def _page(request: HttpRequest, rows: FeedbackQuerySet, *, of_keeper: bool) -> HttpResponse:
    show = request.GET.get("show", "waiting")
    show = show if show in FILTERS else "waiting"
    cursor = request.GET.get("cursor")
    page = newest_first(_with_all(_shown(rows, show)), by="given_at", limit=ROWS, cursor=cursor)
    here = reverse(_name(of_keeper))
    context = {
        "given": _given(reader(request), page.items, of_keeper=of_keeper),
        "of_keeper": of_keeper,
        "filters": FILTERS,
        "show": show,
        "next_url": f"{here}?{urlencode({'show': show, 'cursor': page.next})}" if page.next else "",
        "first_url": f"{here}?{urlencode({'show': show})}" if cursor else "",
    }
    return render(request, "chat/feedback.html", context)


def _name(of_keeper: bool) -> str:
    return "chat:kept_feedback" if of_keeper else "chat:feedback_list"


def _shown(rows: FeedbackQuerySet, show: str) -> FeedbackQuerySet:
    if show == "waiting":
        return rows.unanswered().filter(Q(value=-1) | ~Q(text=""))
    return rows if show == "all" else rows.filter(value=1 if show == "up" else -1)


def _with_all(rows: FeedbackQuerySet) -> FeedbackQuerySet:
    related = rows.select_related("message__parent", "message__conversation__assistant")
    citations = "message__citations__passage__version__document__source"
    return related.prefetch_related(citations, "replies__author").defer("message__log", "message__held_text")


def _given(user: User, rows: Iterable[Feedback], *, of_keeper: bool) -> list[Given]:
    rows = list(rows)
    readable = set(Source.objects.visible_to(user).order_by().values_list("pk", flat=True))
    editable = set(Source.objects.editable_by(user).order_by().values_list("pk", flat=True))
    rested_on = {row.pk: _documents_of(row.message) for row in rows}
    every = set().union(*rested_on.values()) - {OF_A_FILE}
    known = set(Document.objects.filter(pk__in=every, source__in=readable).values_list("pk", flat=True))
    return [
        Given(
            id=row.pk,
            feedback=row,
            reason=str(REASONS.get(row.reason, row.reason)),
            text=mask(row.text),
            question=mask(row.message.parent.text) if row.has_words and row.message.parent else "",
            answer=_answer_of(row) if row.has_words and (not of_keeper or rested_on[row.pk] <= known) else "",
            cited=[
                _cited(one, readable)
                for one in row.message.citations.all()
                if not of_keeper or _source_of(one).pk in editable
            ],
            replies=list(row.replies.all()),
        )
        for row in rows
    ]


def _documents_of(answer: Message) -> set[UUID]:
    """What its cards are of; a file of the conversation is no document that anybody else may read."""
    return {UUID(card["document_id"]) if card["document_id"] else OF_A_FILE for card in answer.evidence}


def _answer_of(row: Feedback) -> str:
    return markdown.render(mask(row.message.text))


def _source_of(citation: Citation) -> Source:
    return citation.passage.version.document.source


def _cited(citation: Citation, readable: set[UUID]) -> Cited:
    document = citation.passage.version.document
    if document.source_id not in readable:
        return Cited(document.title, document.source.name)
    span = {"passage_id": citation.passage_id, "start": citation.start, "end": citation.end}
    return Cited(document.title, document.source.name, citation.quote, passage_url(span))
